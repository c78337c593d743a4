using System.Buffers.Binary;
using Parquet;
using Parquet.Schema;
using Parquet.Serialization;
using SelfJudge.Preferences.Data;
using SelfJudge.Preferences.Templates;

namespace SelfJudge.Preferences.Tests.Data;

public sealed class ParquetRowsTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory().FullName;

    public void Dispose() => Directory.Delete(_folder, true);

    // Columns are named as the rows' keys are.
#pragma warning disable IDE1006
    private sealed class OddRow
    {
        public double score { get; set; }
        public string prompt { get; set; } = "";
        public float single { get; set; }
        public Dictionary<string, double> map { get; set; } = [];
        public List<double> list { get; set; } = [];
        public TurnRow? @struct { get; set; }
        public string? chosen { get; set; }
        public decimal money { get; set; }
        public byte[] bytes { get; set; } = [];
        public DateTime at { get; set; }
        public TimeSpan span { get; set; }
        public string rejected { get; set; } = "";
    }

    private sealed class TurnRow
    {
        public string? role { get; set; }
        public string? content { get; set; }
        public double? weight { get; set; }
    }

    private sealed class TurnsRow
    {
        public List<TurnRow>? prompt { get; set; }
        public List<TurnRow>? chosen { get; set; }
        public List<TurnRow>? rejected { get; set; }
    }

    private sealed class IdsRow
    {
        public List<int> prompt_ids { get; set; } = [];
        public List<int> chosen_ids { get; set; } = [];
        public List<long> rejected_ids { get; set; } = [];
        public double policy_chosen_logp { get; set; }
        public double policy_rejected_logp { get; set; }
        public double ref_chosen_logp { get; set; }
        public float ref_rejected_logp { get; set; }
    }

    private sealed class BytesRow
    {
        public byte[] prompt { get; set; } = [];
        public byte[] chosen { get; set; } = [];
        public byte[] rejected { get; set; } = [];
    }

    private sealed class Annotation
    {
        public string? Rating { get; set; }
        public string? Rationale { get; set; }
    }

    private sealed class Annotations
    {
        public Annotation? helpfulness { get; set; }
        public Annotation? honesty { get; set; }
    }

    private sealed class CompletionRow
    {
        public string? response { get; set; }
        public double score { get; set; }
        public Annotations? annotations { get; set; }
    }

    private sealed class FeedbackRow
    {
        public string? instruction { get; set; }
        public List<CompletionRow>? completions { get; set; }
    }
#pragma warning restore IDE1006

    [Theory]
    [InlineData(CompressionMethod.None)]
    [InlineData(CompressionMethod.Snappy)]
    [InlineData(CompressionMethod.Zstd)]
    public async Task Columns_that_no_row_is_read_by_may_hold_whatever_they_like(CompressionMethod compression)
    {
        var file = await Write("odd", Enumerable.Range(0, 7).Select(i => new OddRow
        {
            score = i % 2 == 0 ? double.NaN : double.NegativeInfinity,
            single = float.PositiveInfinity,
            map = new() { ["a"] = double.NaN, ["b"] = i },
            list = [.. Enumerable.Repeat(double.NaN, i)],
            @struct = i == 2 ? null : new TurnRow { role = "x", weight = double.NaN },
            money = 1.5m,
            bytes = [0xFF, 0x00],
            at = DateTime.UnixEpoch,
            span = TimeSpan.FromSeconds(1),
            prompt = $"prompt {i}",
            chosen = $"good {i}",
            rejected = $"bad {i}",
        }), new ParquetOptions { CompressionMethod = compression, RowGroupSize = 3 });
        Assert.Equal(Enumerable.Range(0, 7).Select(i => ($"prompt {i}", $"good {i}", $"bad {i}")),
            PreferenceFiles.ReadPairs(file).Select(p => (p.Prompt.Single().Content, p.Chosen, p.Rejected)));
    }

    [Fact]
    public async Task Rows_keep_their_places_where_texts_and_lists_are_null_or_empty()
    {
        TurnRow User(string text) => new() { role = "user", content = text, weight = double.NaN };
        TurnRow Assistant(string? text) => new() { role = "assistant", content = text };
        var file = await Write("turns", new[]
        {
            new TurnsRow { prompt = [User("a"), Assistant("b"), User("c")], chosen = [Assistant("d")], rejected = [Assistant("e")] },
            new TurnsRow { prompt = null, chosen = [User("f"), Assistant("g")], rejected = [User("f"), Assistant("h")] },
            new TurnsRow { prompt = [], chosen = [Assistant("i")], rejected = [Assistant("j")] },
            new TurnsRow { prompt = [User("k")], chosen = [Assistant(null)], rejected = [Assistant("l")] },
            new TurnsRow { prompt = [User("m")], chosen = [Assistant("n")], rejected = null },
            new TurnsRow { prompt = [User("o")], chosen = [Assistant("p")], rejected = [Assistant("q")] },
        });
        var report = new DataReport();
        var pairs = PreferenceFiles.ReadPairs(file, 0, report, maxMalformed: 1);
        Assert.Equal(["d|e", "g|h", "p|q"], pairs.Select(p => $"{p.Chosen}|{p.Rejected}"));
        Assert.Equal([new Turn(Role.User, "a"), new Turn(Role.Assistant, "b"), new Turn(Role.User, "c")], pairs[0].Prompt);
        Assert.Equal([new Turn(Role.User, "f")], pairs[1].Prompt);
        Assert.Equal([$"{file}:3: a prompt ends with a user's turn", $"{file}:4: a turn of \"chosen\" has no text \"content\"",
            $"{file}:5: the row has no text \"rejected\""], report.Problems);
    }

    [Fact]
    public async Task Token_ids_and_ratings_are_read_in_depth()
    {
        var ids = await Write("ids",
            [new IdsRow { prompt_ids = [1, 5], chosen_ids = [6, 2], rejected_ids = [], policy_chosen_logp = -1.5, policy_rejected_logp = -1,
            ref_chosen_logp = -2, ref_rejected_logp = -3 }]);
        var scored = Assert.Single(ScoredRows.Read(ids, verbatim: false));
        Assert.Equal([[1, 5], [6, 2], []], new[] { scored.Ids!.Prompt, scored.Ids.Chosen, scored.Ids.Rejected });
        Assert.Equal(new RecordedLogProbs(-1.5, -1, -2, -3), scored.Recorded);
        Annotation Rated(string rating) => new() { Rating = rating, Rationale = $"about {rating}" };
        var feedback = await Write("feedback", [new FeedbackRow
        {
            instruction = "do",
            completions =
            [
                new CompletionRow { response = "x", score = double.NaN,
                    annotations = new Annotations { helpfulness = Rated("2"), honesty = Rated("N/A") } },
                new CompletionRow { response = "y", score = double.NaN, annotations = new Annotations { helpfulness = Rated("5") } },
            ],
        }]);
        Assert.Equal([(null, "y", "x", null), ("helpfulness", "y", "x", "about 5")],
            PreferenceFiles.ReadPairs(feedback).Select(p => (p.Principle, p.Chosen, p.Rejected, p.ChosenRationale)));
    }

    [Fact]
    public async Task A_file_without_a_column_of_rows_and_one_of_bytes_for_text_are_told()
    {
        var file = await Write("bytes", [new BytesRow { prompt = "p"u8.ToArray(), chosen = "é"u8.ToArray(), rejected = "b"u8.ToArray() }]);
        Assert.Equal(("p", "é", "b"), PreferenceFiles.ReadPairs(file).Select(p => (p.Prompt[0].Content, p.Chosen, p.Rejected)).Single());
        var none = Path.Combine(_folder, "none.parquet");
        await using (var stream = File.Create(none))
            await ParquetSerializer.SerializeUntypedAsync([new Dictionary<string, object?> { ["question"] = "p" }],
                new ParquetSchema(new DataField<string>("question")), stream, cancellationToken: TestContext.Current.CancellationToken);
        Assert.Equal($"{none}: has no column that rows are read by, but question; rows have \"prompt\", \"chosen\" and \"rejected\", or "
            + $"\"instruction\" and \"completions\"", Assert.Throws<DataException>(() => PreferenceFiles.ReadPairs(none)).Message);
    }

    [Theory]
    [InlineData(0x7FFFFFF0u)]
    [InlineData(0xFFFFFFFFu)]
    [InlineData(3u)]
    [InlineData(0u)]
    public async Task A_footer_whose_length_lies_is_refused(uint length)
    {
        var file = await Write("footer", [new IdsRow()]);
        var bytes = await File.ReadAllBytesAsync(file, TestContext.Current.CancellationToken);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(bytes.Length - 8), length);
        await File.WriteAllBytesAsync(file, bytes, TestContext.Current.CancellationToken);
        Assert.StartsWith($"{file}: not a Parquet file that can be read: ",
            Assert.Throws<DataException>(() => RowFiles.Read(file).Count()).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_file_cut_anywhere_or_with_any_byte_changed_is_read_or_refused_by_name()
    {
        var file = await Write("cut", Enumerable.Range(0, 3)
            .Select(i =>
            new TurnsRow
            {
                prompt = [new TurnRow { role = "user", content = $"{i}" }],
                chosen = [new TurnRow { role = "assistant", content = "a" }],
                rejected = [new TurnRow { role = "assistant", content = "b" }]
            }),
            new ParquetOptions { CompressionMethod = CompressionMethod.Snappy });
        var whole = await File.ReadAllBytesAsync(file, TestContext.Current.CancellationToken);
        void Try(byte[] bytes)
        {
            File.WriteAllBytes(file, bytes);
            try
            {
                Assert.InRange(RowFiles.Read(file).Count(), 0, 1 << 20);
            }
            catch (DataException e)
            {
                Assert.StartsWith(file, e.Message, StringComparison.Ordinal);
            }
        }
        for (var i = 0; i < whole.Length; i += 7)
            Try(whole[..i]);
        for (var i = 0; i < whole.Length; i++)
            foreach (var value in new byte[] { 0, 0xFF, (byte)(whole[i] ^ 0x10) })
            {
                var changed = (byte[])whole.Clone();
                changed[i] = value;
                Try(changed);
            }
    }

    private async Task<string> Write<T>(string name, IEnumerable<T> rows, ParquetOptions? options = null)
    {
        var path = Path.Combine(_folder, name + ".parquet");
        await using var stream = File.Create(path);
        await ParquetSerializer.SerializeAsync(rows, stream, options, cancellationToken: TestContext.Current.CancellationToken);
        return path;
    }
}
