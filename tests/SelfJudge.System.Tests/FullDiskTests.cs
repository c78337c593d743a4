using SelfJudge.SystemTests.Processes;

namespace SelfJudge.SystemTests;

public sealed class FullDiskTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_run_on_a_full_disk_fails_with_its_cause_and_ends_once_there_is_space()
    {
        var run = _folder["disk/run"];
        Directory.CreateDirectory(_folder["disk"]);
        await Mount("size=16m");
        try
        {
            // Room for the logs and some checkpoints of the run, and none for more.
            using (var ballast = File.Create(_folder["disk/ballast"]))
                ballast.Write(new byte[(16 << 20) - (1 << 20)]);
            var failed = await _folder.Client(SmallRun.Train(run));
            Assert.True(failed.ExitCode == 1, failed.ToString());
            Assert.Matches($"^the run failed: No space left on device : '{run}/.*'\nwhat it made is in {run}; once the cause is mended, "
                + $"go on with: resume {run}\n$", failed.Errors);
            var before = SmallRun.NewestCheckpoint(run);
            Assert.InRange(before, 1, SmallRun.Steps - 1);

            File.Delete(_folder["disk/ballast"]);
            var resumed = await _folder.Client("resume", run);
            Assert.True(resumed.ExitCode == 0, resumed.ToString());
            Assert.Equal(Enumerable.Range(1, SmallRun.Steps), SmallRun.Metrics(run).Select(r => (int)r["run_step"]!));
            Assert.Empty(Directory.GetFileSystemEntries(run, ".writing-*", SearchOption.AllDirectories));
        }
        finally
        {
            await ConsoleProcess.Run("umount", _folder.Path, _folder["disk"]);
        }
    }

    private async Task Mount(string options)
    {
        if (!OperatingSystem.IsLinux())
            Assert.Skip("needs a tmpfs");
        var mounted = await ConsoleProcess.Run("mount", _folder.Path, "-t", "tmpfs", "-o", options, "tmpfs", _folder["disk"]);
        if (mounted.ExitCode != 0)
            Assert.Skip($"needs the right to mount a tmpfs: {mounted.Errors.Trim()}");
    }
}
