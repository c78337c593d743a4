namespace SelfJudge.Preferences.Data;

/// <summary>
/// Walks over a struct of Thrift's compact protocol, in which Parquet files describe themselves, without building
/// anything: every length within the bytes, every field of its kind, every struct a known one. The library that reads them
/// then trusts what it finds, and loses its way, without an end, where a kind is another.
/// </summary>
/// <param name="bytes">Begin with the struct.</param>
/// <param name="shape">What it is.</param>
internal ref struct ThriftStruct(ReadOnlySpan<byte> bytes, ThriftShape shape)
{
    private const int True = 1, False = 2, Byte = 3, I16 = 4, I32 = 5, I64 = 6, Double = 7, Binary = 8, List = 9, Set = 10, Map = 11,
        Struct = 12;

    private readonly ReadOnlySpan<byte> _bytes = bytes;
    private int _at;

    /// <summary>How many numbers of a struct are received.</summary>
    public const int Stride = 16;

    /// <summary>Walks to the struct's end.</summary>
    /// <param name="numbers">Receives its numbers and the lengths of its lists by the ids of their fields; those of a struct in field k,
    /// <see cref="Stride"/> · k further on.</param>
    /// <returns>How many bytes it takes.</returns>
    /// <exception cref="InvalidDataException">The bytes are no such struct.</exception>
    public int Walk(scoped Span<long> numbers)
    {
        Fields(numbers, shape);
        return _at;
    }

    private void Fields(scoped Span<long> numbers, ThriftShape shape)
    {
        for (int id = 0, header; (header = Next()) != 0;)
        {
            id = header >> 4 is > 0 and var step ? id + step : (short)ZigZag();
            var type = header & 0xF;
            var kind = shape.KindOf(id);
            if (kind != ThriftShape.Unknown && kind != KindOf(type))
                throw new InvalidDataException($"its field {id} before byte {_at} is of another type");
            var number = type switch
            {
                I16 or I32 or I64 => ZigZag(),
                List or Set => (long)Elements(shape, id),
                _ => 0,
            };
            if ((uint)id < (uint)Math.Min(Stride, numbers.Length))
                numbers[id] = number;
            if (type == Struct)
                Fields(id > 0 && (id + 1) * Stride <= numbers.Length ? numbers.Slice(id * Stride, Stride) : [],
                    shape.PartOf(id) ?? throw Unknown(id));
            else if (type == Map)
                throw Unknown(id);
            else if (type is Byte or Double or Binary or > Set) // the value of True and False is their type
                Value(type);
        }
    }

    private void Value(int type)
    {
        switch (type)
        {
            case Byte:
                Skip(1);
                break;
            case I16 or I32 or I64:
                _ = Varint();
                break;
            case Double:
                Skip(sizeof(double));
                break;
            case Binary:
                Skip(Varint());
                break;
            default:
                throw new InvalidDataException($"byte {_at} is of no known type");
        }
    }

    private ulong Elements(ThriftShape shape, int id)
    {
        var header = Next();
        var (count, type) = (header >> 4 == 15 ? Varint() : (ulong)(header >> 4), header & 0xF);
        // Each takes a byte at least.
        if (count > (ulong)(_bytes.Length - _at))
            throw new InvalidDataException($"a list of {count} elements has no room in it");
        if (shape.ElementsOf(id) is var kind && kind != ThriftShape.Unknown && kind != KindOf(type))
            throw new InvalidDataException($"its field {id} before byte {_at} is a list of another type");
        for (var i = 0UL; i < count; i++)
            if (type == Struct)
                Fields([], shape.PartOf(id) ?? throw Unknown(id));
            else
                Value(type);
        return count;
    }

    private static char KindOf(int type) => type switch
    {
        True or False => 't',
        Byte => 'y',
        I16 or I32 or I64 => 'n',
        Double => 'd',
        Binary => 'b',
        List => 'l',
        Struct => 's',
        _ => '?',
    };

    private static InvalidDataException Unknown(int id) => new($"it has a part {id} that is not known here");

    private int Next() => _at < _bytes.Length ? _bytes[_at++] : throw new InvalidDataException("it ends too soon");

    private void Skip(ulong count)
    {
        if (count > (ulong)(_bytes.Length - _at))
            throw new InvalidDataException($"{count} bytes have no room in it");
        _at += (int)count;
    }

    private ulong Varint()
    {
        var value = 0UL;
        for (var shift = 0; shift < 64; shift += 7)
        {
            var b = Next();
            value |= (ulong)(b & 0x7F) << shift;
            if (b < 0x80)
                return value;
        }
        throw new InvalidDataException($"the number before byte {_at} has no end");
    }

    private long ZigZag()
    {
        var value = Varint();
        return (long)(value >> 1) ^ -(long)(value & 1);
    }
}
