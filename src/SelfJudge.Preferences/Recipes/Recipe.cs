using SelfJudge.Preferences.Methods;
using SelfJudge.Preferences.Sampling;
using SelfJudge.Preferences.Settings;

namespace SelfJudge.Preferences.Recipes;

/// <summary>A whole run: the data, the model it starts from, the stages it goes through, how it is measured. Every key of a recipe file is
/// a property here, in snake_case.</summary>
public sealed record Recipe
{
    [Setting("What tables and reports call the run, and what its folder is named after.")]
    public string Name { get; init; } = "run";

    [Setting("All randomness of the run derives from it.")]
    public ulong Seed { get; init; } = 1;

    [Setting("Requests of a step form batches of fixed composition, so that on a CPU the run repeats bit for bit.")]
    public bool Deterministic { get; init; } = true;

    [Setting("Where prompts and preference pairs come from.")]
    public DataRecipe Data { get; init; } = new();

    [Setting("The model that the first stages start from.")]
    public ModelRecipe Model { get; init; } = new();

    [Setting("How pairs are judged.")]
    public JudgeRecipe Judge { get; init; } = new();

    [Setting("How completions are drawn.")]
    public SamplingOptions Sampling { get; init; } = new();

    [Setting("The stages of training, in their order.")]
    public IReadOnlyList<StageRecipe> Stages { get; init; } = [];

    [Setting("Measurement at the end; none where left out.")]
    public EvaluationRecipe? Evaluation { get; init; }

    [Setting("Checkpoints kept; older ones are deleted. At least 2, so that a damaged one has one before it.", AtLeast = 2,
        AtMost = 1_000_000)]
    public int KeepCheckpoints { get; init; } = 2;

    /// <summary>
    /// The recipe with what follows from the rest of it. On files that hold prompts out, a run whose recipe has no evaluation
    /// compares every evaluated stage with the model that it starts from; a baseline that is left out is the stage SFT where
    /// there is one, or on files else that model.
    /// </summary>
    public Recipe Completed()
    {
        var isOnFiles = Data.WorldPairs == 0;
        var evaluation = Evaluation ?? (isOnFiles && Data.HasPairs && Stages.Any(s => s.IsEvaluated) ? new EvaluationRecipe() : null);
        return this with
        {
            Evaluation = evaluation is null or { Baseline: not null } ? evaluation
            : evaluation with
            {
                Baseline = isOnFiles && Stages.All(s => s.Name != EvaluationRecipe.Sft) ? EvaluationRecipe.Start
            : EvaluationRecipe.Sft
            }
        };
    }

    /// <summary>The held-out pairs that the models of stages are measured on as judges, at most; null for all of them.</summary>
    public int? JudgedPairs => Judge.HeldOutPairs ?? (Data.WorldPairs > 0 ? null : JudgeRecipe.HeldOutPairsOfFiles);

    /// <summary>The held-out prompts of the evaluation, at most; null for all of them.</summary>
    public int? EvaluatedPrompts => Evaluation?.Prompts is { } named ? (named == 0 ? null : named) : Data.WorldPairs > 0 ? null
        : EvaluationRecipe.PromptsOfFiles;

    /// <summary>The judge templates of a stage: its own, else those of the stage it starts from, else the run's.</summary>
    public IReadOnlyList<string> TemplatesOf(StageRecipe stage) =>
        stage.JudgeTemplates ?? (stage.From is { } from ? TemplatesOf(Stages.Single(s => s.Name == from)) : Judge.Templates);

    /// <summary>
    /// The adapter of a stage's model: the one that it adds, else the one that it trains on, of the stage it starts from; null
    /// where it trains all weights.
    /// </summary>
    public AdapterRecipe? AdapterOf(StageRecipe stage) => stage.Adapter ?? (StartOf(stage) is { } start ? AdapterOf(start) : null);

    /// <summary>The stage whose whole weights a stage's adapter stands on; null for the model that the run starts from.</summary>
    public string? BaseOf(StageRecipe stage) =>
        stage.Adapter is null && StartOf(stage) is { } start && AdapterOf(start) is not null ? BaseOf(start) : stage.From;

    /// <summary>What compares or rewards a stage's samples: what it names, else the model that it starts from.</summary>
    public JudgeRef JudgeOf(StageRecipe stage) => Judged(stage.Spec.IsRewarded ? stage.Reward : stage.Judge)
        ?? (stage.From is { } from ? new JudgeRef.Stage(from) : new JudgeRef.Start());

    /// <summary>
    /// Who compares the run's policies: what the evaluation names, else the oracle in its world, or the first stage that
    /// taught judging, or the model that the run starts from.
    /// </summary>
    public JudgeRef EvaluationJudge() => Judged(Evaluation?.Judge)
        ?? (Data.WorldPairs > 0 ? new JudgeRef.Oracle()
        : Stages.FirstOrDefault(s => s.Spec.TeachesJudging) is { } teaching ? new JudgeRef.Stage(teaching.Name)
        : new JudgeRef.Start());

    private JudgeRef? Judged(string? named)
    {
        if (named is null)
            return null;
        var judge = JudgeRef.Parse(named, this) ?? throw new RecipeException($"'{named}' names no judge");
        if (judge is not JudgeRef.Folder folder)
            return judge;
        // One folder is one judge, however its path is written; the one that the run starts from is the model that it starts from.
        var whole = RecipePaths.Absolute(folder.Path);
        return Model.Path is { } start && RecipePaths.Absolute(start) == whole ? new JudgeRef.Start() : new JudgeRef.Folder(whole);
    }

    private StageRecipe? StartOf(StageRecipe stage) => stage.From is { } from ? Stages.First(s => s.Name == from) : null;
}

/// <summary>Where prompts and preference pairs come from.</summary>
public sealed record DataRecipe
{
    [Setting("The built-in world, with this many preference pairs; 0 where files are given.", AtLeast = 0, AtMost = 10_000_000)]
    public int WorldPairs { get; init; }

    [Setting("Preference pairs, a file or a folder: HH-RLHF, UltraFeedback, or prompt, chosen, rejected.")]
    public string? Pairs { get; init; }

    [Setting("Prompts for on-policy stages; those of the training pairs where null.")]
    public string? Prompts { get; init; }

    [Setting("Several files or folders of pairs, weighted, in place of pairs.")]
    public IReadOnlyList<DataSource> Sources { get; init; } = [];

    [Setting("Pairs of the built-in world by a better writer, whose chosen responses the policy learns beyond those of world_pairs; the "
        + "judge never sees them (Table 2: HH's online split, an aligned model's).", AtLeast = 0, AtMost = 10_000_000)]
    public int WorldExtraAnswers { get; init; }

    [Setting("A file or folder of pairs whose chosen responses the policy learns beyond the pairs' own; the judge never sees them (Table "
        + "2: HH's online split).")]
    public string? ExtraAnswers { get; init; }

    /// <summary>Whether files of pairs are named.</summary>
    public bool HasPairs => Pairs is not null || Sources.Count > 0;

    [Setting("The share of rows that may be malformed; with more the run does not start.", AtLeast = 0, AtMost = 1)]
    public double MaxMalformed { get; init; } = 0.01;
}

/// <summary>One of several places that pairs come from.</summary>
public sealed record DataSource
{
    [Setting("A file or folder of pairs.", IsRequired = true)]
    public string Path { get; init; } = "";

    [Setting("How often each training pair is taken: 2 is twice, 0.5 a half of them drawn by the run's seed.", MoreThan = 0, AtMost = 1000)]
    public double Weight { get; init; } = 1;
}
