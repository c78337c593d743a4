using Microsoft.Extensions.Logging;
using Orleans.Concurrency;
using SelfJudge.Abstractions;
using SelfJudge.Preferences.Randomness;
using SelfJudge.Preferences.Sampling;
using SelfJudge.Preferences.Tournaments;

namespace SelfJudge.Grains.Prompts;

/// <summary>
/// One prompt in one round: it asks a policy replica for completions, has a tournament play their bracket, and in
/// training streams the triplets to the trainer. It keeps them and sends them again until the trainer has acknowledged
/// them: the stream is transport, not the only copy.
/// </summary>
[Reentrant, GrainType("prompt")]
public sealed partial class PromptGrain(PromptGrainOptions options, ILogger<PromptGrain> logger) : Grain, IPromptGrain
{
    private Task<PromptOutcome>? _play;
    private TripletBatch? _unacknowledged;
    private IGrainTimer? _resend;
    private int _resent;

    public async Task<PromptOutcome> Play(PromptRequest request, CancellationToken cancellation)
    {
        if (_play is null or { IsFaulted: true } or { IsCanceled: true } || _play.IsCompleted && IsStale((await _play).Completions, request))
        {
            _unacknowledged = null;
            _resend?.Dispose();
            _resent = 0;
            _play = PlayOnce(request, cancellation);
        }
        else if (_unacknowledged is not null)
            await Publish();
        var outcome = await _play;
        if (request.Training is null)
            DeactivateOnIdle();
        return outcome;
    }

    public Task Acknowledge()
    {
        _unacknowledged = null;
        _resend?.Dispose();
        DeactivateOnIdle();
        return Task.CompletedTask;
    }

    private async Task<PromptOutcome> PlayOnce(PromptRequest request, CancellationToken cancellation)
    {
        var sampled = await Sample(request, cancellation);
        var bracket = await GrainFactory.GetGrain<ITournamentGrain>(this.GetPrimaryKeyString()).Play(new TournamentRequest(
            request.JudgeHost, request.JudgeModel, request.Turns, [.. sampled.Completions.Select(c => c.Text)], request.JudgeTemplates,
            Seeds.Derive(request.Seed, "bracket"), request.BatchKey is null ? null : $"{request.BatchKey}/judge", request.BatchSize, request.Index), cancellation);
        if (request.Training is { } training)
        {
            _unacknowledged = ToTriplets(request, training, sampled, bracket);
            await Publish();
            _resend = this.RegisterGrainTimer(Resend, new GrainTimerCreationOptions(options.ResendAfter, options.ResendAfter) { Interleave = true, KeepAlive = true });
        }
        return new PromptOutcome(request.Index, sampled.Completions, bracket);
    }

    // On-policy is checked, not hoped for: completions of too old a policy are asked for again, and the trainer checks
    // what arrives once more.
    private async Task<SampleResponse> Sample(PromptRequest request, CancellationToken cancellation)
    {
        var replica = GrainFactory.GetGrain<IPolicyReplicaGrain>(request.PolicyHost);
        var seeds = Enumerable.Range(0, request.Samples).Select(i => Seeds.Derive(request.Seed, i)).ToArray();
        for (var attempt = 1; ; attempt++)
        {
            // A second attempt is this prompt's own: the others of its batch may have what they need.
            var batch = request.BatchKey is null || attempt > 1 ? null : new BatchMembership($"{request.BatchKey}/sample", request.BatchSize, request.Index);
            var sampled = await replica.Sample(new SampleRequest(request.PolicyModel, request.Turns, seeds, request.Sampling, batch), cancellation);
            if (attempt == options.SampleAttempts || !IsStale(sampled.Completions, request))
                return sampled;
            LogStale(this.GetPrimaryKeyString(), sampled.Completions.Min(c => c.PolicyVersion), request.Training!.PolicyVersion);
        }
    }

    private static bool IsStale(IReadOnlyList<Completion> completions, PromptRequest request) =>
        request.Training is { MaxStaleness: { } allowed } training && training.PolicyVersion - completions.Min(c => c.PolicyVersion) > allowed;

    private TripletBatch ToTriplets(PromptRequest request, TripletRequest training, SampleResponse sampled, Bracket bracket)
    {
        var triplets = TripletSelection.From(bracket, training.Pattern).Select(p =>
        {
            var verdict = bracket.Matches[p.Match].Verdict;
            var firstWon = verdict.Winner == 1;
            return new Triplet(p.Match, sampled.PromptIds, sampled.Completions[p.Chosen], sampled.Completions[p.Rejected],
                firstWon ? verdict.ScoreFirst : verdict.ScoreSecond, firstWon ? verdict.ScoreSecond : verdict.ScoreFirst,
                verdict.Judgments.All(j => j.OrdersAgree), request.Turns[^1].Content);
        }).ToList();
        var judged = bracket.Matches.Select(m => m.Verdict).Where(v => v.Judgments.Count > 0).ToList();
        var completions = sampled.Completions;
        var summary = new CompletionSummary(completions.Count, completions.Sum(c => c.Ids.Length), completions.Min(c => c.Ids.Length), completions.Max(c => c.Ids.Length),
            completions.Count(c => c.Finish == FinishReason.Stop), -completions.Sum(c => c.LogProbs.Sum(p => (double)p)));
        return new TripletBatch(training.RunId, training.Stage, training.Step, request.Index, this.GetPrimaryKeyString(), triplets, bracket.Matches.Count - judged.Count, judged, summary);
    }

    private async Task Resend()
    {
        if (++_resent <= options.ResendLimit)
        {
            await Publish();
            return;
        }
        // The run has ended without a word, or failed and was left: played again, it samples the same by the same seeds.
        LogGivenUp(this.GetPrimaryKeyString(), options.ResendLimit);
        await Acknowledge();
    }

    private async Task Publish()
    {
        if (_unacknowledged is { } batch)
            await this.GetStreamProvider(TripletStream.Provider).GetStream<TripletBatch>(TripletStream.Of(batch.RunId)).OnNextAsync(batch);
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Prompt}: sampled from policy version {Version}, but the step is to learn from version {Wanted}; sampling again")]
    private partial void LogStale(string prompt, long version, long wanted);

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Prompt}: no trainer has acknowledged its triplets after {Count} repetitions; dropping them")]
    private partial void LogGivenUp(string prompt, int count);
}

/// <summary>How prompt grains wait and retry.</summary>
public sealed record PromptGrainOptions
{
    /// <summary>Triplets that are not acknowledged for so long are sent again.</summary>
    public TimeSpan ResendAfter { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>How often they are sent again before the prompt gives up on its trainer: an hour, by default.</summary>
    public int ResendLimit { get; init; } = 360;

    /// <summary>How often completions are asked for, while they come back stale, before they are handed on, and refused.</summary>
    public int SampleAttempts { get; init; } = 3;
}

/// <summary>The stream of preference triplets, one per run.</summary>
public static class TripletStream
{
    public const string Provider = "triplets";
    public const string Namespace = "triplets";

    public static StreamId Of(string runId) => StreamId.Create(Namespace, runId);
}
