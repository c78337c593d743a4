namespace SelfJudge.Fuzz;

/// <summary>What a reader may take for an input of some size.</summary>
internal static class Bounds
{
    /// <summary>Of processor time.</summary>
    public static TimeSpan Time(long size) => TimeSpan.FromSeconds(2 + size / 1e6);

    /// <summary>Time in which nothing is computed either: somebody waits for what never comes.</summary>
    public static TimeSpan Silence(long size) => TimeSpan.FromSeconds(120) + 20 * Time(size);

    /// <summary>Bytes by which the process grows.</summary>
    public static long Memory(long size) => (64L << 20) + 40 * size;

    /// <summary>Managed bytes in all, most of them no longer held: a line of two bytes may be refused by an exception of its own.</summary>
    public static long Allocation(long size) => (64L << 20) + 4096 * size;
}
