using System.Text.Json;
using System.Text.Json.Nodes;
using System.Threading.Channels;
using SelfJudge.Modeling.Files;
using SelfJudge.Runs.Folders;
using TorchSharp;

namespace SelfJudge.Runs.Logs;

/// <summary>One step's figures.</summary>
/// <param name="RunStep">Optimizer steps of the whole run.</param>
/// <param name="StageStep">Optimizer steps of the stage.</param>
public sealed record MetricsRow(long RunStep, string Stage, int StageStep, IReadOnlyDictionary<string, double> Values);

/// <summary>
/// The figures of every step: <c>metrics.jsonl</c>, one line each, and TensorBoard event files, one series per stage.
/// A row is written before its step's checkpoint is, so that no checkpoint lacks a row; a run that resumes first drops
/// what was logged after the checkpoint it resumes from.
/// </summary>
public sealed class MetricsLog : IAsyncDisposable
{
    private static readonly JsonDocumentOptions Strict = new() { AllowDuplicateProperties = false };

    private readonly StreamWriter _lines;
    private readonly Channel<MetricsRow> _toPlot = Channel.CreateUnbounded<MetricsRow>(new UnboundedChannelOptions { SingleReader = true });
    private readonly Task _plotting;

    /// <param name="stage">The stage whose steps are to be logged. Its series is drawn anew; those of earlier stages are whole.</param>
    /// <param name="lastRunStep">The last step that is kept.</param>
    public MetricsLog(RunFolder folder, string stage, long lastRunStep)
    {
        var kept = Read(folder.Metrics).Where(r => r.RunStep <= lastRunStep).ToList();
        var series = folder.SeriesOf(stage);
        if (Directory.Exists(series))
            Directory.Delete(series, recursive: true);
        AtomicFolder.WriteFile(folder.Metrics, string.Concat(kept.Select(r => Line(r) + "\n")));
        _lines = new StreamWriter(folder.Metrics, append: true) { AutoFlush = true };
        // The event writer opens its file for every figure, which is no work for a training step to wait for.
        _plotting = Task.Run(() => PlotAll(series, [.. kept.Where(r => r.Stage == stage)]));
    }

    /// <summary>Logs a row. Its line is in the file when the call returns.</summary>
    public void Write(MetricsRow row)
    {
        _lines.WriteLine(Line(row));
        _toPlot.Writer.TryWrite(row);
    }

    /// <summary>The rows of a metrics file; none if it is not there. A last line cut short by a crash is left out.</summary>
    /// <exception cref="InvalidDataException">Another line is damaged; the message names file and line.</exception>
    public static IEnumerable<MetricsRow> Read(string path) => JsonLines.ReadLog(path, Parse);

    public async ValueTask DisposeAsync()
    {
        _toPlot.Writer.Complete();
        try
        {
            await _plotting;
        }
        finally
        {
            await _lines.DisposeAsync();
        }
    }

    private async Task PlotAll(string series, IReadOnlyList<MetricsRow> earlier)
    {
        var writer = torch.utils.tensorboard.SummaryWriter(series, createRunName: false);
        void Plot(MetricsRow row)
        {
            foreach (var (name, value) in row.Values)
                writer.add_scalar(name, (float)value, row.StageStep);
        }
        foreach (var row in earlier)
            Plot(row);
        await foreach (var row in _toPlot.Reader.ReadAllAsync())
            Plot(row);
    }

    private static string Line(MetricsRow row)
    {
        var json = new JsonObject { ["run_step"] = row.RunStep, ["stage"] = row.Stage, ["step"] = row.StageStep };
        foreach (var (name, value) in row.Values)
            json[name] = double.IsFinite(value) ? value : null;
        return json.ToJsonString();
    }

    private static MetricsRow Parse(ReadOnlyMemory<byte> line)
    {
        using var json = JsonDocument.Parse(line, Strict);
        var values = new Dictionary<string, double>();
        (long? runStep, string? stage, int? step) = (null, null, null);
        foreach (var property in json.RootElement.ValueKind == JsonValueKind.Object ? json.RootElement.EnumerateObject()
            : throw new JsonException("it is no object"))
            switch (property.Name, property.Value.ValueKind)
            {
                case ("run_step", JsonValueKind.Number) when property.Value.TryGetInt64(out var number):
                    runStep = number;
                    break;
                case ("stage", JsonValueKind.String):
                    stage = property.Value.GetString();
                    break;
                case ("step", JsonValueKind.Number) when property.Value.TryGetInt32(out var number):
                    step = number;
                    break;
                case (not ("run_step" or "stage" or "step"), JsonValueKind.Number):
                    values[property.Name] = property.Value.GetDouble();
                    break;
                case (not ("run_step" or "stage" or "step"), JsonValueKind.Null):
                    break;
                default:
                    throw new JsonException($"{property.Name} is {property.Value.GetRawText()}");
            }
        return new MetricsRow(runStep ?? throw new JsonException("run_step is missing"),
            stage ?? throw new JsonException("stage is missing"), step ?? throw new JsonException("step is missing"), values);
    }
}
