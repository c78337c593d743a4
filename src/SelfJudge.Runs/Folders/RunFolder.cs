using SelfJudge.Abstractions;
using SelfJudge.Modeling.Files;
using SelfJudge.Preferences.Methods;
using SelfJudge.Preferences.Recipes;

namespace SelfJudge.Runs.Folders;

/// <summary>Where everything lies in a run's folder.</summary>
public sealed record RunFolder(string Path)
{
    /// <summary>How people call the run.</summary>
    public string Name => RunId.NameOf(Path);

    /// <summary>What the run is to a cluster.</summary>
    public string Id => RunId.Of(Path);

    public string Marker => In("run.json");
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
        stage != recipe.Stages[^1] ? Within(Stages, stage.Name) : In(recipe.AdapterOf(stage) is null ? "final" : "adapter");

    /// <summary>What a preference stage trained on last, and how likely it is under the stage's final policy and its reference; beside the
    /// stage's model.</summary>
    public string LastStepOf(Recipe recipe, StageRecipe stage) => BesideModel(recipe, stage, "last-step.jsonl");

    /// <summary>What a stage's model, as a judge, made of every held-out pair; beside the stage's model.</summary>
    public string JudgedPairsOf(Recipe recipe, StageRecipe stage) => BesideModel(recipe, stage, "judged-pairs.jsonl");

    private string BesideModel(Recipe recipe, StageRecipe stage, string name) =>
        stage != recipe.Stages[^1] ? Within(Stages, $"{stage.Name}.{name}") : In(name);

    /// <summary>TensorBoard's series of a stage.</summary>
    public string SeriesOf(string stage) => Within(TensorBoard, stage);

    /// <summary>Something that an execution made in the folder, by its name; null where there has been none, but that it was made ready for
    /// one.</summary>
    public string? FindRemnant() => !Directory.Exists(Path) ? null
        : Directory.EnumerateFileSystemEntries(Path).Select(e => System.IO.Path.GetFileName(e)).Order(StringComparer.Ordinal)
            .FirstOrDefault(e => !AtomicFolder.IsTemporary(e)
                && !e.StartsWith(System.IO.Path.GetFileName(Storage), StringComparison.Ordinal)
                && new[] { Marker, Lock, Address }.All(f => System.IO.Path.GetFileName(f) != e));

    // Whoever checked the name, or not: what is written and deleted there stays there.
    private static string Within(string folder, string name) =>
        name is "" or "." or ".." || name.AsSpan().IndexOfAny(System.IO.Path.GetInvalidFileNameChars()) >= 0
            || name.Contains('\\', StringComparison.Ordinal)
        ? throw new ArgumentException($"'{name}' cannot be the name of a file or folder")
        : System.IO.Path.Combine(folder, name);

    private string In(string name) => System.IO.Path.Combine(Path, name);
}
