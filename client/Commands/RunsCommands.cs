using System.CommandLine;
using System.Net;
using SelfJudge.Abstractions;
using SelfJudge.CommandLine;
using SelfJudge.Preferences.Evaluation;
using SelfJudge.Preferences.Recipes;
using SelfJudge.Runs.Folders;
using Spectre.Console;

namespace SelfJudge.Client.Commands;

/// <summary>What is done with runs that exist: list, show, watch, cancel, resume.</summary>
internal static class RunsCommands
{
    public static IEnumerable<Command> Create() => [List(), Show(), Watch(), Cancel(), Resume()];

    private static Command List()
    {
        var command = new Command("runs", "List the runs under runs/.");
        command.SetAction(_ =>
        {
            var table = new Table().Border(TableBorder.Simple).AddColumns("run", "recipe", "state", "stage", "step");
            foreach (var path in RunNames.All())
                table.AddRow([.. Row(path).Prepend(Path.GetFileName(path)).Select(Markup.Escape)]);
            if (table.Rows.Count == 0)
                Console.WriteLine("no runs here: 'demo' or 'train' makes one");
            else
                AnsiConsole.Write(table);
        });
        return command;
    }

    // One run that cannot be read does not hide the others.
    private static string[] Row(string path)
    {
        try
        {
            var summary = RunSummary.Read(new RunFolder(path));
            return [summary.Recipe.Name, summary.State, summary.Stage, summary.Position];
        }
        catch (Exception e) when (e is RecipeException or InvalidDataException)
        {
            return ["", "damaged", "", ""];
        }
    }

    private static Command Show()
    {
        var run = CommonOptions.Run();
        var command = new Command("show", "Show what a run came to, or where it stands.") { run };
        command.SetAction(parse =>
        {
            var folder = RunNames.Find(parse.GetValue(run)!);
            var summary = RunSummary.Read(folder);
            Console.WriteLine($"run {folder.Name}: {summary.State}, "
                + $"{(summary.Stage.Length == 0 ? "before its first step" : $"{summary.Stage} {summary.Position}")}");
            if (File.Exists(folder.Result))
            {
                ResultView.Print(RunResult.Load(folder.Result), folder.Path, folder.Report);
                return;
            }
            foreach (var (name, value) in summary.Figures)
                Console.WriteLine($"  {name,-32} {value:G6}");
        });
        return command;
    }

    private static Command Watch()
    {
        var run = CommonOptions.Run();
        var command = new Command("watch", "Watch a run that is going on; Ctrl-C ends the watching, not the run.") { run };
        command.SetAction(async (parse, cancellation) =>
        {
            var folder = RunNames.Find(parse.GetValue(run)!);
            var address = AddressOf(folder);
            await using var session = await Session.Connect(address);
            var grain = session.Grains.GetGrain<IRunGrain>(address.RunId);
            try
            {
                return await RunExecutor.Follow(grain, folder, () => RemoteRun.GetStatus(grain, folder), cancellation);
            }
            catch (Exception e) when (e is OrleansException or TimeoutException)
            {
                var end = await RemoteRun.ReadEnd(folder, e);
                Console.WriteLine(end.State == RunSummary.Completed
                    ? $"run {folder.Name} is completed: 'show {folder.Path}' prints its result"
                    : $"{end.State} after step {end.Step} of {end.Stage}; go on with: resume {folder.Path}");
                return end.State == RunSummary.Completed ? RunExecutor.Succeeded : RunExecutor.Cancelled;
            }
        });
        return command;
    }

    private static Command Cancel()
    {
        var run = CommonOptions.Run();
        var command = new Command("cancel", "Stop a run at its next step boundary; it keeps everything and can be resumed.") { run };
        command.SetAction(async (parse, cancellation) =>
        {
            var folder = RunNames.Find(parse.GetValue(run)!);
            var address = AddressOf(folder);
            await using var session = await Session.Connect(address);
            var grain = session.Grains.GetGrain<IRunGrain>(address.RunId);
            await grain.Cancel();
            try
            {
                RunStatus status;
                while (!RunView.IsOver((status = await RemoteRun.GetStatus(grain, folder)).State))
                    await Task.Delay(TimeSpan.FromMilliseconds(100), cancellation);
                Console.WriteLine($"run {folder.Name} is {status.State.ToString().ToLowerInvariant()} after step {status.Step} of "
                    + $"{status.Stage}");
            }
            catch (Exception e) when (e is OrleansException or TimeoutException)
            {
                var end = await RemoteRun.ReadEnd(folder, e);
                Console.WriteLine($"run {folder.Name} is {end.State} after step {end.Step} of {end.Stage}");
            }
        });
        return command;
    }

    private static Command Resume()
    {
        var run = CommonOptions.Run();
        var cluster = CommonOptions.Cluster();
        var device = new DeviceOptions();
        var command = new Command("resume", "Go on with a run that was cancelled, failed or killed.") { run, cluster };
        device.AddTo(command);
        command.SetAction(async (parse, cancellation) =>
        {
            var computing = device.Resolve(parse, parse.GetValue(cluster));
            var folder = RunNames.Find(parse.GetValue(run)!);
            if (File.Exists(folder.Result))
                throw new UserError($"run {folder.Name} is completed: 'show {folder.Path}' prints its result");
            if (!RunMarker.IsRun(folder))
                throw new UserError($"no run was ever started in {folder.Path}: it has a recipe.yaml, but no "
                    + $"{Path.GetFileName(folder.Marker)}; start one by 'train --recipe {folder.Recipe}', with --out for another folder");
            RunMarker.Check(folder, RunMarker.Run);
            await CheckClusterIsDone(folder, parse.GetValue(cluster) is { } named ? CommonOptions.ParseGateway(named) : null);
            return await RunExecutor.Execute(RecipeFile.LoadOfRun(folder.Recipe), folder, parse.GetValue(cluster), computing,
                parse.GetValue(CommandLineProgram.Verbose), cancellation);
        });
        return command;
    }

    private static RunAddress AddressOf(RunFolder folder) => RunAddress.Find(folder) is { } address
        ? address.IsStarting ? throw new UserError(
            $"process {address.ProcessId} is about to execute run {folder.Name}: ask again in a moment") : address
        : throw new UserError(File.Exists(folder.Result)
            ? $"no process is executing run {folder.Name}: it is completed; 'show {folder.Path}' prints its result"
            : $"no process is executing run {folder.Name}; 'show {folder.Path}' says where it stands, 'resume {folder.Path}' goes on "
                + $"with it");

    // An embedded silo is known by the lock on the folder; a cluster, whose client need not live as long as its runs, must be asked.
    private static async Task CheckClusterIsDone(RunFolder folder, IPEndPoint? named)
    {
        // The cluster that is named goes on with what it executes.
        if (RunAddress.Find(folder) is not { ProcessId: RunAddress.Elsewhere } address || address.Gateway.Equals(named))
            return;
        RunState state;
        try
        {
            await using var session = await Session.Connect(address);
            state = (await session.Grains.GetGrain<IRunGrain>(address.RunId).GetStatus()).State;
        }
        catch (Exception e) when (e is UserError or OrleansException or TimeoutException)
        {
            return; // The cluster is gone, and its runs with it.
        }
        if (state is RunState.Running or RunState.Cancelling)
            throw new UserError($"the cluster at {address.Gateway} is executing run {folder.Name}; watch it with 'watch {folder.Path}', "
                + $"or stop it with 'cancel {folder.Path}'");
    }
}
