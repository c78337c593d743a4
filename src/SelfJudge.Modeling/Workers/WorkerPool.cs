using System.Runtime.ExceptionServices;
using SelfJudge.Modeling.Native;

namespace SelfJudge.Modeling.Workers;

/// <summary>
/// The threads among which the device thread divides a batch. Worker 0 is the caller itself. On a CPU, two workers with
/// one intra-op thread each beat one with two; a GPU has one worker.
/// </summary>
public sealed class WorkerPool : IDisposable
{
    private readonly SemaphoreSlim[] _start;
    private readonly Thread[] _threads;
    private readonly Exception?[] _failures;
    private readonly CountdownEvent _running = new(1);
    private Action<int>? _body;
    private volatile bool _stopping;

    public WorkerPool(int count)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 1);
        Count = count;
        _failures = new Exception?[count];
        _start = [.. Enumerable.Range(1, count - 1).Select(_ => new SemaphoreSlim(0))];
        _threads = [.. Enumerable.Range(1, count - 1)
            .Select(i => new Thread(() => Loop(i)) { IsBackground = true, Name = $"model worker {i}" })];
        foreach (var thread in _threads)
            thread.Start();
    }

    public int Count { get; }

    /// <summary>Runs the body once per worker and returns when all have finished. The first failure, by worker, is thrown on.</summary>
    public void Run(Action<int> body)
    {
        Array.Clear(_failures);
        _body = body;
        _running.Reset(Count);
        foreach (var start in _start)
            start.Release();
        RunOne(0);
        _running.Wait();
        _body = null;
        if (_failures.FirstOrDefault(f => f is not null) is { } failure)
            ExceptionDispatchInfo.Throw(failure);
    }

    public void Dispose()
    {
        _stopping = true;
        foreach (var start in _start)
            start.Release();
        foreach (var thread in _threads)
            thread.Join();
        foreach (var start in _start)
            start.Dispose();
        _running.Dispose();
    }

    private void Loop(int worker)
    {
        TorchRuntime.UseOneThread();
        while (true)
        {
            _start[worker - 1].Wait();
            if (_stopping)
                return;
            RunOne(worker);
        }
    }

    private void RunOne(int worker)
    {
        try
        {
            _body!(worker);
        }
#pragma warning disable CA1031 // Whatever it is, Run throws it on the calling thread.
        catch (Exception e)
#pragma warning restore CA1031
        {
            _failures[worker] = e;
        }
        finally
        {
            _running.Signal();
        }
    }
}
