using System.Buffers;
using System.Buffers.Binary;
using System.IO.Compression;
using System.Text.Json;
using Parquet;
using Parquet.Serialization;

namespace SelfJudge.Preferences.Data;

/// <summary>A row of a file.</summary>
/// <param name="Number">Its line; in a JSON array or a Parquet file its place, from 1.</param>
/// <param name="Value">Null where it could not be read, and then <paramref name="Problem"/> says why.</param>
internal sealed record SourceRow(string File, long Number, JsonElement? Value, string? Problem)
{
    public string Place => $"{File}:{Number}";
}

/// <summary>Rows of JSON Lines, gzipped or not, of a JSON array, and of Parquet, one at a time.</summary>
internal static class RowFiles
{
    /// <summary>A longer line is malformed, and is passed over without being held.</summary>
    public const int MaxLineBytes = 32 << 20;

    private static readonly string[] Extensions = [".jsonl", ".jsonl.gz", ".json", ".json.gz", ".parquet"];
    private static readonly JsonDocumentOptions Strict = new() { AllowDuplicateProperties = false };
    private static readonly JsonSerializerOptions StrictValues = new() { AllowDuplicateProperties = false };

    /// <summary>
    /// The data files that a path stands for: itself, or those in a folder and below, in ordinal order. Where a folder
    /// has a training file, its test files are left out.
    /// </summary>
    /// <exception cref="DataException">There is none.</exception>
    public static IReadOnlyList<string> Find(string path)
    {
        if (File.Exists(path))
            return [path];
        if (!Directory.Exists(path))
            throw new DataException($"{path}: no such file");
        var files = Directory.EnumerateFiles(path, "*", SearchOption.AllDirectories).Where(f => Extensions.Any(e => f.EndsWith(e, StringComparison.Ordinal))).Order(StringComparer.Ordinal).ToList();
        var trained = files.Where(f => Path.GetFileName(f).StartsWith("train", StringComparison.Ordinal)).Select(Path.GetDirectoryName).ToHashSet();
        files.RemoveAll(f => Path.GetFileName(f).StartsWith("test", StringComparison.Ordinal) && trained.Contains(Path.GetDirectoryName(f)));
        return files.Count > 0 ? files : throw new DataException($"{path}: the folder has no file that ends with {string.Join(", ", Extensions)}");
    }

    /// <exception cref="DataException">The file is damaged as a whole: a broken gzip stream or Parquet file.</exception>
    public static IEnumerable<SourceRow> Read(string file) =>
        file.EndsWith(".parquet", StringComparison.Ordinal) ? ReadParquet(file)
        : file.EndsWith(".json", StringComparison.Ordinal) || file.EndsWith(".json.gz", StringComparison.Ordinal) ? ReadValues(file)
        : ReadLines(file);

    private static Stream Open(string file)
    {
        var stream = File.OpenRead(file);
        return file.EndsWith(".gz", StringComparison.Ordinal) ? new GZipStream(stream, CompressionMode.Decompress) : stream;
    }

    private static IEnumerable<SourceRow> ReadLines(string file)
    {
        using var stream = Open(file);
        var buffer = new byte[1 << 16];
        var line = new ArrayBufferWriter<byte>();
        long number = 0, dropped = 0, total = 0;
        while (true)
        {
            int count;
            try
            {
                count = stream.Read(buffer);
            }
            catch (InvalidDataException e)
            {
                throw new DataException($"{file}: damaged or truncated after line {number}: {e.Message} Fetch the file again.");
            }
            total += count;
            if (count == 0 && IsTruncated(file, total))
                throw new DataException($"{file}: truncated after line {number}: the gzip stream ends too soon. Fetch the file again.");
            var start = 0;
            for (var i = 0; i < count; i++)
                if (buffer[i] == '\n')
                {
                    Append(buffer.AsSpan(start, i - start));
                    start = i + 1;
                    if (End() is { } row)
                        yield return row;
                }
            Append(buffer.AsSpan(start, count - start));
            if (count > 0)
                continue;
            if (line.WrittenCount + dropped > 0 && End() is { } last)
                yield return last;
            yield break;
        }

        void Append(ReadOnlySpan<byte> bytes)
        {
            if (dropped > 0 || line.WrittenCount + bytes.Length > MaxLineBytes)
                dropped += bytes.Length;
            else
                line.Write(bytes);
        }

        SourceRow? End()
        {
            number++;
            var row = dropped > 0 ? new SourceRow(file, number, null, $"the line has more than {MaxLineBytes} bytes")
                : number == 1 && line.WrittenSpan.StartsWith("\uFEFF"u8) ? Parse(file, number, line.WrittenMemory[3..])
                : line.WrittenSpan.IndexOfAnyExcept(" \t\r"u8) < 0 ? null
                : Parse(file, number, line.WrittenMemory);
            dropped = 0;
            // A long line's memory is not kept for the short ones that follow.
            if (line.Capacity > 1 << 20)
                line = new ArrayBufferWriter<byte>();
            line.ResetWrittenCount();
            return row;
        }
    }

    // GZipStream takes the end of the file for the end of the data. A whole stream ends with its size (modulo 2^32), or,
    // where several are joined, with that of the last, which is less.
    private static bool IsTruncated(string file, long total)
    {
        if (!file.EndsWith(".gz", StringComparison.Ordinal))
            return false;
        using var stream = File.OpenRead(file);
        if (stream.Length is > 0 and < 18)
            return true;
        if (stream.Length == 0 || total > uint.MaxValue)
            return false;
        Span<byte> size = stackalloc byte[4];
        stream.Seek(-4, SeekOrigin.End);
        stream.ReadExactly(size);
        return BinaryPrimitives.ReadUInt32LittleEndian(size) > total;
    }

    private static SourceRow Parse(string file, long number, ReadOnlyMemory<byte> line)
    {
        try
        {
            using var json = JsonDocument.Parse(line, Strict);
            return new SourceRow(file, number, json.RootElement.Clone(), null);
        }
        catch (JsonException e)
        {
            return new SourceRow(file, number, null, e.Message);
        }
    }

    // One array, or values one after the other.
    private static IEnumerable<SourceRow> ReadValues(string file)
    {
        bool isArray;
        using (var peek = Open(file))
        {
            int first;
            do
                first = peek.ReadByte();
            while (first is ' ' or '\n' or '\r' or '\t' or 0xEF or 0xBB or 0xBF);
            isArray = first == '[';
            if (first < 0)
                yield break;
        }
        using var stream = Open(file);
        using var values = JsonSerializer.DeserializeAsyncEnumerable<JsonElement>(stream, topLevelValues: !isArray, StrictValues).ToBlockingEnumerable().GetEnumerator();
        for (var number = 1L; ; number++)
        {
            SourceRow? row = null;
            try
            {
                if (values.MoveNext())
                    row = new SourceRow(file, number, values.Current, null);
            }
            catch (Exception e) when (e is JsonException or InvalidDataException)
            {
                throw new DataException($"{file}: damaged or truncated at row {number}: {e.Message}");
            }
            if (row is null)
                yield break;
            yield return row;
        }
    }

    // A row group at a time.
    private static IEnumerable<SourceRow> ReadParquet(string file)
    {
        using var stream = File.OpenRead(file);
        var groups = Guard(file, () => ParquetReader.CreateAsync(stream, leaveStreamOpen: true).GetAwaiter().GetResult().RowGroupCount);
        var number = 0L;
        for (var group = 0; group < groups; group++)
        {
            stream.Position = 0;
            foreach (var row in Guard(file, () => ParquetSerializer.DeserializeUntypedAsync(stream, rowGroupIndex: group).GetAwaiter().GetResult().Data))
                yield return new SourceRow(file, ++number, JsonSerializer.SerializeToElement(row), null);
        }
    }

    private static T Guard<T>(string file, Func<T> read)
    {
        try
        {
            return read();
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            throw new DataException($"{file}: not a Parquet file that can be read: {e.Message}");
        }
    }
}
