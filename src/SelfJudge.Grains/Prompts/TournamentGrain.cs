using Orleans.Concurrency;
using SelfJudge.Abstractions;
using SelfJudge.Preferences.Judging;
using SelfJudge.Preferences.Tournaments;

namespace SelfJudge.Grains.Prompts;

/// <summary>
/// Plays a bracket: each round is one request for verdicts. It holds nothing between calls; in training one activation plays
/// the brackets of a place in the batch step after step, since to make and end one for each costs more than the playing.
/// </summary>
[Reentrant, GrainType("tournament")]
public sealed class TournamentGrain : Grain, ITournamentGrain
{
    public async Task<Bracket> Play(TournamentRequest request, CancellationToken cancellation)
    {
        var judge = GrainFactory.GetGrain<IJudgeReplicaGrain>(request.JudgeHost);
        var bracket = Bracket.Of(request.Responses.Count, request.Seed);
        while (!bracket.IsDecided)
            bracket = bracket.Play(await Judge(bracket.NextRound));
        // All brackets of a batch ask, those too whose rounds put together what the pattern takes: a batch has a fixed size.
        if (TripletSelection.MostUnjudged(request.Pattern, request.Responses.Count) > 0
            && TripletSelection.Unjudged(bracket, request.Pattern) is var further && (further.Count > 0 || request.Cohort is not null))
            bracket = bracket.PlayFurther(further, await Judge(further));
        if (!request.IsOneOfMany)
            DeactivateOnIdle();
        return bracket;

        async Task<IReadOnlyList<Verdict>> Judge(IReadOnlyList<Pairing> pairings)
        {
            var pairs = pairings.Select(p => new ResponsePair(request.Responses[p.First], request.Responses[p.Second])).ToList();
            var verdicts = await judge.Judge(new JudgeRequest(request.JudgeModel, request.Turns, pairs, request.Templates,
                request.Cohort?.For($"round-{bracket.Round}")), cancellation);
            return request.Priors is not { } priors ? verdicts
                : [.. verdicts.Zip(pairings, (v, p) => v.With(priors[p.First] - priors[p.Second]))];
        }
    }
}
