using System.Diagnostics;

namespace SelfJudge.Fuzz;

/// <summary>What came of the inputs of a reader.</summary>
internal sealed class Tally
{
    private readonly Dictionary<string, long> _faults = new(StringComparer.Ordinal);

    public long Tried { get; private set; }
    public long Accepted { get; private set; }
    public long Refused { get; private set; }
    public double Slowest { get; private set; }
    public long LargestAllocated { get; private set; }
    public long LargestResident { get; private set; }
    public IReadOnlyDictionary<string, long> Faults => _faults;

    public void Add(Attempt attempt)
    {
        lock (_faults)
        {
            Tried++;
            Accepted += attempt.Outcome == Outcome.Accepted ? 1 : 0;
            Refused += attempt.Outcome == Outcome.Refused ? 1 : 0;
            Slowest = Math.Max(Slowest, attempt.Seconds);
            LargestAllocated = Math.Max(LargestAllocated, attempt.Allocated);
            LargestResident = Math.Max(LargestResident, attempt.Resident);
            if (attempt.Fault is { } fault)
                _faults[fault.Signature] = _faults.GetValueOrDefault(fault.Signature) + 1;
        }
    }
}

/// <summary>Has workers try the inputs of a reader, takes note of those that end or hang them, and starts others in their place.</summary>
internal sealed class Supervisor(string reader, ulong seed, string faults, string temporary)
{
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(100);
    private const int KeptLines = 60;

    /// <param name="count">How many inputs are tried, at most.</param>
    /// <param name="only">The one input to try; all of them, in time, where null.</param>
    public async Task<Tally> Run(TimeSpan time, int jobs, long count, long? only)
    {
        var tally = new Tally();
        using var end = new CancellationTokenSource(time);
        if (only is { } number)
            await Work(tally, number, 1, 1, Path.Combine(temporary, reader), end.Token);
        else
            await Task.WhenAll(Enumerable.Range(0, jobs)
                .Select(job =>
                Work(tally, job, jobs, count / jobs + (job < count % jobs ? 1 : 0), Path.Combine(temporary, $"{reader}-{job}"),
                end.Token)));
        return tally;
    }

    private async Task Work(Tally tally, long first, long step, long count, string folder, CancellationToken end)
    {
        Directory.CreateDirectory(folder);
        while (count > 0 && !end.IsCancellationRequested)
        {
            var (last, fault) = await WorkOnce(tally, first, step, count, folder, end);
            if (last is null)
                return;
            if (fault is not null)
            {
                fault.Keep(faults, reader, seed, last.Number, Path.Combine(folder, "input"));
                tally.Add(last with { Outcome = Outcome.Fault, Fault = fault });
            }
            count -= (last.Number - first) / step + 1;
            first = last.Number + step;
        }
    }

    // One process, until it is done, ended by an input, or out of time. Returns the input that ended it, and how.
    private async Task<(Attempt? Last, Fault? Fault)> WorkOnce(Tally tally, long first, long step, long count, string folder,
        CancellationToken end)
    {
        var start = new ProcessStartInfo(Environment.ProcessPath!,
            ["worker", reader, $"{seed}", $"{first}", $"{step}", $"{count}", folder, faults])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            // What an input makes of memory is to be seen, not what the collector leaves for later; and nobody else's is to be taken.
            Environment = { ["DOTNET_gcConcurrent"] = "0", ["DOTNET_GCgen0size"] = "1000000", ["DOTNET_GCHeapHardLimit"] = "80000000",
                ["DOTNET_DbgEnableMiniDump"] = "0" },
        };
        using var process = Process.Start(start)!;
        var errors = new List<string>();
        var complaining = Task.Run(async () =>
        {
            while (await process.StandardError.ReadLineAsync(CancellationToken.None) is { } line)
                if (errors.Count < KeptLines)
                    errors.Add(line);
        }, CancellationToken.None);
        Attempt? trying = null;
        var (since, computed) = (Stopwatch.GetTimestamp(), TimeSpan.Zero);
        var reading = process.StandardOutput.ReadLineAsync(CancellationToken.None).AsTask();
        Fault? hang = null;
        while (true)
        {
            await Task.WhenAny(reading, Task.Delay(Look, CancellationToken.None));
            if (reading.IsCompleted)
            {
                if (await reading is not { } line)
                    break;
                var attempt = Attempt.Parse(line);
                if (attempt.Outcome == Outcome.Trying)
                    (trying, since, computed) = (attempt, Stopwatch.GetTimestamp(), TimeSpan.Zero);
                else
                {
                    tally.Add(attempt);
                    trying = null;
                }
                reading = process.StandardOutput.ReadLineAsync(CancellationToken.None).AsTask();
                continue;
            }
            if (end.IsCancellationRequested)
            {
                process.Kill();
                await process.WaitForExitAsync(CancellationToken.None);
                return (null, null);
            }
            if (trying is null)
                continue;
            process.Refresh();
            if (computed == TimeSpan.Zero)
                computed = process.TotalProcessorTime;
            else if (process.TotalProcessorTime - computed > 3 * Bounds.Time(trying.Size)
                || Stopwatch.GetElapsedTime(since) > Bounds.Silence(trying.Size))
            {
                hang = new Fault("hang",
                    $"no end after {(process.TotalProcessorTime - computed).TotalSeconds:0.0} s of computing, "
                    + $"{Stopwatch.GetElapsedTime(since).TotalSeconds:0} s in all");
                process.Kill();
                break;
            }
        }
        await process.WaitForExitAsync(CancellationToken.None);
        await complaining;
        if (process.ExitCode == 0)
            return (null, null);
        if (trying is null)
            throw new InvalidOperationException($"a worker ended by itself with exit code {process.ExitCode}: {string.Join('\n', errors)}");
        return (trying, hang ?? new Fault($"crash {errors.FirstOrDefault(l => l.Length > 0)}",
            $"exit code {process.ExitCode}\n{string.Join('\n', errors)}"));
    }
}
