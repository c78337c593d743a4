using SelfJudge.Preferences.Judging;
using SelfJudge.Preferences.Sampling;
using SelfJudge.Preferences.Templates;
using SelfJudge.Preferences.Tournaments;

namespace SelfJudge.Abstractions;

/// <summary>Two responses to be compared.</summary>
[GenerateSerializer, Immutable, Alias("sj.ResponsePair")]
public sealed record ResponsePair([property: Id(0)] string First, [property: Id(1)] string Second);

/// <summary>Asks a judge replica for verdicts on pairs of responses to one prompt, each in both orders by every template.</summary>
/// <param name="Model">The id of the judge on the model host.</param>
/// <param name="Templates">Judge templates by name.</param>
[GenerateSerializer, Immutable, Alias("sj.JudgeRequest")]
public sealed record JudgeRequest(
    [property: Id(0)] string Model,
    [property: Id(1)] IReadOnlyList<Turn> Turns,
    [property: Id(2)] IReadOnlyList<ResponsePair> Pairs,
    [property: Id(3)] IReadOnlyList<string> Templates,
    [property: Id(4)] Cohort? Cohort);

/// <summary>Asks a judge replica for the rewards of responses to one prompt.</summary>
/// <param name="Model">The id of a reward model on the model host.</param>
/// <param name="PromptIds">The prompt as the policy saw it.</param>
/// <param name="Tokenizer">The fingerprint of the policy's tokenizer. A reward model of the same one reads the ids that were sampled; any
/// other reads the texts.</param>
[GenerateSerializer, Immutable, Alias("sj.RewardRequest")]
public sealed record RewardRequest(
    [property: Id(0)] string Model,
    [property: Id(1)] IReadOnlyList<Turn> Turns,
    [property: Id(2)] IReadOnlyList<RewardCandidate> Responses,
    [property: Id(3)] Cohort? Cohort,
    [property: Id(4)] int[] PromptIds,
    [property: Id(5)] string? Tokenizer);

/// <summary>A response to be rewarded.</summary>
/// <param name="IsComplete">Whether the policy ended it; the reward model then reads its end token, else its last one.</param>
/// <param name="Ids">The tokens that were sampled.</param>
[GenerateSerializer, Immutable, Alias("sj.RewardCandidate")]
public sealed record RewardCandidate([property: Id(0)] string Text, [property: Id(1)] bool IsComplete, [property: Id(2)] int[] Ids);

/// <summary>Asks a tournament for its champion.</summary>
/// <param name="Responses">The completions' texts, by index.</param>
/// <param name="Seed">Shuffles the order of entry.</param>
/// <param name="Cohort">With it, round r of all its tournaments is one device batch.</param>
/// <param name="IsOneOfMany">The same grain is asked again soon, and stays.</param>
/// <param name="Pattern">What becomes of the bracket: pairs that this takes and no round puts together are judged after the last
/// one.</param>
/// <param name="Priors">What each response's likelihood adds to the judge's log-odds of it, in nats; null where the judge decides
/// alone.</param>
[GenerateSerializer, Immutable, Alias("sj.TournamentRequest")]
public sealed record TournamentRequest(
    [property: Id(0)] string JudgeHost,
    [property: Id(1)] string JudgeModel,
    [property: Id(2)] IReadOnlyList<Turn> Turns,
    [property: Id(3)] IReadOnlyList<string> Responses,
    [property: Id(4)] IReadOnlyList<string> Templates,
    [property: Id(5)] ulong Seed,
    [property: Id(12)] Cohort? Cohort, // 6, 7 and 8 were its key, its size and the place in it
    [property: Id(9)] bool IsOneOfMany = false,
    [property: Id(10)] TripletPattern Pattern = TripletPattern.Final,
    [property: Id(11)] IReadOnlyList<double>? Priors = null);

/// <summary>How the completions' likelihood counts in their matches (<see cref="MatchPrior"/>).</summary>
/// <param name="Model">The id, on the policy's host, of the model whose likelihood it is; null for that of the policy, as it
/// sampled.</param>
[GenerateSerializer, Immutable, Alias("sj.PriorRequest")]
public sealed record PriorRequest([property: Id(0)] double Weight, [property: Id(1)] PriorUnit Per, [property: Id(2)] string? Model)
{
    /// <summary>The request for a prior; null where it says nothing.</summary>
    /// <param name="reference">The id of the reference.</param>
    public static PriorRequest? Of(MatchPrior prior, string? reference) => !prior.IsUsed ? null
        : new PriorRequest(prior.Weight, prior.Per, prior.Of == PriorModel.Policy ? null : reference
            ?? throw new ArgumentException("a prior of the reference needs one", nameof(reference)));
}
