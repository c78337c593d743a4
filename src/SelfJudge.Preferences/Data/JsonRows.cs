using System.Buffers;
using System.Text.Json;

namespace SelfJudge.Preferences.Data;

/// <summary>Rows of JSON text, found by what stands between them, so that one that cannot be read leaves the others.</summary>
internal static class JsonRows
{
    /// <summary>A longer row is malformed, and is passed over without being held.</summary>
    public const int MaxRowBytes = 32 << 20;

    // A row that goes on for so long has no end, and the file no rows.
    private const long EndlessBytes = 1L << 30;

    private static readonly JsonDocumentOptions Strict = new() { AllowDuplicateProperties = false };

    /// <summary>A row on each line; empty lines are none.</summary>
    public static IEnumerable<SourceRow> OfLines(string file, IEnumerable<ReadOnlyMemory<byte>> text)
    {
        var row = new Row(file);
        foreach (var piece in text)
            for (var rest = piece; rest.Length > 0;)
            {
                var end = rest.Span.IndexOf((byte)'\n');
                row.Append(end < 0 ? rest.Span : rest.Span[..end]);
                if (end < 0)
                    break;
                rest = rest[(end + 1)..];
                row.Number++;
                if (!row.IsBlank)
                    yield return row.End(isLine: true);
                row.Clear();
            }
        row.Number++;
        if (!row.IsBlank)
            yield return row.End(isLine: true);
    }

    /// <summary>One array, whose elements are the rows, or values one after the other.</summary>
    /// <exception cref="DataException">The text ends within a row, or goes on behind the array.</exception>
    public static IEnumerable<SourceRow> OfValues(string file, IEnumerable<ReadOnlyMemory<byte>> text)
    {
        var row = new Row(file) { Number = 1 };
        bool isArray = false, isOver = false, inText = false, isEscaped = false, isFirst = true;
        var depth = 0; // brackets that are open, the array's own not among them
        DataException Damaged(string what) => new($"{file}: damaged or truncated at row {row.Number}: {what}");
        foreach (var piece in text)
        {
            var from = 0; // what stands before it is in the row
            for (var i = 0; i < piece.Length; i++)
            {
                var b = piece.Span[i];
                if (inText)
                {
                    if (isEscaped)
                        isEscaped = false;
                    else if (b == '\\')
                        isEscaped = true;
                    else if (b == '"')
                        inText = false;
                    else if (piece.Span[i..].IndexOfAny((byte)'"', (byte)'\\') is var next and not 0)
                        i = next < 0 ? piece.Length - 1 : i + next - 1;
                    if (inText || isArray || depth > 0)
                        continue;
                }
                else if (IsSpace(b))
                {
                    if (isArray || depth > 0)
                        continue;
                }
                else if (isOver)
                    throw Damaged("something follows the array");
                else if (isFirst)
                {
                    isFirst = false;
                    if (isArray = b == '[')
                    {
                        from = i + 1;
                        continue;
                    }
                    i--; // anew, as what it is
                    continue;
                }
                else if (b == '"')
                {
                    inText = true;
                    continue;
                }
                else if (b is (byte)'{' or (byte)'[')
                {
                    depth++;
                    continue;
                }
                else if (b is (byte)'}' or (byte)']' && depth > 0)
                {
                    if (--depth > 0 || isArray)
                        continue;
                }
                else if (b == ']' && isArray)
                    isOver = true;
                else if (b != ',' || !isArray || depth > 0)
                    continue;
                // The row ends here: before a comma or the array's end, or with this byte.
                row.Append(piece.Span[from..(isArray ? i : i + 1)]);
                from = i + 1;
                if (row.IsBlank && (!isArray || isOver && row.Number == 1))
                {
                    row.Clear();
                    continue;
                }
                yield return row.End(isLine: false);
                row.Clear();
                row.Number++;
            }
            row.Append(piece.Span[from..]);
        }
        if (isArray && !isOver)
            throw Damaged("the array has no end");
        if (depth > 0 || inText)
            throw Damaged("the text ends within it");
        if (!isArray && !row.IsBlank)
            yield return row.End(isLine: false);
    }

    private static bool IsSpace(byte b) => b is (byte)' ' or (byte)'\n' or (byte)'\r' or (byte)'\t';

    /// <summary>The bytes of the row that is being read.</summary>
    private sealed class Row(string file)
    {
        private ArrayBufferWriter<byte> _bytes = new();
        private long _dropped;

        public long Number { get; set; }

        public bool IsBlank => _dropped == 0 && _bytes.WrittenSpan.IndexOfAnyExcept(" \t\r\n"u8) < 0;

        public void Append(ReadOnlySpan<byte> bytes)
        {
            if (_dropped == 0 && _bytes.WrittenCount + bytes.Length <= MaxRowBytes)
            {
                if (bytes.Length > 0)
                    _bytes.Write(bytes);
                return;
            }
            _dropped += bytes.Length;
            if (_dropped > EndlessBytes)
                throw new DataException(
                    $"{file}: has more than {EndlessBytes >> 20} MiB without the end of a row; a row has at most {MaxRowBytes >> 20} MiB");
        }

        public SourceRow End(bool isLine)
        {
            if (_dropped > 0)
                return new SourceRow(file, Number, null,
                    $"the row has more than {MaxRowBytes >> 20} MiB, the most that a row may have{(isLine ? "" : Inside)}");
            try
            {
                using var json = JsonDocument.Parse(_bytes.WrittenMemory, Strict);
                return new SourceRow(file, Number, json.RootElement.Clone(), null);
            }
            catch (JsonException e)
            {
                return new SourceRow(file, Number, null, Problem(e, isLine));
            }
        }

        public void Clear()
        {
            _dropped = 0;
            // A long row's memory is not kept for the short ones that follow.
            if (_bytes.Capacity > 1 << 20)
                _bytes = new ArrayBufferWriter<byte>();
            _bytes.ResetWrittenCount();
        }

        private string Inside => Number == 1 ? "; where the file is an object that holds the rows in a list, make that list the file" : "";

        private string Problem(JsonException e, bool isLine)
        {
            if (IsBlank)
                return "nothing stands between two commas";
            var message = e.Message;
            var what = message.IndexOf(" LineNumber: ", StringComparison.Ordinal) is > 0 and var end ? message[..end] : message;
            var at = e.BytePositionInLine is { } position
                ? $" ({(e.LineNumber > 0 ? $"its line {e.LineNumber + 1}, " : "")}byte {position + 1})" : "";
            var hint = isLine && what.Contains("an open JSON object or array", StringComparison.Ordinal)
                ? "; a row of JSON Lines stands on one line: where rows go over several lines, give the file a name that ends with .json"
                : IsPythonNumber(e) ? "; NaN and Infinity are no JSON: write null in their place"
                : "";
            return $"not JSON: {what.TrimEnd('.')}{at}{hint}";
        }

        // As Python's json writes them unless told otherwise.
        private bool IsPythonNumber(JsonException e)
        {
            var rest = _bytes.WrittenSpan;
            for (var line = e.LineNumber ?? 0; line > 0 && rest.IndexOf((byte)'\n') is >= 0 and var end; line--)
                rest = rest[(end + 1)..];
            var at = (int)Math.Clamp(e.BytePositionInLine ?? 0, 0, rest.Length);
            rest = rest[Math.Max(0, at - 1)..Math.Min(rest.Length, at + 9)];
            return rest.IndexOf("NaN"u8) is 0 or 1 || rest.IndexOf("Infinity"u8) is 0 or 1;
        }
    }
}
