using System.Runtime.InteropServices;

namespace SelfJudge.Modeling.Files;

/// <summary>Folders and files that exist whole or not at all, whatever interrupts their writing.</summary>
public static class AtomicFolder
{
    private const string TemporaryPrefix = ".writing-";
    private const int FileBuffer = 1 << 16;

    /// <summary>
    /// Creates <paramref name="folder"/> with the files that <paramref name="write"/> puts into a temporary folder beside
    /// it, and has it on disk when the call returns. What stood at its place before is replaced in one rename of each.
    /// </summary>
    public static void Write(string folder, Action<string> write)
    {
        var parent = Path.GetDirectoryName(Path.GetFullPath(folder))!;
        Directory.CreateDirectory(parent);
        var temporary = Path.Combine(parent, $"{TemporaryPrefix}{Path.GetFileName(folder)}-{Environment.ProcessId}");
        DeleteIfThere(temporary);
        Directory.CreateDirectory(temporary);
        try
        {
            write(temporary);
            // All files first, then to disk together: a file system commits what is there once, not once per file.
            foreach (var file in Directory.GetFiles(temporary, "*", SearchOption.AllDirectories))
                SyncFile(file);
            Sync(temporary);
            if (Directory.Exists(folder))
            {
                var replaced = temporary + "-replaced";
                DeleteIfThere(replaced);
                Directory.Move(folder, replaced);
                Directory.Move(temporary, folder);
                Directory.Delete(replaced, recursive: true);
            }
            else
            {
                Directory.Move(temporary, folder);
            }
            Sync(parent);
        }
        catch
        {
            DeleteIfThere(temporary);
            throw;
        }
    }

    /// <summary>Replaces a file's content in one rename.</summary>
    public static void WriteFile(string path, string content) =>
        WriteFile(path, file => file.Write(System.Text.Encoding.UTF8.GetBytes(content)));

    /// <summary>
    /// Creates a file with what <paramref name="write"/> puts into it, and has it on disk when the call returns. What stood
    /// at its place before is replaced in one rename.
    /// </summary>
    public static void WriteFile(string path, Action<FileStream> write)
    {
        var folder = Path.GetDirectoryName(Path.GetFullPath(path))!;
        var temporary = Path.Combine(folder, $"{TemporaryPrefix}{Path.GetFileName(path)}-{Environment.ProcessId}");
        try
        {
            using (var file = new FileStream(temporary, FileMode.Create, FileAccess.Write, FileShare.None, FileBuffer))
            {
                write(file);
                file.Flush(flushToDisk: true);
            }
            File.Move(temporary, path, overwrite: true);
        }
        catch
        {
            File.Delete(temporary);
            throw;
        }
        Sync(folder);
    }

    /// <summary>Removes what earlier, interrupted writes left in a folder.</summary>
    public static void Clean(string parent)
    {
        if (!Directory.Exists(parent))
            return;
        foreach (var left in Directory.GetDirectories(parent, TemporaryPrefix + "*"))
            Directory.Delete(left, recursive: true);
        foreach (var left in Directory.GetFiles(parent, TemporaryPrefix + "*"))
            File.Delete(left);
    }

    /// <summary>Whether a path is of what an interrupted write left.</summary>
    public static bool IsTemporary(string path) => Path.GetFileName(path).StartsWith(TemporaryPrefix, StringComparison.Ordinal);

    private static void DeleteIfThere(string folder)
    {
        if (Directory.Exists(folder))
            Directory.Delete(folder, recursive: true);
    }

    private static void SyncFile(string path)
    {
        using var file = new FileStream(path, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite, bufferSize: 0);
        file.Flush(flushToDisk: true);
    }

    // A rename is durable once the folder that holds it is. .NET has no call for that; on Windows the rename itself is.
    private static void Sync(string folder)
    {
        if (OperatingSystem.IsWindows())
            return;
        var descriptor = Open(folder, 0);
        if (descriptor < 0)
            return;
        _ = FSync(descriptor);
        _ = Close(descriptor);
    }

    [DllImport("libc", EntryPoint = "open", CharSet = CharSet.Ansi, BestFitMapping = false, ThrowOnUnmappableChar = true)]
    private static extern int Open(string path, int flags);

    [DllImport("libc", EntryPoint = "fsync")]
    private static extern int FSync(int descriptor);

    [DllImport("libc", EntryPoint = "close")]
    private static extern int Close(int descriptor);
}
