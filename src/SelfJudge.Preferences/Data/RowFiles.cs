using System.Buffers.Binary;
using System.IO.Compression;
using System.Text.Json;

namespace SelfJudge.Preferences.Data;

/// <summary>A row of a file.</summary>
/// <param name="Number">Its line; in JSON and Parquet its place, from 1.</param>
/// <param name="Value">Null where it could not be read, and then <paramref name="Problem"/> says why.</param>
internal sealed record SourceRow(string File, long Number, JsonElement? Value, string? Problem)
{
    public string Place => $"{File}:{Number}";
}

/// <summary>Rows of JSON Lines, of JSON, both gzipped or not, and of Parquet, one at a time.</summary>
internal static class RowFiles
{
    private const string Parquet = ".parquet";

    // What unpacks to more than this, and to so many times its own size, is made to fill a machine. Texts pack 3 to 20 times.
    private const long MostUnpacked = 1L << 30;
    private const int MostTimes = 100;

    private static readonly string[] Extensions = [".jsonl", ".jsonl.gz", ".json", ".json.gz", Parquet];

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
        var files = Directory.EnumerateFiles(path, "*", SearchOption.AllDirectories)
            .Where(f => Extensions.Any(e => f.EndsWith(e, StringComparison.Ordinal))).Order(StringComparer.Ordinal).ToList();
        var trained = files.Where(f => Path.GetFileName(f).StartsWith("train", StringComparison.Ordinal)).Select(Path.GetDirectoryName)
            .ToHashSet();
        files.RemoveAll(f => Path.GetFileName(f).StartsWith("test", StringComparison.Ordinal)
            && trained.Contains(Path.GetDirectoryName(f)));
        return files.Count > 0 ? files
            : throw new DataException($"{path}: the folder has no file that ends with {string.Join(", ", Extensions)}");
    }

    /// <exception cref="DataException">The file is damaged as a whole, or none of rows.</exception>
    public static IEnumerable<SourceRow> Read(string file)
    {
        CheckKind(file);
        return file.EndsWith(Parquet, StringComparison.Ordinal) ? ParquetRows.Read(file)
            : file.EndsWith(".json", StringComparison.Ordinal) || file.EndsWith(".json.gz", StringComparison.Ordinal)
                ? JsonRows.OfValues(file, Text(file))
            : JsonRows.OfLines(file, Text(file));
    }

    // What is something else than its name says is called what it is.
    private static void CheckKind(string file)
    {
        Span<byte> start = stackalloc byte[16];
        using (var stream = File.OpenRead(file))
            start = start[..stream.ReadAtLeast(start, start.Length, throwOnEndOfStream: false)];
        if (start.StartsWith("version https://"u8))
            throw new DataException($"{file}: is a Git LFS pointer, not the data it stands for: fetch that with 'git lfs pull'");
        if (start.StartsWith((ReadOnlySpan<byte>)[0x1F, 0x8B]) && !IsPacked(file))
            throw new DataException($"{file}: is compressed by gzip: give it a name that ends with .gz, or unpack it");
        if (start.StartsWith("PAR1"u8) && !file.EndsWith(Parquet, StringComparison.Ordinal))
            throw new DataException($"{file}: is a Parquet file: give it a name that ends with {Parquet}");
    }

    private static bool IsPacked(string file) => file.EndsWith(".gz", StringComparison.Ordinal);

    /// <summary>The bytes of a file of text, unpacked and without a byte order mark, piece by piece; a piece is overwritten by the
    /// next.</summary>
    private static IEnumerable<ReadOnlyMemory<byte>> Text(string file)
    {
        using var source = File.OpenRead(file);
        using var stream = IsPacked(file) ? (Stream)new GZipStream(source, CompressionMode.Decompress) : source;
        var buffer = new byte[1 << 16];
        for (var total = 0L; ;)
        {
            int count;
            try
            {
                count = stream.ReadAtLeast(buffer, 4, throwOnEndOfStream: false);
            }
            catch (InvalidDataException e)
            {
                throw new DataException($"{file}: damaged or truncated: {e.Message} Fetch the file again.");
            }
            var start = total == 0 ? Start(file, buffer.AsSpan(0, count)) : 0;
            total += count;
            if (count == 0)
            {
                if (IsTruncated(file, total))
                    throw new DataException($"{file}: truncated: the gzip stream ends too soon. Fetch the file again.");
                yield break;
            }
            if (stream is GZipStream && total > MostUnpacked && total > MostTimes * source.Length)
                throw new DataException(
                    $"{file}: {source.Length} bytes unpack to more than {total}, which no file of rows does; "
                        + "unpack it, and see what it is");
            yield return buffer.AsMemory(start, count - start);
        }
    }

    // Past the byte order mark of UTF-8. The ASCII characters that every row begins with have a zero byte in UTF-16 and UTF-32.
    private static int Start(string file, ReadOnlySpan<byte> bytes) =>
        bytes.StartsWith((ReadOnlySpan<byte>)[0xFF, 0xFE]) || bytes.StartsWith((ReadOnlySpan<byte>)[0xFE, 0xFF])
            || bytes.Length > 1 && (bytes[0] == 0 || bytes[1] == 0)
        ? throw new DataException(
            $"{file}: is not in UTF-8 but, by its first bytes, in UTF-16 or UTF-32, or no text at all: convert it, as 'iconv -f UTF-16 -t "
            + $"UTF-8' does")
        : bytes.StartsWith("\uFEFF"u8) ? 3 : 0;

    // GZipStream takes the end of the file for the end of the data. A whole stream ends with its size (modulo 2^32), or,
    // where several are joined, with that of the last, which is less.
    private static bool IsTruncated(string file, long total)
    {
        if (!IsPacked(file))
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
}
