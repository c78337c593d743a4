namespace SelfJudge.Preferences.Randomness;

/// <summary>
/// Random numbers by position: the n-th number of a seed is a function of the two and of nothing else (SplitMix64), so
/// a draw does not depend on which draws were made before it, on which thread, or in which batch.
/// </summary>
public sealed class CounterRandom(ulong seed)
{
    private ulong _next;

    /// <summary>The number in [0, 1) at place <paramref name="counter"/> of <paramref name="seed"/>.</summary>
    public static double Uniform(ulong seed, ulong counter) => (Seeds.Mix(seed + (counter + 1) * 0x9E3779B97F4A7C15) >> 11) * (1.0 / (1UL << 53));

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

    /// <summary>Normal numbers of the given standard deviation (Box and Muller).</summary>
    public static void FillNormal(Span<float> target, ulong seed, float deviation)
    {
        for (var i = 0; i < target.Length; i += 2)
        {
            var radius = deviation * Math.Sqrt(-2 * Math.Log(1 - Uniform(seed, (ulong)i)));
            var (sin, cos) = Math.SinCos(2 * Math.PI * Uniform(seed, (ulong)i + 1));
            target[i] = (float)(radius * cos);
            if (i + 1 < target.Length)
                target[i + 1] = (float)(radius * sin);
        }
    }

    /// <summary>Numbers uniform in ±<paramref name="limit"/>.</summary>
    public static void FillUniform(Span<float> target, ulong seed, float limit)
    {
        for (var i = 0; i < target.Length; i++)
            target[i] = (float)((2 * Uniform(seed, (ulong)i) - 1) * limit);
    }
}
