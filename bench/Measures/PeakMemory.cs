using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;

namespace SelfJudge.Bench.Measures;

/// <summary>What a process's memory grows to, by the kernel's account of its resident pages.</summary>
internal static partial class PeakMemory
{
    /// <summary>Resident bytes now.</summary>
    public static long Resident()
    {
        GC.Collect();
        return Read("VmRSS");
    }

    /// <summary>Bytes by which the process's resident memory rises, at its highest, while something is done.</summary>
    public static async Task<long> Growth(Func<Task> body)
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
        _ = Trim(0); // what was freed before would be taken again unseen
        var before = Resident();
        File.WriteAllText("/proc/self/clear_refs", "5"); // sets the high-water mark to what is resident now
        await body();
        return Read("VmHWM") - before;
    }

    /// <summary>Measures something in a process of its own, where nothing is left over of what others have allocated: runs this program
    /// with the arguments and returns the numbers that it prints.</summary>
    public static async Task<long[]> InProcessOfItsOwn(params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(
            Path.Combine(AppContext.BaseDirectory, typeof(PeakMemory).Assembly.GetName().Name!),
            arguments)
        { RedirectStandardOutput = true })!;
        var output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        return process.ExitCode == 0
            ? [.. output.Split(' ', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)
                .Select(n => long.Parse(n, CultureInfo.InvariantCulture))]
            : throw new InvalidOperationException($"measuring {string.Join(' ', arguments)} failed with exit code {process.ExitCode}");
    }

    [LibraryImport("libc", EntryPoint = "malloc_trim")]
    private static partial int Trim(nint pad);

    private static long Read(string key)
    {
        var line = File.ReadLines("/proc/self/status").First(l => l.StartsWith(key + ":", StringComparison.Ordinal));
        return 1024 * long.Parse(line.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture);
    }
}
