using System.Buffers.Binary;
using System.Text;

namespace SelfJudge.Fuzz.Mutations;

/// <summary>A safetensors file whose header says something else than it did.</summary>
internal static class SafeTensorsMutation
{
    private const int PrefixLength = 8;

    public static byte[] Mutate(Random random, IReadOnlyList<byte[]> seeds, string[] words)
    {
        var seed = seeds[random.Next(seeds.Count)];
        if (random.Next(3) == 0)
            return Mutation.Bytes(random, seeds);
        var length = (int)BinaryPrimitives.ReadUInt64LittleEndian(seed);
        var header = Mutation.Json(random, [Encoding.UTF8.GetString(seed, PrefixLength, length)], words);
        var prefix = new byte[PrefixLength];
        BinaryPrimitives.WriteInt64LittleEndian(prefix, random.Next(16) == 0 ? random.NextInt64() >> random.Next(64) : header.Length);
        return [.. prefix, .. header, .. seed[(PrefixLength + length)..]];
    }
}
