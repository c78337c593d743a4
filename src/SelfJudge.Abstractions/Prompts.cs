using SelfJudge.Preferences.Sampling;
using SelfJudge.Preferences.Templates;
using SelfJudge.Preferences.Tournaments;

namespace SelfJudge.Abstractions;

/// <summary>What a prompt grain is to do: sample, have the completions compared or rewarded, in training hand over triplets.</summary>
[GenerateSerializer, Immutable, Alias("sj.PromptRequest")]
public sealed record PromptRequest
{
    /// <summary>The prompt's place in its batch.</summary>
    [Id(0)]
    public required int Index { get; init; }

    /// <summary>The prompt: a dialogue up to where the model is to answer.</summary>
    [Id(1)]
    public required IReadOnlyList<Turn> Turns { get; init; }

    /// <summary>The name of the model host that samples.</summary>
    [Id(2)]
    public required string PolicyHost { get; init; }

    /// <summary>The id of the policy on its host.</summary>
    [Id(3)]
    public required string PolicyModel { get; init; }

    /// <summary>The name of the model host that judges or rewards.</summary>
    [Id(4)]
    public required string JudgeHost { get; init; }

    /// <summary>The id of what judges or rewards on its host.</summary>
    [Id(5)]
    public required string JudgeModel { get; init; }

    /// <summary>Judge templates by name.</summary>
    [Id(6)]
    public required IReadOnlyList<string> JudgeTemplates { get; init; }

    /// <summary>Completions to sample.</summary>
    [Id(7)]
    public required int Samples { get; init; }

    /// <summary>How they are drawn.</summary>
    [Id(8)]
    public required SamplingOptions Sampling { get; init; }

    /// <summary>Of this prompt in this round; the completions' seeds and the bracket's derive from it.</summary>
    [Id(9)]
    public required ulong Seed { get; init; }

    /// <summary>With it, the requests of all its prompts form device batches of fixed composition.</summary>
    [Id(16)] // 10 and 11 were its key and its size
    public Cohort? Cohort { get; init; }

    /// <summary>What is handed over in training; null where the answer alone is wanted.</summary>
    [Id(12)]
    public TripletRequest? Training { get; init; }

    /// <summary>What is said of the completions.</summary>
    [Id(13)]
    public FeedbackKind Feedback { get; init; } = FeedbackKind.Tournament;

    /// <summary>The temperature of statistical rejection sampling.</summary>
    [Id(14)]
    public double AcceptanceBeta { get; init; } = 0.1;

    /// <summary>How the completions' likelihood counts in their bracket; null where the judge decides alone.</summary>
    [Id(15)]
    public PriorRequest? Prior { get; init; }
}

/// <summary>What is said of a prompt's completions: what in a stage's training judges its samples.</summary>
public enum FeedbackKind
{
    /// <summary>A bracket of pairwise judgments.</summary>
    Tournament,

    /// <summary>Each is judged against one of them, and statistical rejection sampling accepts one (RSO).</summary>
    RejectionSampling,

    /// <summary>A reward model scores each.</summary>
    RewardModel,

    /// <summary>Each is judged against a blank response; the likelihood of its judge token is its reward.</summary>
    JudgeLikelihood,
}

/// <summary>What becomes of a prompt's bracket in training.</summary>
/// <param name="RunId">The key of the trainer that gets the triplets.</param>
/// <param name="Epoch">Of the trainer when it opened the stage.</param>
/// <param name="PolicyVersion">The version that the step is to learn from.</param>
/// <param name="MaxStaleness">Completions more versions older than <paramref name="PolicyVersion"/> are sampled again; null accepts
/// any.</param>
/// <param name="RequireAgreement">Comparisons whose two orders of presentation disagree make no preference.</param>
[GenerateSerializer, Immutable, Alias("sj.TripletRequest")]
public sealed record TripletRequest(
    [property: Id(0)] string RunId,
    [property: Id(1)] string Stage,
    [property: Id(7)] long Epoch,
    [property: Id(2)] int Step,
    [property: Id(3)] TripletPattern Pattern,
    [property: Id(4)] long PolicyVersion,
    [property: Id(5)] int? MaxStaleness,
    [property: Id(6)] bool RequireAgreement = false);

/// <summary>What came of a prompt.</summary>
/// <param name="Bracket">Unplayed where no tournament was asked for.</param>
/// <param name="Priors">What each completion's likelihood added to the judge's log-odds of it, in nats; null where the judge decided
/// alone.</param>
[GenerateSerializer, Immutable, Alias("sj.PromptOutcome")]
public sealed record PromptOutcome(
    [property: Id(0)] int Index,
    [property: Id(1)] IReadOnlyList<Completion> Completions,
    [property: Id(2)] Bracket Bracket,
    [property: Id(3)] IReadOnlyList<double>? Priors = null)
{
    /// <summary>The completion that won the bracket: the answer.</summary>
    public Completion Champion => Completions[Bracket.Champion];
}

/// <summary>One preference and its lineage.</summary>
/// <param name="Match">The match of the prompt's bracket, or after those the further one, that it comes from.</param>
/// <param name="ChosenScore">The judge's score of the chosen completion, in [0, 1].</param>
/// <param name="Prior">What likelihood added to the judge's log-odds of the chosen completion, in nats; 0 where the judge decided
/// alone.</param>
[GenerateSerializer, Immutable, Alias("sj.Triplet")]
public sealed record Triplet(
    [property: Id(0)] int Match,
    [property: Id(1)] int[] PromptIds,
    [property: Id(2)] Completion Chosen,
    [property: Id(3)] Completion Rejected,
    [property: Id(4)] double ChosenScore,
    [property: Id(5)] double RejectedScore,
    [property: Id(6)] bool OrdersAgree,
    [property: Id(7)] string Prompt,
    [property: Id(8)] double Prior = 0);

/// <summary>All triplets of one prompt in one step: one event of the triplet stream. It is unique by run, stage, epoch, step and prompt;
/// within it, each triplet by its match.</summary>
/// <param name="Epoch">Of the trainer that asked for it. A run begun anew under the same path has another one.</param>
/// <param name="PromptGrain">Whom to acknowledge.</param>
/// <param name="Identical">Matches between identical completions, which make no preference.</param>
/// <param name="Verdicts">Of every match that was judged, for the judge's health.</param>
/// <param name="Rewarded">The completions with their rewards, where they were rewarded one by one instead of compared.</param>
/// <param name="Inconsistent">Comparisons that make no preference because their orders disagree.</param>
[GenerateSerializer, Immutable, Alias("sj.TripletBatch")]
public sealed record TripletBatch(
    [property: Id(0)] string RunId,
    [property: Id(1)] string Stage,
    [property: Id(11)] long Epoch,
    [property: Id(2)] int Step,
    [property: Id(3)] int PromptIndex,
    [property: Id(4)] string PromptGrain,
    [property: Id(5)] IReadOnlyList<Triplet> Triplets,
    [property: Id(6)] int Identical,
    [property: Id(7)] IReadOnlyList<Preferences.Judging.Verdict> Verdicts,
    [property: Id(8)] CompletionSummary Completions,
    [property: Id(9)] IReadOnlyList<RewardedCompletion> Rewarded,
    [property: Id(10)] int Inconsistent = 0);

/// <summary>A completion and what it is worth by the stage's feedback.</summary>
[GenerateSerializer, Immutable, Alias("sj.RewardedCompletion")]
public sealed record RewardedCompletion([property: Id(0)] int[] PromptIds, [property: Id(1)] Completion Completion,
    [property: Id(2)] double Reward, [property: Id(3)] string Prompt);

/// <summary>What a prompt's completions looked like.</summary>
/// <param name="Stopped">How many ended with an end token.</param>
/// <param name="NegativeLogProbSum">Over all their tokens; divided by <paramref name="Tokens"/>, an estimate of the policy's entropy per
/// token.</param>
[GenerateSerializer, Immutable, Alias("sj.CompletionSummary")]
public sealed record CompletionSummary([property: Id(0)] int Count, [property: Id(1)] int Tokens, [property: Id(2)] int Shortest,
    [property: Id(3)] int Longest, [property: Id(4)] int Stopped, [property: Id(5)] double NegativeLogProbSum);
