using System.Buffers;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace SelfJudge.Runs.Logs;

/// <summary>Numbers that JSON can hold: one that is too large for a double is damage, not infinity.</summary>
internal sealed class FiniteNumbers : JsonConverter<double>
{
    public override double Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        reader.GetDouble() is var value && double.IsFinite(value) ? value : throw new JsonException("a number is too large");

    public override void Write(Utf8JsonWriter writer, double value, JsonSerializerOptions options) => writer.WriteNumberValue(value);
}

/// <summary>Files of one JSON value a line, as a run writes them.</summary>
internal static class JsonLines
{
    private const int BlockSize = 1 << 16;

    /// <summary>
    /// A file that a run appends to, line by line. What is behind the last line break is a line that a crash cut short, or
    /// that is being written: where it cannot be read, it is left out.
    /// </summary>
    /// <exception cref="InvalidDataException">A whole line cannot be read; the message names file and line.</exception>
    public static IEnumerable<T> ReadLog<T>(string path, Func<ReadOnlyMemory<byte>, T> parse)
    {
        foreach (var (number, line, isWhole) in Lines(path))
            if (isWhole)
                yield return Parse(path, number, line, parse);
            else if (TryParse(line, parse, out var last))
                yield return last!;
    }

    /// <summary>A file that was written whole.</summary>
    /// <exception cref="InvalidDataException">A line cannot be read; the message names file and line.</exception>
    public static IEnumerable<T> Read<T>(string path, JsonSerializerOptions options) =>
        Lines(path).Select(l => Parse(path, l.Number, l.Line, line => Deserialize<T>(line, options)));

    /// <exception cref="JsonException">The line holds no such value.</exception>
    public static T Deserialize<T>(ReadOnlyMemory<byte> line, JsonSerializerOptions options) =>
        JsonSerializer.Deserialize<T>(line.Span, options) ?? throw new JsonException("it is null");

    private static T Parse<T>(string path, int number, ReadOnlyMemory<byte> line, Func<ReadOnlyMemory<byte>, T> parse)
    {
        try
        {
            return parse(line);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException) // InvalidOperationException: a text that is not UTF-8
        {
            throw new InvalidDataException(
                $"{path}:{number}: the line was damaged after it was written ({e.Message}); put the file back from a copy, or take the "
                + $"line out and go on without what it said");
        }
    }

    private static bool TryParse<T>(ReadOnlyMemory<byte> line, Func<ReadOnlyMemory<byte>, T> parse, out T? value)
    {
        try
        {
            value = parse(line);
            return true;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            value = default;
            return false;
        }
    }

    // By bytes: only so it is known whether a last line has its end. A log that is open for writing may be read.
    private static IEnumerable<(int Number, ReadOnlyMemory<byte> Line, bool IsWhole)> Lines(string path)
    {
        if (!File.Exists(path))
            yield break;
        using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite, bufferSize: 0);
        var (block, line, number) = (new byte[BlockSize], new ArrayBufferWriter<byte>(), 1);
        while (file.Read(block) is > 0 and var count)
            for (var at = 0; at < count;)
            {
                var end = Array.IndexOf(block, (byte)'\n', at, count - at);
                line.Write(block.AsSpan(at..(end < 0 ? count : end)));
                at = end < 0 ? count : end + 1;
                if (end < 0)
                    continue;
                yield return (number++, line.WrittenMemory, true);
                line.ResetWrittenCount();
            }
        if (line.WrittenCount > 0)
            yield return (number, line.WrittenMemory, false);
    }
}
