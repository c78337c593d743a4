using SelfJudge.Abstractions;
using SelfJudge.CommandLine;
using SelfJudge.Modeling.Checkpoints;
using SelfJudge.Runs.Folders;

namespace SelfJudge.Client;

/// <summary>While it lives, the wish to end stops a run at the end of its step, where nothing is lost, and says so.</summary>
internal sealed class RunStop : IDisposable
{
    private readonly CancellationTokenRegistration _registration;

    public RunStop(IRunGrain run, RunFolder folder, CancellationToken cancellation)
    {
        Termination.IsExplained = true;
        _registration = cancellation.Register(() => Stop(run, folder).Ignore());
    }

    public void Dispose()
    {
        _registration.Dispose();
        Termination.IsExplained = false;
    }

    private static async Task Stop(IRunGrain run, RunFolder folder)
    {
        await run.Cancel();
        if (await run.GetStatus() is { State: RunState.Cancelling } status)
            RunView.Say(Message(status, new CheckpointStore(folder.Checkpoints, 0).NewestStep));
    }

    internal static string Message(RunStatus status, long? checkpoint)
    {
        var awaited = !status.Stages.Contains(status.Stage) ? $"waiting for the {status.Stage}, with which the run ends"
            : status.StageSteps == 0 || status.Step >= status.StageSteps ? $"stopping at the end of {status.Stage}"
            : $"stopping at the end of step {status.Step + 1} of {status.Stage}";
        return $"{awaited}; {Termination.AtOnce}: "
            + $"{(checkpoint is { } step ? $"checkpoint step-{step} is on disk" : "no step is on disk yet")}";
    }
}
