using System.Diagnostics;
using System.Runtime.InteropServices;

namespace SelfJudge.CommandLine;

/// <summary>
/// The wish to end, by Ctrl-C, SIGTERM or SIGHUP. The first asks for an orderly end, however long what is under way
/// takes: to leave by <c>exit</c> under a native computation crashes. A further Ctrl-C or SIGTERM ends the process at
/// once, without any clean-up, as <c>kill -9</c> would: whatever counts is on disk by then.
/// </summary>
public sealed class Termination : IDisposable
{
    /// <summary>What to do about an orderly end that takes too long.</summary>
    public const string AtOnce = "press Ctrl-C again to end at once";

    private const int Interrupt = 2, Terminate = 15;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(1);

    private readonly CancellationTokenSource _stop = new();
    private readonly CancellationTokenSource _over = new();
    private readonly List<PosixSignalRegistration> _handlers;
    private int _wasAsked;

    public Termination() =>
        _handlers = [.. new[] { PosixSignal.SIGINT, PosixSignal.SIGTERM, PosixSignal.SIGHUP }.Where(s => !IsIgnored(s))
            .Select(s => PosixSignalRegistration.Create(s, Receive))];

    /// <summary>Cancelled by the first signal.</summary>
    public CancellationToken Token => _stop.Token;

    /// <summary>Whether somebody says what an orderly end waits for, and <see cref="AtOnce"/>; else that is said here in general words,
    /// once the wait is felt.</summary>
    public static bool IsExplained { get; set; }

    public void Dispose()
    {
        _over.Cancel();
        _handlers.ForEach(h => h.Dispose());
        _stop.Dispose();
    }

    private void Receive(PosixSignalContext context)
    {
        context.Cancel = true;
        // Who closes a terminal sends this from the shell and from the kernel, and a script its SIGTERM besides: it does not count.
        if (context.Signal == PosixSignal.SIGHUP)
            Terminal.HangUp();
        else if (Interlocked.Exchange(ref _wasAsked, 1) > 0)
            EndNow(128 + (context.Signal == PosixSignal.SIGINT ? Interrupt : Terminate));
        if (_stop.IsCancellationRequested)
            return;
        _stop.Cancel();
        _ = Tell();
    }

    private async Task Tell()
    {
        await Task.Delay(Patience, _over.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (!_over.IsCancellationRequested && !IsExplained)
            await Console.Error.WriteLineAsync($"stopping when what is under way has ended; {AtOnce}");
    }

    /// <summary>Ends the process without any clean-up: no crash and no hang, whatever its other threads compute.</summary>
    internal static void EndNow(int code)
    {
        Terminal.ShowCursor();
        if (OperatingSystem.IsWindows())
            Process.GetCurrentProcess().Kill();
        else
            Exit(code);
    }

    // nohup and a shell's background jobs start a process with signals ignored, which a handler of ours would undo.
    private static bool IsIgnored(PosixSignal signal)
    {
        const string Status = "/proc/self/status", Mask = "SigIgn:";
        var number = signal switch { PosixSignal.SIGHUP => 1, PosixSignal.SIGINT => Interrupt, _ => Terminate };
        return File.Exists(Status) && File.ReadLines(Status).FirstOrDefault(l => l.StartsWith(Mask, StringComparison.Ordinal)) is { } line
            && (Convert.ToUInt64(line[Mask.Length..].Trim(), 16) >> (number - 1) & 1) != 0;
    }

    [DllImport("libc", EntryPoint = "_exit")]
    private static extern void Exit(int code);
}
