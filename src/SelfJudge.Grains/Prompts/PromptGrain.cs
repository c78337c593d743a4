using Microsoft.Extensions.Logging;
using Orleans.Concurrency;
using SelfJudge.Abstractions;
using SelfJudge.Preferences.Judging;
using SelfJudge.Preferences.Randomness;
using SelfJudge.Preferences.Sampling;
using SelfJudge.Preferences.Tournaments;

namespace SelfJudge.Grains.Prompts;

/// <summary>
/// One prompt in one round: it asks a policy replica for completions, has a tournament play their bracket, and in
/// training streams the triplets to the trainer. It keeps them and sends them again until the trainer has acknowledged
/// them: the stream is transport, not the only copy. A run that is resumed, or begun anew under the same path, asks in a later
/// epoch of its trainer: what it asks for is played anew, by the same seeds, and what an earlier one asked for goes. In training one
/// activation has the prompts of a place in the batch step after step, since to make and end one for each costs more than what it does;
/// those of a step that is being written to disk wait here while the next one is played.
/// </summary>
[Reentrant, GrainType("prompt")]
public sealed partial class PromptGrain(PromptGrainOptions options, ILogger<PromptGrain> logger) : Grain, IPromptGrain
{
    private readonly Dictionary<(long Epoch, int Step), Handover> _unacknowledged = [];
    private ((long Epoch, int Step)? At, Task<PromptOutcome>? Outcome) _play; // in training at an epoch and a step

    public async Task<PromptOutcome> Play(PromptRequest request, CancellationToken cancellation)
    {
        while (true)
        {
            var at = request.Training is { } training ? (training.Epoch, training.Step) : ((long Epoch, int Step)?)null;
            var play = _play.At == at ? _play.Outcome : null;
            var isOwn = play is null or { IsFaulted: true } or { IsCanceled: true }
                || play.IsCompleted && IsStale((await play).Completions, request);
            if (isOwn)
            {
                foreach (var handedOver in _unacknowledged.Keys.Where(k => k == at || k.Epoch < at?.Epoch).ToList())
                    Forget(handedOver);
                _play = (at, play = PlayOnce(request, cancellation));
            }
            else if (at is { } played && _unacknowledged.TryGetValue(played, out var handover))
                await Publish(handover.Batch);
            try
            {
                var outcome = await play!;
                if (request.Training is null)
                    DeactivateOnIdle();
                return outcome;
            }
            catch (OperationCanceledException) when (!isOwn && !cancellation.IsCancellationRequested)
            {
                // Whoever asked first has given up; who asks now has not.
            }
        }
    }

    public Task Acknowledge(int step, long epoch)
    {
        Forget((epoch, step));
        // Asked for this step again, it samples anew.
        if (_play.At == (epoch, step))
            _play = default;
        return Task.CompletedTask;
    }

    private async Task<PromptOutcome> PlayOnce(PromptRequest request, CancellationToken cancellation)
    {
        var sampled = await Sample(request, cancellation);
        var compared = await Compare(request, sampled, cancellation);
        if (request.Training is { } training)
        {
            var batch = new TripletBatch(training.RunId, training.Stage, training.Epoch, training.Step, request.Index,
                this.GetPrimaryKeyString(),
                compared.Triplets, compared.Identical, compared.Verdicts, Summary(sampled.Completions), compared.Rewarded,
                    compared.Inconsistent);
            var handover = _unacknowledged[(training.Epoch, training.Step)] = new Handover(batch);
            var again = new GrainTimerCreationOptions(options.ResendAfter, options.ResendAfter) { Interleave = true, KeepAlive = true };
            handover.Timer = this.RegisterGrainTimer(Resend, handover, again);
            await Publish(batch);
        }
        return new PromptOutcome(request.Index, sampled.Completions, compared.Bracket, compared.Priors);
    }

    private Task<ComparedCompletions> Compare(PromptRequest request, SampleResponse sampled, CancellationToken cancellation) =>
        request.Feedback switch
        {
            FeedbackKind.Tournament => PlayBracket(request, sampled, cancellation),
            FeedbackKind.RejectionSampling => Accept(request, sampled, cancellation),
            _ => Reward(request, sampled, cancellation),
        };

    private async Task<ComparedCompletions> PlayBracket(PromptRequest request, SampleResponse sampled, CancellationToken cancellation)
    {
        var pattern = request.Training?.Pattern ?? TripletPattern.Final;
        var priors = await Priors(request, sampled, cancellation);
        var bracket = await GrainFactory.GetGrain<ITournamentGrain>(this.GetPrimaryKeyString()).Play(new TournamentRequest(
            request.JudgeHost, request.JudgeModel, request.Turns, [.. sampled.Completions.Select(c => c.Text)], request.JudgeTemplates,
            Seeds.Derive(request.Seed, "bracket"), request.Cohort?.For("judge"), IsOneOfMany: request.Training is not null,
            pattern, priors), cancellation);
        return ComparedCompletions.Of(bracket, pattern, request.Training?.RequireAgreement ?? false, sampled,
            request.Turns[^1].Content) with
        { Priors = priors };
    }

    // What was sampled has its log-probabilities with it; those under another model are asked for, by the ids as sampled.
    private async Task<IReadOnlyList<double>?> Priors(PromptRequest request, SampleResponse sampled, CancellationToken cancellation)
    {
        if (request.Prior is not { } prior)
            return null;
        var completions = sampled.Completions;
        var logProbs = prior.Model is not { } model ? completions.Select(c => c.LogProbs.Sum(p => (double)p))
            : (await GrainFactory.GetGrain<IPolicyReplicaGrain>(request.PolicyHost).LogProbs(new LogProbsRequest(model,
                [.. completions.Select(c => new GivenResponse(request.Turns, c.Text, new ResponseIds(sampled.PromptIds, c.Ids)))], false),
                    cancellation))
                .Responses.Select(r => r.LogProb);
        return [.. logProbs.Zip(completions, (p, c) => MatchPrior.Weigh(prior.Weight, prior.Per, p, c.Ids.Length))];
    }

    // RSO: one of the samples, drawn at random, is what the judge compares all others with.
    private async Task<ComparedCompletions> Accept(PromptRequest request, SampleResponse sampled, CancellationToken cancellation)
    {
        var texts = sampled.Completions.Select(c => c.Text).ToList();
        var baseline = RejectionSelection.Baseline(texts.Count, request.Seed);
        var verdicts = await Judge(request, [.. texts.Where((_, i) => i != baseline).Select(t => new ResponsePair(t, texts[baseline]))],
            cancellation);
        return ComparedCompletions.Of(RejectionSelection.Of(texts, baseline, verdicts, request.AcceptanceBeta, request.Seed),
            request.Training?.RequireAgreement ?? false, sampled, request.Turns[^1].Content);
    }

    private async Task<ComparedCompletions> Reward(PromptRequest request, SampleResponse sampled, CancellationToken cancellation)
    {
        var completions = sampled.Completions;
        if (request.Feedback == FeedbackKind.RewardModel)
        {
            var rewards = await Replica(request)
                .Reward(new RewardRequest(request.JudgeModel, request.Turns,
                [.. completions.Select(c => new RewardCandidate(c.Text, c.Finish == FinishReason.Stop, c.Ids))],
                request.Cohort?.For("reward"), sampled.PromptIds, sampled.Tokenizer), cancellation);
            return ComparedCompletions.Of(rewards, [], sampled, request.Turns[^1].Content);
        }
        // Table 3: the likelihood that the judge token names the response and not a blank one.
        var verdicts = await Judge(request, [.. completions.Select(c => new ResponsePair(c.Text, ""))], cancellation);
        return ComparedCompletions.Of([.. verdicts.Select(v => v.ScoreFirst)], verdicts, sampled, request.Turns[^1].Content);
    }

    private Task<IReadOnlyList<Verdict>> Judge(PromptRequest request, IReadOnlyList<ResponsePair> pairs, CancellationToken cancellation) =>
        Replica(request).Judge(new JudgeRequest(request.JudgeModel, request.Turns, pairs, request.JudgeTemplates,
            request.Cohort?.For("judge")), cancellation);

    private IJudgeReplicaGrain Replica(PromptRequest request) => GrainFactory.GetGrain<IJudgeReplicaGrain>(request.JudgeHost);

    // On-policy is checked, not hoped for: completions of too old a policy are asked for again, and the trainer checks
    // what arrives once more.
    private async Task<SampleResponse> Sample(PromptRequest request, CancellationToken cancellation)
    {
        var replica = GrainFactory.GetGrain<IPolicyReplicaGrain>(request.PolicyHost);
        var seeds = Enumerable.Range(0, request.Samples).Select(i => Seeds.Derive(request.Seed, i)).ToArray();
        for (var attempt = 1; ; attempt++)
        {
            // A second attempt is this prompt's own: the others of its batch may have what they need.
            var cohort = attempt > 1 ? null : request.Cohort?.For("sample");
            var sampled = await replica.Sample(new SampleRequest(request.PolicyModel, request.Turns, seeds, request.Sampling, cohort),
                cancellation);
            if (attempt == options.SampleAttempts || !IsStale(sampled.Completions, request))
                return sampled;
            LogStale(this.GetPrimaryKeyString(), sampled.Completions.Min(c => c.PolicyVersion), request.Training!.PolicyVersion);
        }
    }

    private static bool IsStale(IReadOnlyList<Completion> completions, PromptRequest request) =>
        request.Training is { MaxStaleness: { } allowed } training
            && training.PolicyVersion - completions.Min(c => c.PolicyVersion) > allowed;

    private static CompletionSummary Summary(IReadOnlyList<Completion> completions) =>
        new(completions.Count, completions.Sum(c => c.Ids.Length), completions.Min(c => c.Ids.Length), completions.Max(c => c.Ids.Length),
        completions.Count(c => c.Finish == FinishReason.Stop), -completions.Sum(c => c.LogProbs.Sum(p => (double)p)));

    private async Task Resend(Handover handover, CancellationToken cancellation)
    {
        if (_unacknowledged.GetValueOrDefault((handover.Batch.Epoch, handover.Batch.Step)) != handover)
            return;
        if (++handover.Resent <= options.ResendLimit)
        {
            await Publish(handover.Batch);
            return;
        }
        // The run has ended without a word, or failed and was left: played again, it samples the same by the same seeds.
        LogGivenUp(this.GetPrimaryKeyString(), options.ResendLimit);
        await Acknowledge(handover.Batch.Step, handover.Batch.Epoch);
        if (_unacknowledged.Count == 0)
            DeactivateOnIdle();
    }

    private Task Publish(TripletBatch batch) =>
        this.GetStreamProvider(TripletStream.Provider).GetStream<TripletBatch>(TripletStream.Of(batch.RunId)).OnNextAsync(batch);

    private void Forget((long Epoch, int Step) handedOver)
    {
        if (_unacknowledged.Remove(handedOver, out var handover))
            handover.Timer?.Dispose();
    }

    private sealed class Handover(TripletBatch batch)
    {
        public TripletBatch Batch { get; } = batch;
        public IGrainTimer? Timer { get; set; }
        public int Resent { get; set; }
    }

    [LoggerMessage(Level = LogLevel.Warning,
        Message = "{Prompt}: sampled from policy version {Version}, but the step is to learn from version {Wanted}; sampling again")]
    private partial void LogStale(string prompt, long version, long wanted);

    [LoggerMessage(Level = LogLevel.Warning,
        Message = "{Prompt}: no trainer has acknowledged its triplets after {Count} repetitions; dropping them")]
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
