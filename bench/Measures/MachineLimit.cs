using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using SelfJudge.Modeling.Hosting;
using SelfJudge.Modeling.Workers;

namespace SelfJudge.Bench.Measures;

/// <summary>
/// The most float32 operations per second that this machine can do at all, in GFLOP/s: multiply-adds whose operands are
/// in registers, in the widest vectors that the processor has, on all cores at once. No product of matrices reaches it.
/// </summary>
internal static class MachineLimit
{
    private const int Repetitions = 12;
    private const int Steps = 4_000_000;

    public static Task<double> Measure(ModelHost host) => host.RunExclusive("machine's limit", () =>
    {
        using var workers = new WorkerPool(host.Workers);
        var chains = Vector512.IsHardwareAccelerated ? 12 : 6; // more than latency times units, fewer than registers
        var flops = 2.0 * workers.Count * Steps * chains * Vector512<float>.Count;
        return Enumerable.Range(0, Repetitions).Max(_ =>
        {
            var started = Stopwatch.GetTimestamp();
            workers.Run(_ => Loop());
            return flops / Stopwatch.GetElapsedTime(started).TotalSeconds / 1e9;
        });
    });

    // x = x·0.5 + 1 stays between 1 and 2: neither infinite nor denormal, which could take longer. Inlined, it would be left
    // out, since nobody reads the result. Without registers of 512 bits each chain is two already.
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static float Loop()
    {
        Vector512<float> half = Vector512.Create(0.5f), one = Vector512<float>.One;
        var (a, b, c, d, e, f, g, h, i, j, k, l) = (one, one, one, one, one, one, one, one, one, one, one, one);
        for (var step = 0; step < Steps; step++)
        {
            a = Vector512.FusedMultiplyAdd(a, half, one);
            b = Vector512.FusedMultiplyAdd(b, half, one);
            c = Vector512.FusedMultiplyAdd(c, half, one);
            d = Vector512.FusedMultiplyAdd(d, half, one);
            e = Vector512.FusedMultiplyAdd(e, half, one);
            f = Vector512.FusedMultiplyAdd(f, half, one);
            if (!Vector512.IsHardwareAccelerated)
                continue;
            g = Vector512.FusedMultiplyAdd(g, half, one);
            h = Vector512.FusedMultiplyAdd(h, half, one);
            i = Vector512.FusedMultiplyAdd(i, half, one);
            j = Vector512.FusedMultiplyAdd(j, half, one);
            k = Vector512.FusedMultiplyAdd(k, half, one);
            l = Vector512.FusedMultiplyAdd(l, half, one);
        }
        return Vector512.Sum(a + b + c + d + e + f + g + h + i + j + k + l);
    }
}
