namespace SelfJudge.Preferences.Randomness;

/// <summary>
/// Random numbers by position: the n-th number of a seed is a function of the two and of nothing else (SplitMix64), so
/// a draw does not depend on which draws were made before it, on which thread, or in which batch.
/// </summary>
public sealed class CounterRandom(ulong seed)
{
    private const int BlockLength = 1 << 14; // even: normal numbers come in pairs

    private ulong _next;

    /// <summary>The number in [0, 1) at place <paramref name="counter"/> of <paramref name="seed"/>.</summary>
    public static double Uniform(ulong seed, ulong counter) =>
        (Seeds.Mix(seed + (counter + 1) * 0x9E3779B97F4A7C15) >> 11) * (1.0 / (1UL << 53));

    /// <summary>The next number in [0, 1).</summary>
    public double Uniform() => Uniform(seed, _next++);

    /// <summary>A seed for something that draws numbers of its own.</summary>
    public ulong NextSeed() => Seeds.Derive(seed, (long)_next++);

    /// <summary>The next integer in [0, <paramref name="bound"/>).</summary>
    public int Below(int bound) => (int)(Uniform() * bound);

    public bool Chance(double probability) => Uniform() < probability;

    public T Pick<T>(IReadOnlyList<T> items) => items[Below(items.Count)];

    /// <summary>Shuffles in place (Fisher and Yates).</summary>
    public void Shuffle<T>(IList<T> items)
    {
        for (var i = items.Count - 1; i > 0; i--)
        {
            var j = Below(i + 1);
            (items[i], items[j]) = (items[j], items[i]);
        }
    }

    /// <summary>The numbers 0..<paramref name="count"/>−1 in the random order of a seed.</summary>
    public static int[] Permutation(int count, ulong seed)
    {
        var order = Enumerable.Range(0, count).ToArray();
        new CounterRandom(seed).Shuffle(order);
        return order;
    }

    /// <summary>Normal numbers of the given standard deviation (Box and Muller), on all cores.</summary>
    public static void FillNormal(Span<float> target, ulong seed, float deviation) => Fill(target, (block, first) =>
    {
        for (var i = 0; i < block.Length; i += 2)
        {
            var counter = (ulong)(first + i);
            var radius = deviation * Math.Sqrt(-2 * Math.Log(1 - Uniform(seed, counter)));
            var (sin, cos) = Math.SinCos(2 * Math.PI * Uniform(seed, counter + 1));
            block[i] = (float)(radius * cos);
            if (i + 1 < block.Length)
                block[i + 1] = (float)(radius * sin);
        }
    });

    /// <summary>Numbers uniform in ±<paramref name="limit"/>, on all cores.</summary>
    public static void FillUniform(Span<float> target, ulong seed, float limit) => Fill(target, (block, first) =>
    {
        for (var i = 0; i < block.Length; i++)
            block[i] = (float)((2 * Uniform(seed, (ulong)(first + i)) - 1) * limit);
    });

    // Every number is that of its place, so it does not matter which block it is in, nor who computes that.
    private static unsafe void Fill(Span<float> target, BlockFill fill)
    {
        fixed (float* start = target)
        {
            var (address, length) = ((nint)start, target.Length);
            Parallel.For(0, (int)(((long)length + BlockLength - 1) / BlockLength), block =>
            {
                var first = block * BlockLength;
                fill(new Span<float>((float*)address + first, Math.Min(BlockLength, length - first)), first);
            });
        }
    }

    private delegate void BlockFill(Span<float> block, int first);
}
