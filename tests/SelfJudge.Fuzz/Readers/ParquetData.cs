using Parquet;
using Parquet.Serialization;
using SelfJudge.Fuzz.Mutations;

namespace SelfJudge.Fuzz.Readers;

/// <summary>Preference data in Parquet files.</summary>
internal sealed class ParquetData : FuzzedReader
{
    private readonly byte[][] _seeds =
    [
        .. new[] { CompressionMethod.None, CompressionMethod.Snappy, CompressionMethod.Gzip, CompressionMethod.Zstd }.Select(c =>
            Write(Enumerable.Range(0, 20).Select(i =>
                new FlatRow { prompt = $"why {i} ?", chosen = "so .", rejected = "no .", score = i / 3.0, rank = i, at = DateTime.UnixEpoch,
                none = null, flag = i % 2 == 0 }), c)),
        Write(Enumerable.Range(0, 5).Select(i =>
            new TurnsRow { prompt = [new() { role = "user", content = $"why {i} ?" }],
                chosen = [new() { role = "assistant", content = "so ." }], rejected = [new() { role = "assistant", content = "no ." }],
                tags = ["a", "b"], counts = new() { ["x"] = i } }), CompressionMethod.Snappy),
        Write(Enumerable.Range(0, 3).Select(i =>
            new FlatRow { prompt = $"why {i} ?", chosen = "so .", rejected = "no .", score = double.NaN, single = float.PositiveInfinity }),
                CompressionMethod.None),
    ];

    public override string Name => "parquet";

    public override FuzzInput Make(Random random)
    {
        var content = Mutation.Bytes(random, _seeds);
        // A few hundred bytes may honestly be a great many rows: what the columns expand to is not known here.
        return FuzzInput.Of(("data.parquet", content));
    }

    public override bool Read(string folder, FuzzInput input) => RowData.ReadRows(Path.Combine(folder, input.Files.Keys.Single()));

    private static byte[] Write<T>(IEnumerable<T> rows, CompressionMethod compression)
    {
        using var stream = new MemoryStream();
        ParquetSerializer.SerializeAsync(rows, stream, new ParquetOptions { CompressionMethod = compression, RowGroupSize = 8 })
            .GetAwaiter().GetResult();
        return stream.ToArray();
    }

    // Columns have the names of the data sets.
#pragma warning disable IDE1006
    private sealed class FlatRow
    {
        public string? prompt { get; set; }
        public string? chosen { get; set; }
        public string? rejected { get; set; }
        public double score { get; set; }
        public float single { get; set; }
        public int rank { get; set; }
        public DateTime at { get; set; }
        public string? none { get; set; }
        public bool flag { get; set; }
    }

    private sealed class Turn
    {
        public string? role { get; set; }
        public string? content { get; set; }
    }

    private sealed class TurnsRow
    {
        public List<Turn>? prompt { get; set; }
        public List<Turn>? chosen { get; set; }
        public List<Turn>? rejected { get; set; }
        public List<string>? tags { get; set; }
        public Dictionary<string, int>? counts { get; set; }
    }
#pragma warning restore IDE1006
}
