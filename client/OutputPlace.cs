using System.Text;

namespace SelfJudge.Client;

/// <summary>Where <c>--out</c> points: looked at before any work is spent.</summary>
internal static class OutputPlace
{
    private const int ProbeBytes = 4096;
    private const int LongestName = 255; // in bytes, on every usual file system

    /// <summary>Tries whether a file can be written, whether it is there or not.</summary>
    /// <exception cref="UserError">It cannot.</exception>
    public static void TryFile(string path) => Try(path, () =>
    {
        CheckName(path);
        if (File.Exists(path))
            File.OpenWrite(path).Dispose();
        Probe(Path.GetDirectoryName(path)!);
    });

    /// <summary>The full path of a folder that can be made and written into, whether it is there or not.</summary>
    /// <exception cref="UserError">It cannot.</exception>
    public static string Folder(string named)
    {
        var path = Path.TrimEndingDirectorySeparator(Path.GetFullPath(named));
        Try(path, () =>
        {
            var existing = path;
            for (; !Path.Exists(existing) && Path.GetDirectoryName(existing) is { } parent; existing = parent)
                CheckName(existing);
            if (!Directory.Exists(existing))
                throw new IOException($"{existing} is a file, not a folder");
            Probe(existing);
        });
        return path;
    }

    private static void Try(string path, Action write)
    {
        try
        {
            write();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new UserError($"--out {path} cannot be written: {e.Message}");
        }
    }

    private static void CheckName(string path)
    {
        if (Encoding.UTF8.GetByteCount(Path.GetFileName(path)) is > LongestName and var length)
            throw new IOException($"its name has {length} bytes, and a file system takes {LongestName}");
    }

    // Permissions, quotas and room are known by trying only.
    private static void Probe(string folder)
    {
        using var probe = new FileStream(Path.Combine(folder, $".selfjudge-probe-{Environment.ProcessId}"), FileMode.CreateNew,
            FileAccess.Write, FileShare.None, ProbeBytes, FileOptions.DeleteOnClose);
        probe.Write(new byte[ProbeBytes]);
        probe.Flush(flushToDisk: true);
    }
}
