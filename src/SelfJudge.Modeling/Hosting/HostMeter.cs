
namespace SelfJudge.Modeling.Hosting;

internal enum WorkKind { Sampling, Judging, Training, Other }

/// <summary>Counts what a host does. Written by the device thread, read by any.</summary>
internal sealed class HostMeter(TimeProvider time)
{
    private readonly Lock _lock = new();
    private readonly TimeSpan[] _spent = new TimeSpan[Enum.GetValues<WorkKind>().Length];
    private long _sampledTokens, _judgedPrompts, _judgedTokens, _trainedTokens;
    private DateTimeOffset? _busySince, _lastFinished;

    public void Measure(WorkKind kind, Action batch)
    {
        var started = time.GetUtcNow();
        lock (_lock)
            _busySince = started;
        batch();
        lock (_lock)
        {
            _lastFinished = time.GetUtcNow();
            _spent[(int)kind] += _lastFinished.Value - started;
            _busySince = null;
        }
    }

    public void AddSampled(long tokens)
    {
        lock (_lock)
            _sampledTokens += tokens;
    }

    public void AddJudged(int prompts, long tokens)
    {
        lock (_lock)
            (_judgedPrompts, _judgedTokens) = (_judgedPrompts + prompts, _judgedTokens + tokens);
    }

    public void AddTrained(long tokens)
    {
        lock (_lock)
            _trainedTokens += tokens;
    }

    public HostStatus Status(int queueLength, IReadOnlyList<string> models)
    {
        lock (_lock)
            return new HostStatus(queueLength, _busySince, _lastFinished, models,
                new HostTotals(_sampledTokens, _judgedPrompts, _judgedTokens, _trainedTokens,
                _spent[(int)WorkKind.Sampling].TotalSeconds, _spent[(int)WorkKind.Judging].TotalSeconds,
                    _spent[(int)WorkKind.Training].TotalSeconds));
    }
}
