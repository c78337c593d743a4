namespace SelfJudge.Fuzz;

/// <summary>What a reader may take for an input of some size.</summary>
internal static class Bounds
{
    /// <summary>Of processor time.</summary>
    public static TimeSpan Time(long size) => TimeSpan.FromSeconds(2 + size / 1e6);

    /// <summary>Time in which nothing is computed either: somebody waits for what never comes.</summary>
    public static TimeSpan Silence(long size) => TimeSpan.FromSeconds(120) + 20 * Time(size);

    /// <summary>Bytes allocated in all, and bytes by which the process grows.</summary>
    public static long Memory(long size) => (64L << 20) + 40 * size;
}
