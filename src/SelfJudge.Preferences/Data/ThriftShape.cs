using System.Globalization;

namespace SelfJudge.Preferences.Data;

/// <summary>The fields of a Thrift struct as Parquet's format defines it (parquet.thrift).</summary>
internal sealed class ThriftShape
{
    public const char Unknown = '\0';

    private readonly Dictionary<int, (char Kind, char Elements, ThriftShape? Part)> _fields = [];

    private static readonly ThriftShape Empty = new(""), KeyValue = new("1b 2b"), Statistics = new("1b 2b 3n 4n 5b 6b 7t 8t");
    private static readonly ThriftShape TimeUnit = new("1s 2s 3s", Empty, Empty, Empty);
    private static readonly ThriftShape Time = new("1t 2s", TimeUnit);

    private static readonly ThriftShape LogicalType = new("1s 2s 3s 4s 5s 6s 7s 8s 10s 11s 12s 13s 14s 15s 16s 17s 18s",
        Empty, Empty, Empty, Empty, new("1n 2n"), Empty, Time, Time, new("1y 2t"), Empty, Empty, Empty, Empty, Empty, new("1y"), new("1b"),
            new("1b 2n"));

    private static readonly ThriftShape ColumnMetaData = new("1n 2ln 3lb 4n 5n 6n 7n 8ls 9n 10n 11n 12s 13ls 14n 15n 16s 17s",
        KeyValue, Statistics, new("1n 2n 3n"), new("1n 2ln 3ln"), new("1s 2ln", new ThriftShape("1d 2d 3d 4d 5d 6d 7d 8d")));

    private static readonly ThriftShape ColumnChunk = new("1b 2n 3s 4n 5n 6n 7n 8s 9b", ColumnMetaData, new("1s 2s", Empty, new("1lb 2b")));

    /// <summary>What a file's footer is.</summary>
    public static ThriftShape FileMetaData { get; } = new("1n 2ls 3n 4ls 5ls 6b 7ls 9b",
        new("1n 2n 3n 4b 5n 6n 7n 8n 9n 10s", LogicalType), new("1ls 2n 3n 4ls 5n 6n 7n", ColumnChunk, new("1n 2t 3t")), KeyValue,
            new("1s", Empty));

    /// <summary>What stands before a page.</summary>
    public static ThriftShape PageHeader { get; } = new("1n 2n 3n 4n 5s 6s 7s 8s",
        new("1n 2n 3n 4n 5s", Statistics), Empty, new("1n 2n 3t"), new("1n 2n 3n 4n 5n 6n 7t 8s", Statistics));

    /// <param name="fields">Of each field its id and kind: n a whole number, b bytes, t true or false, y a byte, d a real number, s a
    /// struct, l a list and the kind of its elements.</param>
    /// <param name="parts">Of each struct, and list of structs, what it is.</param>
    public ThriftShape(string fields, params ReadOnlySpan<ThriftShape> parts)
    {
        var next = 0;
        foreach (var field in fields.Split(' ', StringSplitOptions.RemoveEmptyEntries))
        {
            var kinds = field.TrimStart([.. "0123456789"]);
            var part = kinds[^1] == 's' ? parts[next++] : null;
            _fields[int.Parse(field.AsSpan(0, field.Length - kinds.Length), CultureInfo.InvariantCulture)] =
                (kinds[0], kinds.Length > 1 ? kinds[1] : Unknown, part);
        }
    }

    public char KindOf(int id) => _fields.GetValueOrDefault(id).Kind;

    public char ElementsOf(int id) => _fields.GetValueOrDefault(id).Elements;

    /// <summary>Null where no struct is known there.</summary>
    public ThriftShape? PartOf(int id) => _fields.GetValueOrDefault(id).Part;
}
