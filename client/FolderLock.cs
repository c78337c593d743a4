using SelfJudge.Abstractions;
using SelfJudge.Runs.Folders;

namespace SelfJudge.Client;

/// <summary>Keeps other processes from executing anything in a folder, until it is disposed or the process ends, and tells them who
/// does.</summary>
internal sealed class FolderLock : IDisposable
{
    // Between taking a folder and saying so a process has next to nothing to do.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(10);

    private readonly RunFolder _folder;
    private readonly FileStream _file;

    private FolderLock(RunFolder folder, FileStream file) => (_folder, _file) = (folder, file);

    /// <summary>Takes a folder, and marks it as ours.</summary>
    /// <exception cref="UserError">The folder cannot be written, or another process is at work there.</exception>
    /// <exception cref="RunFolderException">It is none of ours.</exception>
    public static FolderLock Take(RunFolder folder, string kind)
    {
        RunMarker.Check(folder, kind);
        FileStream file;
        try
        {
            Directory.CreateDirectory(folder.Path);
            file = new FileStream(folder.Lock, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (UnauthorizedAccessException e)
        {
            throw new UserError($"the run's folder {folder.Path} cannot be written: {e.Message}");
        }
        catch (IOException e)
        {
            throw new UserError(FindHolder(folder) is { } address
                ? $"process {address.ProcessId} is executing the run in {folder.Path}; watch it with 'watch {folder.Path}', or stop it "
                    + $"with 'cancel {folder.Path}'"
                : $"the run's folder {folder.Path} cannot be used: {e.Message}");
        }
        try
        {
            RunMarker.Claim(folder, kind);
            RunAddress.Starting(folder).Write(folder);
            return new FolderLock(folder, file);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>Others may execute the run now; where it is executed stays said until the end.</summary>
    public void LetOthersIn() => _file.Dispose();

    public void Dispose()
    {
        // Whoever deleted the folder has deleted this too.
        if (File.Exists(_folder.Address))
            File.Delete(_folder.Address);
        _file.Dispose();
    }

    private static RunAddress? FindHolder(RunFolder folder)
    {
        if (!File.Exists(folder.Lock))
            return null;
        for (var started = TimeProvider.System.GetTimestamp(); TimeProvider.System.GetElapsedTime(started) < Patience; Thread.Sleep(Poll))
            if (RunAddress.Find(folder) is { ProcessId: not RunAddress.Elsewhere } address)
                return address;
        return null;
    }
}
