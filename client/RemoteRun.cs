using SelfJudge.Abstractions;
using SelfJudge.Runs.Folders;

namespace SelfJudge.Client;

/// <summary>
/// A run that another process executes. That process ends with the run, and may be gone before it is asked how the run
/// ended: then the run's folder tells.
/// </summary>
internal static class RemoteRun
{
    private static readonly TimeSpan CheckPeriod = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan ShutdownLimit = TimeSpan.FromSeconds(30);

    /// <summary>Where the run stands.</summary>
    /// <exception cref="TimeoutException">The process that was asked is gone.</exception>
    public static async Task<RunStatus> GetStatus(IRunGrain run, RunFolder folder)
    {
        var answer = run.GetStatus();
        while (await Task.WhenAny(answer, Task.Delay(CheckPeriod)) != answer)
            if (RunAddress.Find(folder) is null)
            {
                answer.Ignore();
                throw new TimeoutException("the process is gone");
            }
        return await answer;
    }

    /// <summary>What is left of a run whose process answers no more.</summary>
    /// <param name="silence">How that showed.</param>
    /// <exception cref="UserError">The process was killed, or goes on without answering.</exception>
    public static async Task<RunSummary> ReadEnd(RunFolder folder, Exception silence)
    {
        var deadline = DateTime.UtcNow + ShutdownLimit;
        while (RunAddress.Find(folder) is { } address)
        {
            if (address.ProcessId == RunAddress.Elsewhere || DateTime.UtcNow > deadline)
                throw new UserError($"the silo at {address.Gateway}, which executes run {folder.Name}, answers no more: {silence.Message}");
            await Task.Delay(CheckPeriod);
        }
        // Whoever ends in order takes its address along.
        return File.Exists(folder.Address)
            ? throw new UserError($"the process that executed run {folder.Name} is gone; 'resume {folder.Path}' goes on with it")
            : RunSummary.Read(folder);
    }
}
