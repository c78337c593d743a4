namespace SelfJudge.Preferences.Randomness;

/// <summary>
/// Seeds derived from seeds. All randomness of a run comes from (run seed, step, prompt, sample), so that any part of
/// it can be done again, anywhere, in any order.
/// </summary>
public static class Seeds
{
    /// <summary>A seed for one part of what <paramref name="seed"/> governs.</summary>
    public static ulong Derive(ulong seed, long part) => Mix(seed ^ Mix((ulong)part + 0x9E3779B97F4A7C15));

    /// <inheritdoc cref="Derive(ulong, long)"/>
    public static ulong Derive(ulong seed, long first, long second) => Derive(Derive(seed, first), second);

    /// <inheritdoc cref="Derive(ulong, long)"/>
    public static ulong Derive(ulong seed, string part)
    {
        var hash = 0xCBF29CE484222325; // FNV-1a
        foreach (var c in part)
            hash = (hash ^ c) * 0x100000001B3;
        return Mix(seed ^ Mix(hash));
    }

    /// <summary>The finalizer of SplitMix64 (Steele et al. 2014): every input bit changes every output bit with probability one
    /// half.</summary>
    internal static ulong Mix(ulong z)
    {
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }
}
