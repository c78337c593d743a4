using System.Text.Json;
using SelfJudge.Abstractions;
using SelfJudge.Modeling.Files;
using SelfJudge.Runs.Folders;

namespace SelfJudge.Runs.Logs;

/// <summary>A response that was rewarded, and where it came from: one line of <c>samples.jsonl</c>.</summary>
public sealed record SampleRow(long RunStep, string Stage, int Step, int PromptIndex, string Prompt, string Response, double Reward,
    ulong Seed, long PolicyVersion, IReadOnlyList<int> PromptIds, IReadOnlyList<int> ResponseIds)
{
    internal static SampleRow Of(long runStep, TripletBatch batch, RewardedCompletion r) =>
        new(runStep, batch.Stage, batch.Step, batch.PromptIndex, r.Prompt, r.Completion.Text, r.Reward, r.Completion.Seed,
            r.Completion.PolicyVersion, r.PromptIds, r.Completion.Ids);
}

/// <summary>Every rewarded response with its lineage; what ReST gathers, it learns from here. A resumed run drops what is ahead of its
/// checkpoint.</summary>
public sealed class SampleLog : IDisposable
{
    private static readonly JsonSerializerOptions Json = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        RespectNullableAnnotations = true,
        RespectRequiredConstructorParameters = true,
        Converters = { new FiniteNumbers() }
    };

    private readonly RunFolder _folder;
    private StreamWriter? _writer;

    public SampleLog(RunFolder folder, long lastRunStep)
    {
        _folder = folder;
        if (File.Exists(folder.Samples))
            AtomicFolder.WriteFile(folder.Samples,
                string.Concat(ReadAll().Where(r => r.RunStep <= lastRunStep).Select(r => JsonSerializer.Serialize(r, Json) + "\n")));
    }

    /// <summary>Logs rows, which are on disk when the call returns.</summary>
    public void Write(IReadOnlyList<SampleRow> rows)
    {
        if (rows.Count == 0)
            return;
        _writer ??= new StreamWriter(_folder.Samples, append: true);
        foreach (var row in rows)
            _writer.WriteLine(JsonSerializer.Serialize(row, Json));
        _writer.Flush();
        ((FileStream)_writer.BaseStream).Flush(flushToDisk: true);
    }

    /// <summary>What a stage has gathered, in the order of its steps, prompts and samples.</summary>
    public IEnumerable<SampleRow> Read(string stage) => ReadAll().Where(r => r.Stage == stage);

    public void Dispose() => _writer?.Dispose();

    // Its last line may be cut short by a crash: that step was not finished.
    private IEnumerable<SampleRow> ReadAll() => JsonLines.ReadLog(_folder.Samples, line => JsonLines.Deserialize<SampleRow>(line, Json));
}
