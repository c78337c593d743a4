namespace SelfJudge.Modeling.Kernels.Cpu;

/// <summary>Asks for keys and values ahead of the attention that reads them.</summary>
internal static unsafe class CachePrefetch
{
    // Floats of a cache that fit beside what else the second-level cache holds.
    private const int MaxAskedFor = 1 << 15;

    /// <summary>
    /// Asks for what a sequence of <paramref name="held"/> tokens will read of its cache, so that it comes while the sequence before
    /// it is computed: of a short sequence these are many short stretches, which no processor foresees.
    /// </summary>
    public static void AskFor(HeadLayout heads, int held, float* keys, float* values, int capacity)
    {
        int first = heads.FirstSeen(held), seen = held + 1 - first, rows = heads.KeyValueWidth;
        if (2L * rows * seen > MaxAskedFor)
            return;
        for (var row = keys + first; row < keys + first + (long)rows * capacity; row += capacity)
            Ask(row, seen);
        for (var group = 0; group < heads.KeyValueHeads; group++)
            Ask(values + ((long)group * capacity + first) * heads.HeadDim, seen * heads.HeadDim);
    }

    private static void Ask(float* start, int floats)
    {
        for (var at = start; at < start + floats; at += Simd.Lanes)
            Simd.Prefetch(at);
    }
}
