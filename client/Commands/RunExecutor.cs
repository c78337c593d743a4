using SelfJudge.Abstractions;
using SelfJudge.CommandLine;
using SelfJudge.Preferences.Evaluation;
using SelfJudge.Preferences.Recipes;
using SelfJudge.Runs.Folders;

namespace SelfJudge.Client.Commands;

/// <summary>Executes runs: on an embedded silo unless a cluster is named.</summary>
internal static class RunExecutor
{
    public const int Succeeded = 0, Failed = CommandLineProgram.Failed, Cancelled = CommandLineProgram.Cancelled;

    /// <summary>Starts a run, or goes on with it, and follows it to its end. Returns the exit code.</summary>
    public static async Task<int> Execute(Recipe recipe, RunFolder folder, string? cluster, DeviceChoice device, bool verbose,
        CancellationToken cancellation)
    {
        await using var session = cluster is null ? await Session.Embed(folder, device, verbose)
            : await Session.Connect(CommonOptions.ParseGateway(cluster), folder);
        Console.WriteLine($"run {folder.Name} in {folder.Path}{(session.Dashboard is null ? "" : $"; dashboard {session.Dashboard}")}");
        var run = session.Grains.GetGrain<IRunGrain>(folder.Id);
        await run.Start(new RunRequest(RecipeFile.Render(recipe), folder.Path));
        using var stop = new RunStop(run, folder, cancellation);
        return await Follow(run, folder, run.GetStatus, CancellationToken.None);
    }

    /// <summary>Shows a run until it is over, then what it came to.</summary>
    public static async Task<int> Follow(IRunGrain run, RunFolder folder, Func<Task<RunStatus>> ask, CancellationToken cancellation)
    {
        var status = await RunView.Follow(ask, cancellation);
        switch (status.State)
        {
            case RunState.Completed:
                ResultView.Print(RunResult.FromJson((await run.GetResult())!), folder.Path, folder.Report);
                return Succeeded;
            case RunState.Cancelled:
                Console.WriteLine($"cancelled after step {status.Step} of {status.Stage}; go on with: resume {folder.Path}");
                return Cancelled;
            case RunState.Failed:
                var made = Directory.Exists(folder.Path) ? $"\nwhat it made is in {folder.Path}; {WhatNext(status, folder)}" : "";
                await Console.Error.WriteLineAsync($"the run failed: {status.Message}{made}");
                return Failed;
            default:
                return Succeeded; // The watcher has seen enough; the run goes on.
        }
    }

    private static string WhatNext(RunStatus status, RunFolder folder) => status.CanResume
        ? $"once the cause is mended, go on with: resume {folder.Path}"
        : "a resumed run would fail again: start one with other settings, in another folder";
}
