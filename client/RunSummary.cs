using SelfJudge.Preferences.Recipes;
using SelfJudge.Runs.Folders;
using SelfJudge.Runs.Logs;

namespace SelfJudge.Client;

/// <summary>Where a run stands, as far as its folder tells.</summary>
/// <param name="State">completed, running, or stopped.</param>
/// <param name="Stage">The stage of its last step; empty before the first.</param>
/// <param name="Step">Steps done of the stage.</param>
/// <param name="Position">They, of the stage's steps.</param>
/// <param name="Figures">Of the last step.</param>
internal sealed record RunSummary(RunFolder Folder, Recipe Recipe, string State, string Stage, int Step, string Position,
    IReadOnlyDictionary<string, double> Figures)
{
    public const string Completed = "completed";

    public static RunSummary Read(RunFolder folder)
    {
        var recipe = RecipeFile.LoadOfRun(folder.Recipe);
        var last = MetricsLog.Read(folder.Metrics).LastOrDefault();
        var stage = recipe.Stages.FirstOrDefault(s => s.Name == last?.Stage);
        var state = File.Exists(folder.Result) ? Completed : RunAddress.Find(folder) is not null ? "running" : "stopped";
        return new RunSummary(folder, recipe, state, last?.Stage ?? "", last?.StageStep ?? 0,
            stage is null ? "" : $"{last!.StageStep}/{stage.Steps}", last?.Values ?? new Dictionary<string, double>());
    }
}
