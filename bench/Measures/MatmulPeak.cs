using System.Diagnostics;
using SelfJudge.Modeling.Hosting;
using SelfJudge.Modeling.Tensors;
using SelfJudge.Modeling.Workers;
using SelfJudge.Preferences.Randomness;
using static TorchSharp.torch;

namespace SelfJudge.Bench.Measures;

/// <summary>
/// The most float32 operations per second that LibTorch's matrix products do on this machine, in GFLOP/s. Every worker has
/// operands of its own, as in the model host: one product per core at a time, all cores at once. Of several shapes and
/// repetitions the best counts, so that the peak is never flattered down.
/// </summary>
internal static class MatmulPeak
{
    /// <summary>c [m, n] += a [m, k] · b [k, n]</summary>
    public static readonly (int M, int N, int K)[] Shapes = [(256, 256, 256), (512, 512, 512), (1024, 1024, 1024), (2048, 512, 512)];

    private const int Repetitions = 6;
    private const double FlopsPerRepetition = 2e9;

    /// <summary>LibTorch's matrix product.</summary>
    public static Task<double> LibTorch(ModelHost host) => host.RunExclusive("matmul peak", () =>
    {
        using var workers = new WorkerPool(host.Workers);
        return Shapes.Max(shape => OfShape(workers, shape.M, shape.N, shape.K));
    });

    private static double OfShape(WorkerPool workers, int m, int n, int k)
    {
        var operands = Enumerable.Range(0, workers.Count).Select(_ => (A: Random(m, k), B: Random(k, n), C: Random(m, n))).ToArray();
        var flops = 2.0 * m * n * k;
        var calls = (int)Math.Max(1, FlopsPerRepetition / flops);
        try
        {
            return Best(workers, calls * flops, worker =>
            {
                using var scope = Ops.Scope();
                for (var i = 0; i < calls; i++)
                    Ops.AddMatMulInto(operands[worker].C, operands[worker].A, operands[worker].B);
            });
        }
        finally
        {
            foreach (var (a, b, c) in operands)
            {
                a.Dispose();
                b.Dispose();
                c.Dispose();
            }
        }
    }

    private static double Best(WorkerPool workers, double flopsPerWorker, Action<int> body)
    {
        workers.Run(body);
        return Enumerable.Range(0, Repetitions).Max(_ =>
        {
            var started = Stopwatch.GetTimestamp();
            workers.Run(body);
            return workers.Count * flopsPerWorker / Stopwatch.GetElapsedTime(started).TotalSeconds / 1e9;
        });
    }

    private static Tensor Random(int rows, int columns)
    {
        var tensor = Ops.KeptZeros(Ops.Cpu, ScalarType.Float32, rows, columns);
        CounterRandom.FillUniform(Ops.Floats(tensor), 1, 1f);
        return tensor;
    }
}
