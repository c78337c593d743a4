using System.Buffers.Binary;
using Parquet.Meta;

namespace SelfJudge.Preferences.Data;

/// <summary>What a Parquet file says of its own lengths, looked at before the library believes it.</summary>
internal static class ParquetChecks
{
    private const int MaxFooterBytes = 64 << 20, MaxPageHeaderBytes = 16 << 20, MaxFields = 4000;
    private const long MaxColumnBytes = 1L << 30; // of a row group, unpacked

    /// <summary>That the file ends as one, and that its footer is well formed.</summary>
    /// <exception cref="InvalidDataException">It is not.</exception>
    public static void Footer(EndingFile stream)
    {
        Span<byte> tail = stackalloc byte[8];
        if (stream.Length < 12)
            throw new InvalidDataException($"it has {stream.Length} bytes");
        stream.Position = stream.Length - 8;
        stream.ReadExactly(tail);
        if (!tail[4..].SequenceEqual("PAR1"u8))
            throw new InvalidDataException("it does not end as one: it is truncated, or something else");
        var length = BinaryPrimitives.ReadUInt32LittleEndian(tail);
        if (length > stream.Length - 12 || length > MaxFooterBytes)
            throw new InvalidDataException(
                $"its footer is to have {length} bytes, of {stream.Length} in all and at most {MaxFooterBytes >> 20} MiB");
        var footer = new byte[length];
        stream.Position = stream.Length - 8 - length;
        stream.ReadExactly(footer);
        Span<long> numbers = stackalloc long[ThriftStruct.Stride];
        _ = new ThriftStruct(footer, ThriftShape.FileMetaData).Walk(numbers);
        if (numbers[2] > MaxFields)
            throw new InvalidDataException($"its schema has {numbers[2]} elements, of at most {MaxFields}");
    }

    /// <summary>What the headers of a column's pages say: each says how much it unpacks to.</summary>
    /// <exception cref="InvalidDataException">There is no room for it, or it is more than the bound.</exception>
    public static void Pages(ColumnMetaData column, string name, EndingFile stream)
    {
        InvalidDataException Damaged(string what) => new($"column {name}: {what}");
        var at = new[] { column.DictionaryPageOffset ?? 0, column.DataPageOffset, column.IndexPageOffset ?? 0 }.Where(o => o != 0)
            .DefaultIfEmpty().Min();
        long unpacked = 0, values = 0;
        Span<long> header = stackalloc long[9 * ThriftStruct.Stride];
        var buffer = new byte[4 << 10];
        while (values < column.NumValues)
        {
            header.Clear();
            at += PageHeader(stream, at, buffer, header);
            var (type, size, packed) = (header[1], header[2], header[3]);
            // Data pages, the dictionary, and data pages of version 2.
            var count = type switch
            {
                0 => header[5 * ThriftStruct.Stride + 1],
                2 => header[7 * ThriftStruct.Stride + 1],
                3 => header[8 * ThriftStruct.Stride + 1],
                _ => throw Damaged($"a page of type {type}"),
            };
            if (packed < 0 || packed > stream.Length - at || size < 0 || count < 0 || packed + count == 0 || type == 2 && count > size
                || type != 2 && count > column.NumValues - values)
                throw Damaged($"a page of {packed} bytes, {size} unpacked, and {count} values has no room there");
            unpacked += size;
            if (unpacked > MaxColumnBytes)
                throw Damaged($"a row group of it has more than {MaxColumnBytes >> 20} MiB: write the file with smaller row groups");
            values += type == 2 ? 0 : count;
            at += packed;
        }
    }

    // Most are short; those with long statistics are read again.
    private static int PageHeader(EndingFile stream, long at, byte[] buffer, Span<long> numbers)
    {
        if (at < 0 || at >= stream.Length)
            throw new InvalidDataException($"there is no page at byte {at}");
        try
        {
            return Walk(buffer, numbers);
        }
        catch (InvalidDataException) when (stream.Length - at > buffer.Length)
        {
            numbers.Clear();
            return Walk(new byte[Math.Min(MaxPageHeaderBytes, stream.Length - at)], numbers);
        }

        int Walk(byte[] into, Span<long> numbers)
        {
            stream.Position = at;
            var count = stream.ReadAtLeast(into, into.Length, throwOnEndOfStream: false);
            return new ThriftStruct(into.AsSpan(0, count), ThriftShape.PageHeader).Walk(numbers);
        }
    }
}
