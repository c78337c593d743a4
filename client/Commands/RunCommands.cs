using SelfJudge.Abstractions;
using SelfJudge.Grains.Runs;
using SelfJudge.Preferences.Evaluation;
using SelfJudge.Preferences.Recipes;

namespace SelfJudge.Client.Commands;

/// <summary>Executes runs: on an embedded silo unless a cluster is named.</summary>
internal static class RunExecutor
{
    /// <summary>Starts a run, or goes on with it, and follows it to its end. Returns the exit code.</summary>
    public static async Task<int> Execute(Recipe recipe, RunFolder folder, string runId, bool verbose, CancellationToken cancellation)
    {
        await using var session = await Session.Embed(folder, runId, verbose);
        Console.WriteLine($"run {runId} in {folder.Path}; dashboard {session.Dashboard}");
        return await Follow(session, recipe, folder, runId, cancellation);
    }

    public static async Task<int> Follow(Session session, Recipe recipe, RunFolder folder, string runId, CancellationToken cancellation)
    {
        var run = session.Grains.GetGrain<IRunGrain>(runId);
        await run.Start(new RunRequest(RecipeFile.Render(recipe), folder.Path));
        // Ctrl-C stops the run at a step boundary; nothing is lost.
        await using var stop = cancellation.Register(() => run.Cancel().Ignore());
        var status = await RunView.Follow(run, CancellationToken.None);
        switch (status.State)
        {
            case RunState.Completed:
                ResultView.Print(RunResult.FromJson((await run.GetResult())!), folder.Path, folder.Report);
                return 0;
            case RunState.Cancelled:
                Console.WriteLine($"cancelled after step {status.Step} of {status.Stage}; go on with: resume {folder.Path}");
                return 3;
            default:
                await Console.Error.WriteLineAsync($"the run failed: {status.Message}\nwhat it made is in {folder.Path}; once the cause is mended, go on with: resume {folder.Path}");
                return 1;
        }
    }
}
