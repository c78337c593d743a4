using System.IO.Compression;
using System.Text;
using SelfJudge.Preferences.Data;

namespace SelfJudge.Preferences.Tests.Data;

public sealed class JsonRowsTests : IDisposable
{
    private const string Good = """{"prompt": "p", "chosen": "a", "rejected": "b"}""";

    private readonly string _folder = Directory.CreateTempSubdirectory().FullName;

    public void Dispose() => Directory.Delete(_folder, true);

    [Theory]
    [InlineData("""{"prompt": "a", "prompt": "b", "chosen": "c", "rejected": "d"}""", "Duplicate property 'prompt'")]
    [InlineData("""{"prompt": "p", "chosen": "a", "rejected": "b", "s": NaN}""", "NaN and Infinity are no JSON: write null in their place")]
    [InlineData("""{"prompt": "p", "chosen": "a", "rejected": "b", "s": -Infinity}""",
        "NaN and Infinity are no JSON: write null in their place")]
    [InlineData("""{"prompt": ]}""", "not JSON")]
    [InlineData("", "nothing stands between two commas")]
    [InlineData("""{"prompt": "p,[{}]\" \\", "chosen": 1, "rejected": "b"}""", "the row has no text \"chosen\"")]
    public void An_element_of_an_array_that_cannot_be_read_is_one_row_by_its_place(string bad, string why)
    {
        var file = Write("a.json", $"[{Good},\n{bad},\n{Good}]\n");
        var report = new DataReport();
        Assert.Equal(2, PreferenceFiles.ReadPairs(file, 0, report, maxMalformed: 0.5).Count);
        Assert.Equal((3, 2, 1), (report.Read, report.Kept, report.Malformed));
        var problem = Assert.Single(report.Problems);
        Assert.StartsWith($"{file}:2: ", problem, StringComparison.Ordinal);
        Assert.Contains(why, problem, StringComparison.Ordinal);
        // On a line of its own it is the same.
        var lines = new DataReport();
        Assert.Equal(2, PreferenceFiles.ReadPairs(Write("a.jsonl", $"{Good}\n{bad}\n{Good}"), 0, lines, maxMalformed: 0.5).Count);
        Assert.Equal(bad.Length == 0 ? 0 : 1, lines.Malformed);
    }

    [Theory]
    [InlineData("[]", 0)]
    [InlineData(" [ ] \n", 0)]
    [InlineData("[{},{}]", 2)]
    [InlineData("[{}\n,[1,[2]] , \"a]\\\"b\" ,3]", 4)]
    [InlineData("{}{\"a\": {\"b\": [1, 2]}}\n\n{\n}\n", 3)]
    [InlineData("1 2\n\"x y\" [1] null", 5)]
    [InlineData("\uFEFF[{}]", 1)]
    [InlineData("\uFEFF{}\n{}", 2)]
    public void Values_are_told_apart_wherever_pieces_of_the_file_end(string text, int rows)
    {
        var bytes = Encoding.UTF8.GetBytes(text.TrimStart('\uFEFF'));
        foreach (var size in new[] { 1, 2, 3, 1000 })
        {
            var read = JsonRows.OfValues("f", bytes.Chunk(size).Select(p => (ReadOnlyMemory<byte>)p)).ToList();
            Assert.All(read, r => Assert.Null(r.Problem));
            Assert.Equal(Enumerable.Range(1, rows).Select(i => (long)i), read.Select(r => r.Number));
        }
        Assert.Equal(rows, RowFiles.Read(Write("x.json", text)).Count());
    }

    [Theory]
    [InlineData("[{}, {", "damaged or truncated at row 2: the array has no end")]
    [InlineData("[{}, {}", "damaged or truncated at row 2: the array has no end")]
    [InlineData("{} {\"a\": \"b", "damaged or truncated at row 2: the text ends within it")]
    [InlineData("[{}] {}", "damaged or truncated at row 2: something follows the array")]
    public void A_file_that_ends_too_soon_or_too_late_is_an_error_as_a_whole(string text, string message)
    {
        var file = Write("x.json", text);
        Assert.Equal($"{file}: {message}", Assert.Throws<DataException>(() => RowFiles.Read(file).Count()).Message);
    }

    [Fact]
    public void Rows_over_several_lines_are_read_in_json_and_explained_in_json_lines()
    {
        const string Pretty = "{\n \"prompt\": \"p\",\n \"chosen\": \"a\",\n \"rejected\": \"b\"\n}\n";
        Assert.Equal(2, PreferenceFiles.ReadPairs(Write("p.json", Pretty + Pretty)).Count);
        var file = Write("p.jsonl", Pretty);
        Assert.EndsWith("a row of JSON Lines stands on one line: where rows go over several lines, give the file a name that ends with "
            + ".json", Assert.Throws<DataException>(() => PreferenceFiles.ReadPairs(file)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Files_that_are_something_else_are_called_what_they_are()
    {
        void Refused(string name, byte[] bytes, string message)
        {
            var file = Path.Combine(_folder, name);
            File.WriteAllBytes(file, bytes);
            Assert.Equal($"{file}: {message}", Assert.Throws<DataException>(() => PreferenceFiles.ReadPairs(file)).Message);
        }
        const string Utf16 = "is not in UTF-8 but, by its first bytes, in UTF-16 or UTF-32, or no text at all: convert it, as 'iconv -f "
            + "UTF-16 -t UTF-8' does";
        Refused("a.jsonl", Encoding.Unicode.GetBytes(Good), Utf16);
        Refused("b.json", [.. Encoding.Unicode.Preamble, .. Encoding.Unicode.GetBytes($"[{Good}]")], Utf16);
        Refused("c.jsonl", Encoding.BigEndianUnicode.GetBytes(Good), Utf16);
        Refused("d.jsonl", new byte[1000], Utf16);
        Refused("e.jsonl", Gzip(Encoding.UTF8.GetBytes(Good)), "is compressed by gzip: give it a name that ends with .gz, or unpack it");
        Refused("f.parquet", Encoding.UTF8.GetBytes("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 12\n"),
            "is a Git LFS pointer, not the data it stands for: fetch that with 'git lfs pull'");
        Refused("g.jsonl", [.. "PAR1"u8, 1, 2, 3], "is a Parquet file: give it a name that ends with .parquet");
    }

    [Fact]
    public void A_byte_order_mark_and_carriage_returns_are_no_part_of_a_row()
    {
        var file = Write("c.jsonl",
            "\uFEFF" + """{"chosen": "\r\n\r\nHuman: Hi\r\n\r\nAssistant: Hello.", "rejected": "\r\n\r\nHuman: Hi\r\n\r\nAssistant: Go."}"""
            + "\r\n\r\n");
        var pair = Assert.Single(PreferenceFiles.ReadPairs(file));
        Assert.Equal(("Hi", "Hello.", "Go."), (pair.Prompt.Single().Content, pair.Chosen, pair.Rejected));
    }

    [Fact]
    public void Nesting_without_end_is_a_malformed_row()
    {
        var deep = string.Concat(Enumerable.Repeat("[", 100_000)) + string.Concat(Enumerable.Repeat("]", 100_000));
        foreach (var file in new[] { Write("d.jsonl", $"{Good}\n{{\"prompt\": {deep}}}\n"),
            Write("d.json", $"[{Good}, {{\"prompt\": {deep}}}]") })
            Assert.Contains($"{file}:2: not JSON: The maximum configured depth of 64 has been exceeded",
                Assert.Throws<DataException>(() => PreferenceFiles.ReadPairs(file)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_row_of_a_gigabyte_and_a_bomb_are_refused_without_being_held()
    {
        // 1.2 GB: a text without end, and blank lines.
        var text = Path.Combine(_folder, "text.json.gz");
        Pack(text, "[\""u8.ToArray(), (byte)'x', (byte)'x');
        var lines = Path.Combine(_folder, "lines.jsonl.gz");
        Pack(lines, "{}"u8.ToArray(), (byte)' ', (byte)'\n');
        var before = GC.GetTotalAllocatedBytes(precise: true);
        Assert.StartsWith(text + ": has more than 1024 MiB without the end of a row; a row has at most 32 MiB",
            Assert.Throws<DataException>(() => RowFiles.Read(text).Count()).Message, StringComparison.Ordinal);
        Assert.Contains("bytes unpack to more than 1", Assert.Throws<DataException>(() => RowFiles.Read(lines).Count()).Message,
            StringComparison.Ordinal);
        Assert.InRange(GC.GetTotalAllocatedBytes(precise: true) - before, 0, 300 << 20);
    }

    [Fact]
    public void Reading_stops_where_malformed_rows_cannot_be_made_up_for()
    {
        static IEnumerable<string> Endless()
        {
            for (var i = 0; ; i++)
                yield return i == 3 ? """{"prompt": [{"role": "tool", "content": ""}]}""" : "{}";
        }
        var file = Path.Combine(_folder, "bad.jsonl");
        File.WriteAllLines(file, Endless().Take(5000));
        var report = new DataReport();
        var message = Assert.Throws<DataException>(() => PreferenceFiles.ReadPairs(file, 0, report, maxMalformed: 0.1)).Message;
        Assert.Equal($"{file}:1: the row has no \"prompt\"; write rows as {{\"prompt\": \"…\"}}; it is empty (the first of 1000 malformed "
            + $"rows among 1000 read so far, where reading stopped; data.max_malformed allows a share of 0.1)\n"
            + $"and {file}:4: unknown role 'tool': a turn is of system, user or assistant", message);
        Assert.Equal(1000, report.Read);
        // Where none may be, at the first.
        var strict = new DataReport();
        Assert.Throws<DataException>(() => PreferenceFiles.ReadPairs(file, 0, strict, maxMalformed: 0));
        Assert.Equal(1, strict.Read);
        // Who only counts them counts them all.
        var counted = new DataReport();
        Assert.Empty(PreferenceFiles.ReadPairs(file, 0, counted, maxMalformed: 1));
        Assert.Equal((5000, 5000, 6), (counted.Read, counted.Malformed, counted.Problems.Count));
    }

    private string Write(string name, string text)
    {
        var path = Path.Combine(_folder, name);
        File.WriteAllText(path, text);
        return path;
    }

    private static byte[] Gzip(byte[] bytes)
    {
        using var packed = new MemoryStream();
        using (var gzip = new GZipStream(packed, CompressionLevel.Fastest, leaveOpen: true))
            gzip.Write(bytes);
        return packed.ToArray();
    }

    private static void Pack(string path, byte[] start, byte rest, byte end)
    {
        using var gzip = new GZipStream(File.Create(path), CompressionLevel.Fastest);
        gzip.Write(start);
        var block = new byte[1 << 20];
        Array.Fill(block, rest);
        block[^1] = end;
        for (var i = 0; i < 1200; i++)
            gzip.Write(block);
    }
}
