using SelfJudge.Abstractions;
using SelfJudge.Hosting;
using SelfJudge.Preferences.Recipes;
using SelfJudge.Runs.Folders;
using SelfJudge.Runs.Logs;

namespace SelfJudge.Bench.Measures;

/// <summary>
/// Runs of a recipe by the run grain of an embedded silo, as the client makes them: prompt, tournament and trainer
/// grains, the triplet stream, grain storage on disk, a checkpoint after every step, metrics and triplet journal.
/// </summary>
internal sealed class GrainRun(SelfJudgeServer server, Recipe recipe, string folder)
{
    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(100);

    private int _runs;

    public async Task<Steps> Run()
    {
        var id = $"run-{++_runs}";
        var files = new RunFolder(Path.Combine(folder, id));
        var run = server.Grains.GetGrain<IRunGrain>(id);
        await run.Start(new RunRequest(RecipeFile.Render(recipe), files.Path));
        RunStatus status;
        while ((status = await run.GetStatus()).State != RunState.Completed)
        {
            if (status.State == RunState.Failed)
                throw new InvalidOperationException($"run {id} failed: {status.Message}");
            await Task.Delay(Poll);
        }
        // The first step's time holds the opening of the stage.
        var rows = MetricsLog.Read(files.Metrics).Select(r => r.Values).ToList();
        var seconds = rows.Skip(1).Sum(r => r["step_time"]);
        return new Steps(seconds / (rows.Count - 1), rows.Skip(1).Sum(r => r["idle_ratio/device"] * r["step_time"]) / seconds,
            [.. rows.Select(r => r["loss"])]);
    }
}
