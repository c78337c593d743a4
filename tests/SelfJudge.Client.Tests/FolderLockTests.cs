using SelfJudge.Runs.Folders;
using SelfJudge.Tests.Shared;

namespace SelfJudge.Client.Tests;

public sealed class FolderLockTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Who_holds_a_folder_is_told_to_others_and_forgotten_with_the_lock()
    {
        var run = new RunFolder(_folder.In("run"));
        using (FolderLock.Take(run, RunMarker.Run))
        {
            Assert.True(RunAddress.Find(run)!.IsStarting);
            Assert.Equal(
                $"process {Environment.ProcessId} is executing the run in {run.Path}; watch it with 'watch {run.Path}', or stop it with "
                    + $"'cancel {run.Path}'",
                Assert.Throws<UserError>(() => FolderLock.Take(run, RunMarker.Run)).Message);
        }
        Assert.Null(RunAddress.Find(run));
        Assert.True(RunMarker.IsRun(run));
        FolderLock.Take(run, RunMarker.Run).Dispose();
    }

    [Fact]
    public void Who_lets_others_in_stays_said_until_the_end()
    {
        var run = new RunFolder(_folder.In("run"));
        using var held = FolderLock.Take(run, RunMarker.Run);
        held.LetOthersIn();
        Assert.NotNull(RunAddress.Find(run));
        FolderLock.Take(run, RunMarker.Run).Dispose();
    }

    [Fact]
    public void A_lock_bears_that_its_folder_is_deleted_meanwhile()
    {
        var run = new RunFolder(_folder.In("run"));
        using (FolderLock.Take(run, RunMarker.Run))
            Directory.Delete(run.Path, recursive: true);
        Assert.False(Directory.Exists(run.Path));
    }
}
