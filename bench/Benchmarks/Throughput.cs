using SelfJudge.Bench.Measures;

namespace SelfJudge.Bench.Benchmarks;

/// <summary>
/// Tokens per second in training and in sampling, and the share of the machine's limit that the operations which they
/// need amount to: model FLOP utilisation. The limit of a round is measured within the round.
/// </summary>
internal static class Throughput
{
    private const int RoundCount = 5;

    public static async Task<IReadOnlyList<Figure>> Measure(Workbench bench)
    {
        await using var workloads = await Workloads.Open(bench);
        List<Work> demoTraining = [], demoSampling = [], largeTraining = [], largeSampling = [];
        var results = await Rounds.Alternate(RoundCount,
            () => MachineLimit.Measure(bench.Host),
            () => MatmulPeak.LibTorch(bench.Host),
            () => Gigaflops(workloads.TrainDemo, demoTraining),
            () => Gigaflops(workloads.SampleDemo, demoSampling),
            () => Gigaflops(workloads.TrainLarge, largeTraining),
            () => Gigaflops(workloads.SampleLarge, largeSampling));

        var limit = results[0];
        Figure Of(string name, List<Work> work, double[] gigaflops, Target? target) =>
            Figure.OfRounds(name, [.. work.Skip(1).Select(w => w.TokensPerSecond)], "tokens/s",
            Rounds.Ratios(gigaflops, limit), $"of the machine's limit: {Rounds.Median(gigaflops):0} of {Rounds.Median(limit):0} GFLOP/s",
                target);
        return
        [
            new Figure("machine's limit, float32", Rounds.Median(limit), "GFLOP/s"),
            Figure.OfRounds("matmul peak, LibTorch float32", results[1], "GFLOP/s", Rounds.Ratios(results[1], limit),
                "of the machine's limit"),
            Of($"{workloads.DemoName}, training", demoTraining, results[2], Target.AtLeast(0.45)),
            Of($"{workloads.DemoName}, sampling", demoSampling, results[3], null),
            Of($"{Workloads.LargeName}, training", largeTraining, results[4], Target.AtLeast(0.70)),
            Of($"{Workloads.LargeName}, sampling", largeSampling, results[5], Target.AtLeast(0.55)),
        ];
    }

    private static async Task<double> Gigaflops(Func<Task<Work>> run, List<Work> record)
    {
        var work = await run();
        record.Add(work);
        return work.Gigaflops;
    }
}
