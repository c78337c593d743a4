using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using SelfJudge.Modeling.Hosting;

namespace SelfJudge.Runs.Logs;

/// <summary>The last figures of every running stage as gauges, by the names that metrics.jsonl uses, and what the model host has
/// done.</summary>
public sealed class RunInstruments : IDisposable
{
    public const string MeterName = "SelfJudge.Actors";

    private readonly Meter _meter = new(MeterName);
    private readonly ConcurrentDictionary<string, ConcurrentDictionary<(string Run, string Stage), double>> _values =
        new(StringComparer.Ordinal);

    public RunInstruments(IModelHost? host = null)
    {
        if (host is null)
            return;
        _meter.CreateObservableCounter("model_host/sampled_tokens", () => host.Status.Totals.SampledTokens);
        _meter.CreateObservableCounter("model_host/judged_tokens", () => host.Status.Totals.JudgedTokens);
        _meter.CreateObservableCounter("model_host/trained_tokens", () => host.Status.Totals.TrainedTokens);
        _meter.CreateObservableCounter("model_host/sampling_seconds", () => host.Status.Totals.SamplingSeconds);
        _meter.CreateObservableCounter("model_host/judging_seconds", () => host.Status.Totals.JudgingSeconds);
        _meter.CreateObservableCounter("model_host/training_seconds", () => host.Status.Totals.TrainingSeconds);
        _meter.CreateObservableGauge("model_host/queue_length", () => host.Status.QueueLength);
    }

    /// <summary>Sets the figures of a stage's last step.</summary>
    public void Record(string run, string stage, IReadOnlyDictionary<string, double> figures)
    {
        foreach (var (name, value) in figures)
            _values.GetOrAdd(name, NewGauge)[(run, stage)] = value;
    }

    /// <summary>Forgets a run's figures.</summary>
    public void Forget(string run)
    {
        foreach (var series in _values.Values)
            foreach (var key in series.Keys.Where(k => k.Run == run))
                series.TryRemove(key, out _);
    }

    public void Dispose() => _meter.Dispose();

    private ConcurrentDictionary<(string Run, string Stage), double> NewGauge(string name)
    {
        var series = new ConcurrentDictionary<(string Run, string Stage), double>();
        _meter.CreateObservableGauge(name, () =>
            series.Select(v =>
                new Measurement<double>(v.Value, KeyValuePair.Create<string, object?>("run", v.Key.Run),
                KeyValuePair.Create<string, object?>("stage", v.Key.Stage))));
        return series;
    }
}
