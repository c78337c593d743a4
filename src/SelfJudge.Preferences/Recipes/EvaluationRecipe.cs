using SelfJudge.Preferences.Judging;
using SelfJudge.Preferences.Settings;

namespace SelfJudge.Preferences.Recipes;

/// <summary>Prompts that training never sees.</summary>
public enum HeldOutSplit { Test, Validation }

/// <summary>Measurement at the end: every evaluated stage's model answers held-out prompts, and a judge compares its answers with the
/// baseline's.</summary>
public sealed record EvaluationRecipe
{
    /// <summary>The name of the model that the run starts from, before any stage.</summary>
    public const string Start = JudgeRef.Start.Word;

    /// <summary>A model of the run, as people read of it.</summary>
    public static string Called(string model) => model == Start ? new JudgeRef.Start().Called : model;

    /// <summary>The prompts of files that are answered where <see cref="Prompts"/> does not say.</summary>
    public const int PromptsOfFiles = 100;

    internal const string Sft = "SFT";

    [Setting("What win rates are against: a stage, or start for the model that the run starts from. Where null, the stage SFT, and on "
        + "files without one start.")]
    public string? Baseline { get; init; }

    [Setting("Who compares: oracle, for the built-in world's; a stage's name; start, for the model that the run starts from; the name of "
        + "one of judge.endpoints; the path of a model folder, such as ./judge. Where null, the oracle in the built-in world, and "
        + "elsewhere the first jsft stage or, without one, the model that the run starts from.")]
    public string? Judge { get; init; }

    [Setting("What a pair of answers counts as on which the judge's two orders disagree: a tie, or the mean over both orders decides.")]
    public InconsistentPairs Inconsistent { get; init; } = InconsistentPairs.Tie;

    [Setting("Which held-out prompts: settings are chosen on those of validation, results stand on those of test.")]
    public HeldOutSplit Split { get; init; } = HeldOutSplit.Test;

    [Setting("How many of them, at most; 0 for all. Null: all of the built-in world's, 100 of files.", AtLeast = 0)]
    public int? Prompts { get; init; }

    [Setting("Stages, or start, whose models also answer by tournament.")]
    public IReadOnlyList<string> Rejection { get; init; } = [];

    [Setting("The numbers of samples in those tournaments.", AtLeast = 1, AtMost = 1024)]
    public IReadOnlyList<int> RejectionSamples { get; init; } = [4, 16];

    [Setting("What the likelihood of two samples counts beside the judge in a match of those tournaments; the reference of a stage is the "
        + "model that it started from.")]
    public MatchPrior Prior { get; init; } = new();
}
