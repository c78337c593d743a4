using System.Diagnostics.Metrics;
using SelfJudge.Runs.Logs;

namespace SelfJudge.Runs.Tests.Logs;

public sealed class RunInstrumentsTests
{
    [Fact]
    public void Gauges_hold_the_last_figures_of_every_stage_until_the_run_is_forgotten()
    {
        using var instruments = new RunInstruments();
        instruments.Record("listened-1", "SFT", new Dictionary<string, double> { ["loss"] = 2 });
        instruments.Record("listened-1", "SFT", new Dictionary<string, double> { ["loss"] = 1, ["judge/accuracy"] = 0.8 });
        instruments.Record("listened-2", "DPO", new Dictionary<string, double> { ["loss"] = 0.5 });
        Assert.Equal([("judge/accuracy", "listened-1", "SFT", 0.8), ("loss", "listened-1", "SFT", 1), ("loss", "listened-2", "DPO", 0.5)],
            Listen());
        instruments.Forget("listened-1");
        Assert.Equal([("loss", "listened-2", "DPO", 0.5)], Listen());
    }

    private static List<(string Name, string Run, string Stage, double Value)> Listen()
    {
        var measured = new List<(string Name, string Run, string Stage, double Value)>();
        using var listener = new MeterListener();
        listener.InstrumentPublished = (instrument, l) =>
        {
            if (instrument.Meter.Name == RunInstruments.MeterName)
                l.EnableMeasurementEvents(instrument);
        };
        listener.SetMeasurementEventCallback<double>((instrument, value, tags, _) =>
        {
            // Meters of other tests are in this process too.
            if (tags.Length == 2 && ((string)tags[0].Value!).StartsWith("listened", StringComparison.Ordinal))
                measured.Add((instrument.Name, (string)tags[0].Value!, (string)tags[1].Value!, value));
        });
        listener.Start();
        listener.RecordObservableInstruments();
        return [.. measured.Order()];
    }
}
