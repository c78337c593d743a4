using System.Text;

namespace SelfJudge.Fuzz.Mutations;

/// <summary>What becomes of a valid file of a format.</summary>
internal static class Mutation
{
    /// <summary>A text of so many characters is changed no further: what grows by each of its changes would soon fill the memory.</summary>
    public const int Longest = 500_000;

    /// <summary>A JSON file: left as it is, changed in what it says, in its tokens, or in its bytes.</summary>
    /// <param name="seeds">Valid files; splices join two of them.</param>
    public static byte[] Json(Random random, IReadOnlyList<string> seeds, string[] words)
    {
        var (seed, other) = (seeds[random.Next(seeds.Count)], seeds[random.Next(seeds.Count)]);
        return random.Next(12) switch
        {
            0 => Encoding.UTF8.GetBytes(seed),
            < 7 => Encoding.UTF8.GetBytes(JsonMutation.Mutate(random, seed, words)),
            < 10 => TextMutation.Mutate(random, seed, other, words),
            10 => TextMutation.Mutate(random, JsonMutation.Mutate(random, seed, words), other, words),
            _ => ByteMutation.Mutate(random, Encoding.UTF8.GetBytes(seed), Encoding.UTF8.GetBytes(other)),
        };
    }

    /// <summary>A text: left as it is, changed in its tokens, or in its bytes.</summary>
    public static byte[] Text(Random random, IReadOnlyList<string> seeds, string[] words)
    {
        var (seed, other) = (seeds[random.Next(seeds.Count)], seeds[random.Next(seeds.Count)]);
        return random.Next(12) switch
        {
            0 => Encoding.UTF8.GetBytes(seed),
            < 10 => TextMutation.Mutate(random, seed, other, words),
            _ => ByteMutation.Mutate(random, Encoding.UTF8.GetBytes(seed), Encoding.UTF8.GetBytes(other)),
        };
    }

    /// <summary>Bytes: left as they are, or changed.</summary>
    public static byte[] Bytes(Random random, IReadOnlyList<byte[]> seeds)
    {
        var (seed, other) = (seeds[random.Next(seeds.Count)], seeds[random.Next(seeds.Count)]);
        return random.Next(16) == 0 ? seed : ByteMutation.Mutate(random, seed, other);
    }
}
