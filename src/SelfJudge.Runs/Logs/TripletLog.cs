using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using Parquet.Serialization;
using SelfJudge.Abstractions;
using SelfJudge.Modeling.Files;
using SelfJudge.Runs.Folders;

namespace SelfJudge.Runs.Logs;

/// <summary>A triplet that was trained on, and where it came from: one row of <c>triplets.parquet</c>.</summary>
public sealed class TripletRow
{
    public long RunStep { get; set; }
    public string Stage { get; set; } = "";
    public int Step { get; set; }
    public int PromptIndex { get; set; }
    public int Match { get; set; }
    public string Prompt { get; set; } = "";
    public string Chosen { get; set; } = "";
    public string Rejected { get; set; } = "";
    public double ChosenScore { get; set; }
    public double RejectedScore { get; set; }
    public bool OrdersAgree { get; set; }

    /// <summary>What likelihood added to the judge's log-odds of the chosen one, in nats; 0 where the judge decided alone.</summary>
    public double Prior { get; set; }
    public long PolicyVersion { get; set; }

    // Seeds are 64 bits without a sign; columns have one. The bits are the same.
    public long ChosenSeed { get; set; }
    public long RejectedSeed { get; set; }
    public List<int> PromptIds { get; set; } = [];
    public List<int> ChosenIds { get; set; } = [];
    public List<int> RejectedIds { get; set; } = [];

    internal static TripletRow Of(long runStep, TripletBatch batch, Triplet triplet) => new()
    {
        RunStep = runStep,
        Stage = batch.Stage,
        Step = batch.Step,
        PromptIndex = batch.PromptIndex,
        Match = triplet.Match,
        Prompt = triplet.Prompt,
        Chosen = triplet.Chosen.Text,
        Rejected = triplet.Rejected.Text,
        ChosenScore = triplet.ChosenScore,
        RejectedScore = triplet.RejectedScore,
        OrdersAgree = triplet.OrdersAgree,
        Prior = triplet.Prior,
        PolicyVersion = Math.Min(triplet.Chosen.PolicyVersion, triplet.Rejected.PolicyVersion),
        ChosenSeed = (long)triplet.Chosen.Seed,
        RejectedSeed = (long)triplet.Rejected.Seed,
        PromptIds = [.. triplet.PromptIds],
        ChosenIds = [.. triplet.Chosen.Ids],
        RejectedIds = [.. triplet.Rejected.Ids],
    };
}

/// <summary>
/// Every triplet with its lineage. While the run goes on they are lines of a journal, which a crash cannot tear; at the
/// end they become one Parquet file.
/// </summary>
public sealed class TripletLog : IDisposable
{
    private static readonly JsonSerializerOptions Strict = new()
    {
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
        RespectNullableAnnotations = true,
        Converters = { new FiniteNumbers() },
        // The class has a constructor without parameters, as Parquet needs it; a line has all of its columns, but those that
        // an earlier version did not write.
        TypeInfoResolver = new DefaultJsonTypeInfoResolver
        {
            Modifiers =
            { type => type.Properties.ToList().ForEach(p => p.IsRequired = p.Name != nameof(TripletRow.Prior)) }
        },
    };

    private readonly RunFolder _folder;
    private readonly StreamWriter _journal;

    public TripletLog(RunFolder folder, long lastRunStep)
    {
        _folder = folder;
        AtomicFolder.WriteFile(folder.TripletJournal,
            string.Concat(Read(folder.TripletJournal).Where(r => r.RunStep <= lastRunStep)
            .Select(r => JsonSerializer.Serialize(r) + "\n")));
        _journal = new StreamWriter(folder.TripletJournal, append: true);
    }

    /// <summary>Logs rows, which are on disk when the call returns.</summary>
    public void Write(IReadOnlyCollection<TripletRow> rows)
    {
        if (rows.Count == 0)
            return;
        foreach (var row in rows)
            _journal.WriteLine(JsonSerializer.Serialize(row));
        _journal.Flush();
        ((FileStream)_journal.BaseStream).Flush(flushToDisk: true);
    }

    public void Dispose() => _journal.Dispose();

    /// <summary>Turns a run's journal, where there is one, into its Parquet file.</summary>
    public static async Task FinishAsync(RunFolder folder)
    {
        if (!File.Exists(folder.TripletJournal))
            return;
        var temporary = folder.Triplets + ".writing";
        await using (var file = File.Create(temporary))
        {
            await ParquetSerializer.SerializeAsync(Read(folder.TripletJournal).ToList(), file);
            file.Flush(flushToDisk: true);
        }
        File.Move(temporary, folder.Triplets, overwrite: true);
        File.Delete(folder.TripletJournal);
    }

    /// <summary>Every row of a finished run, in the order of training; none where it has none.</summary>
    public static async Task<IReadOnlyList<TripletRow>> ReadAll(RunFolder folder) =>
        File.Exists(folder.Triplets) ? [.. (await ParquetSerializer.DeserializeAsync<TripletRow>(folder.Triplets)).Data] : [];

    /// <summary>The rows of the last step of a stage that left any, from the journal, in the order of training.</summary>
    public static IReadOnlyList<TripletRow> ReadLastStep(RunFolder folder, string stage)
    {
        var last = new List<TripletRow>();
        foreach (var row in Read(folder.TripletJournal).Where(r => r.Stage == stage))
        {
            if (last.Count > 0 && last[0].Step != row.Step)
                last.Clear();
            last.Add(row);
        }
        return [.. last.OrderBy(r => r.PromptIndex).ThenBy(r => r.Match)];
    }

    // Its last line may be cut short by a crash: that step was not finished.
    private static IEnumerable<TripletRow> Read(string journal) =>
        JsonLines.ReadLog(journal, line => JsonLines.Deserialize<TripletRow>(line, Strict));
}
