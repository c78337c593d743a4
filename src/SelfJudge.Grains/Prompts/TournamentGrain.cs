using Orleans.Concurrency;
using SelfJudge.Abstractions;
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
        {
            var pairs = bracket.NextRound.Select(p => new ResponsePair(request.Responses[p.First], request.Responses[p.Second])).ToList();
            var batch = request.BatchKey is null ? null
                : new BatchMembership($"{request.BatchKey}/round-{bracket.Round}", request.BatchSize, request.BatchOrdinal);
            bracket = bracket.Play(await judge.Judge(new JudgeRequest(request.JudgeModel, request.Turns, pairs, request.Templates, batch),
                cancellation));
        }
        if (!request.IsOneOfMany)
            DeactivateOnIdle();
        return bracket;
    }
}
