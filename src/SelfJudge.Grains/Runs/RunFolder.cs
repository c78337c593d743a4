using SelfJudge.Preferences.Recipes;

namespace SelfJudge.Grains.Runs;

/// <summary>Where everything lies in a run's folder.</summary>
public sealed record RunFolder(string Path)
{
    public string Recipe => In("recipe.yaml");
    public string Metrics => In("metrics.jsonl");
    public string Checkpoints => In("checkpoints");
    public string TensorBoard => In("tensorboard");
    public string TripletJournal => In("triplets.jsonl");
    public string Triplets => In("triplets.parquet");
    /// <summary>Every response that was rewarded by itself, with its reward.</summary>
    public string Samples => In("samples.jsonl");
    public string Stages => In("stages");
    public string StageResults => In("stages.json");
    /// <summary>Every answer of the evaluation.</summary>
    public string Answers => In("answers.jsonl");
    public string Result => In("result.json");
    public string Report => In("report.html");

    /// <summary>Where the process that executes the run says how to reach it.</summary>
    public string Address => In("silo.json");

    /// <summary>Held by the process that executes the run.</summary>
    public string Lock => In("run.lock");

    /// <summary>Grain storage of an embedded silo.</summary>
    public string Storage => In("grains.db");

    /// <summary>The model that a stage leaves: the last one's is the run's result, in <c>final/</c> or <c>adapter/</c>.</summary>
    public string OutputOf(Recipe recipe, StageRecipe stage) =>
        stage != recipe.Stages[^1] ? System.IO.Path.Combine(Stages, stage.Name) : In(stage.Adapter is null ? "final" : "adapter");

    /// <summary>What a preference stage trained on last, and how likely it is under the stage's final policy and its reference; beside the stage's model.</summary>
    public string LastStepOf(Recipe recipe, StageRecipe stage) => BesideModel(recipe, stage, "last-step.jsonl");

    /// <summary>What a stage's model, as a judge, made of every held-out pair; beside the stage's model.</summary>
    public string JudgedPairsOf(Recipe recipe, StageRecipe stage) => BesideModel(recipe, stage, "judged-pairs.jsonl");

    private string BesideModel(Recipe recipe, StageRecipe stage, string name) => stage != recipe.Stages[^1] ? System.IO.Path.Combine(Stages, $"{stage.Name}.{name}") : In(name);

    private string In(string name) => System.IO.Path.Combine(Path, name);
}
