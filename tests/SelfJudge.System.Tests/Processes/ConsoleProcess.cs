using System.ComponentModel;
using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text;

namespace SelfJudge.SystemTests.Processes;

/// <summary>What a process left when it ended.</summary>
/// <param name="ProcessorTime">What it took of processors, on all its threads, to within what it took in its last moment.</param>
internal sealed record Ended(int ExitCode, string Output, string Errors, TimeSpan Duration, TimeSpan ProcessorTime)
{
    public override string ToString() =>
        $"exit code {ExitCode} after {Duration.TotalSeconds:0.0} s, {ProcessorTime.TotalSeconds:0.0} s of them of a processor\n--- "
            + $"stdout\n{Output}\n--- stderr\n{Errors}";
}

/// <summary>A process of ours: what it prints is kept, every wait for it has a limit, and it never outlives its owner.</summary>
internal sealed class ConsoleProcess : IAsyncDisposable
{
    private const int HangUpSignal = 1, InterruptSignal = 2, TerminateSignal = 15;
    // A process that hangs; one that a busy machine slows down does not take so long.
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(10);
    private static readonly TimeSpan PollPeriod = TimeSpan.FromMilliseconds(2), SamplePeriod = TimeSpan.FromMilliseconds(20);

    private readonly Process _process;
    private readonly Stopwatch _clock = Stopwatch.StartNew();
    private readonly StringBuilder _output = new(), _errors = new();
    private readonly Task _ended;
    private TimeSpan _processorTime;

    private ConsoleProcess(ProcessStartInfo start)
    {
        _process = Process.Start(start)!;
        _ended = Task.WhenAll(Keep(_process.StandardOutput, _output), Keep(_process.StandardError, _errors), _process.WaitForExitAsync());
    }

    public int Id => _process.Id;
    public string Output => Text(_output);
    public string Errors => Text(_errors);

    /// <summary>What it has taken of processors, on all its threads; the system forgets it with the process, and then it is what was seen
    /// last.</summary>
    public TimeSpan ProcessorTime
    {
        get
        {
            try
            {
                return _processorTime = _process.TotalProcessorTime;
            }
            catch (Exception e) when (e is InvalidOperationException or Win32Exception && _process.HasExited)
            {
                return _processorTime;
            }
        }
    }

    /// <summary>Starts a program in a folder; a <c>.dll</c> is run by the dotnet that runs the tests.</summary>
    public static ConsoleProcess Start(string program, string folder, params IEnumerable<string> arguments)
    {
        var isManaged = program.EndsWith(".dll", StringComparison.Ordinal);
        return new ConsoleProcess(new ProcessStartInfo(isManaged ? Programs.DotNet : program,
            isManaged ? ["exec", program, .. arguments] : arguments)
        {
            WorkingDirectory = folder,
            // Open until the process is disposed: a person who types nothing.
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        });
    }

    /// <summary>Runs a program to its end.</summary>
    public static async Task<Ended> Run(string program, string folder, params IEnumerable<string> arguments)
    {
        await using var process = Start(program, folder, arguments);
        return await process.End();
    }

    /// <summary>Waits for the process to end by itself.</summary>
    public async Task<Ended> End()
    {
        for (var waiting = Stopwatch.StartNew(); !_ended.IsCompleted;)
        {
            if (waiting.Elapsed > Limit)
                Assert.Fail($"still running after {Limit.TotalSeconds:0} s\n{Now()}");
            _ = ProcessorTime;
            await Task.WhenAny(_ended, Task.Delay(SamplePeriod));
        }
        await _ended;
        return Now();
    }

    /// <summary>Waits until something is so. Fails if the process ends before it is.</summary>
    public async Task Until(Func<bool> condition, string what)
    {
        while (!condition())
        {
            if (_ended.IsCompleted && !condition())
                Assert.Fail($"the process ended before {what}\n{Now()}");
            if (_clock.Elapsed > Limit)
                Assert.Fail($"{what} did not come within {Limit.TotalSeconds:0} s\n{Now()}");
            await Task.Delay(PollPeriod);
        }
    }

    /// <summary>Waits for a line of standard output that starts so, white space aside, and returns it whole.</summary>
    public async Task<string> Line(string start)
    {
        string? Find() => Output.Split('\n')[..^1].FirstOrDefault(l => l.TrimStart().StartsWith(start, StringComparison.Ordinal));
        await Until(() => Find() is not null, $"a line that starts with '{start}'");
        return Find()!;
    }

    /// <summary>A line of standard input.</summary>
    public void Type(string line)
    {
        _process.StandardInput.WriteLine(line);
        _process.StandardInput.Flush();
    }

    /// <summary>Ends the process as kill -9 does: it has no time for anything.</summary>
    public async Task Kill()
    {
        Assert.False(_process.HasExited, $"there is nothing left to kill\n{Now()}");
        _process.Kill();
        await End();
    }

    /// <summary>Asks the process to end, as an operator or an orchestrator does.</summary>
    public void Terminate() => Assert.Equal(0, Signal(Id, TerminateSignal));

    /// <summary>Ctrl-C.</summary>
    public void Interrupt() => Assert.Equal(0, Signal(Id, InterruptSignal));

    /// <summary>What a closed terminal sends.</summary>
    public void HangUp() => Assert.Equal(0, Signal(Id, HangUpSignal));

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
            _process.Kill();
        await _ended.WaitAsync(Limit);
        _process.Dispose();
    }

    private Ended Now() => new(_process.HasExited ? _process.ExitCode : -1, Output, Errors, _clock.Elapsed, ProcessorTime);

    private static async Task Keep(StreamReader from, StringBuilder to)
    {
        while (await from.ReadLineAsync() is { } line)
            lock (to)
                to.Append(line).Append('\n');
    }

    private static string Text(StringBuilder from)
    {
        lock (from)
            return from.ToString();
    }

    [DllImport("libc", EntryPoint = "kill")]
    private static extern int Signal(int process, int signal);
}
