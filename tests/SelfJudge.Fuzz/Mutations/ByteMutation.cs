using System.Buffers.Binary;

namespace SelfJudge.Fuzz.Mutations;

/// <summary>Changes that know nothing of a format: flipped bits, extreme numbers, cuts, repetitions, splices.</summary>
internal static class ByteMutation
{
    private static readonly long[] Extremes = [0, 1, -1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, int.MaxValue, int.MinValue,
        uint.MaxValue, long.MaxValue, long.MinValue, 1L << 40];

    /// <param name="other">What a splice takes its second part from.</param>
    public static byte[] Mutate(Random random, byte[] data, byte[] other)
    {
        for (var changes = 1 << random.Next(4); changes > 0; changes--)
            data = Once(random, data, other);
        return data;
    }

    private static byte[] Once(Random random, byte[] data, byte[] other)
    {
        if (data.Length == 0)
            return other;
        var at = Place(random, data.Length);
        var length = random.Next(1, 1 + Math.Min(64, data.Length - at));
        switch (random.Next(10))
        {
            case 0:
                return Changed(data, d => d[at] ^= (byte)(1 << random.Next(8)));
            case 1:
                return Changed(data, d => d[at] = (byte)random.Next(256));
            case 2:
                return Changed(data, d => random.NextBytes(d.AsSpan(at, length)));
            case 3:
                return data[..at];
            case 4:
                return [.. data[..at], .. data[(at + length)..]];
            case 5:
                return [.. data[..(at + length)], .. data[at..]];
            case 6:
                return [.. data[..at], .. Enumerable.Repeat(data[at], random.Next(4) == 0 ? 100_000 : 100), .. data[at..]];
            case 7:
                return other.Length == 0 ? data : [.. data[..at], .. other[Place(random, other.Length)..]];
            case 8:
                return Changed(data, d => d.AsSpan(at, length).Clear());
            default:
                Span<byte> number = stackalloc byte[8];
                BinaryPrimitives.WriteInt64LittleEndian(number, Extremes[random.Next(Extremes.Length)]);
                var width = Math.Min(1 << random.Next(4), data.Length - at);
                var bytes = number[..width].ToArray();
                return Changed(data, d => bytes.CopyTo(d, at));
        }
    }

    // Headers and footers are at the ends, and most of what can go wrong is in them.
    private static int Place(Random random, int length) => random.Next(4) switch
    {
        0 => random.Next(Math.Min(length, 64)),
        1 => length - 1 - random.Next(Math.Min(length, 64)),
        _ => random.Next(length),
    };

    private static byte[] Changed(byte[] data, Action<byte[]> change)
    {
        var copy = (byte[])data.Clone();
        change(copy);
        return copy;
    }
}
