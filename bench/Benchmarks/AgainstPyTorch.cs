using SelfJudge.Bench.Measures;

namespace SelfJudge.Bench.Benchmarks;

/// <summary>
/// Training and sampling against eager PyTorch: the same shapes, the same number of threads, in turn within one run.
/// </summary>
internal static class AgainstPyTorch
{
    public const string Name = "pytorch";

    private const int RoundCount = 3;
    private const double TopP = 0.9;

    /// <summary>Whether it can run, before anything is prepared.</summary>
    /// <exception cref="NotAvailableException">It cannot.</exception>
    public static async Task Check(string python) => (await PyTorchProcess.Start(python, 1)).Dispose();

    public static async Task<IReadOnlyList<Figure>> Measure(Workbench bench, string python)
    {
        await using var workloads = await Workloads.Open(bench);
        using var torch = await PyTorchProcess.Start(python, bench.Host.Workers);

        // The demo's sequences differ in length: PyTorch has as many of their mean length, without padding.
        var (training, sampling) = (await workloads.TrainDemo(), await workloads.SampleDemo());
        int batch = training.Sequences / Workloads.DemoSteps, length = (int)(training.Tokens / training.Sequences);
        int prompt = (int)(sampling.PromptTokens / Workloads.DemoPrompts), answer = (int)(sampling.Tokens / sampling.Sequences);

        async Task<double> PyTorch(double tokens, Task<double> seconds) => tokens / await seconds;
        var results = await Rounds.Alternate(RoundCount,
            () => Own(workloads.TrainDemo),
            () => PyTorch(Workloads.DemoSteps * batch * length, torch.Train(workloads.DemoConfig, batch, length, Workloads.DemoSteps)),
            () => Own(workloads.SampleDemo),
            () => PyTorch(sampling.Sequences * answer, torch.Sample(workloads.DemoConfig, sampling.Sequences, prompt, answer, TopP)),
            () => Own(workloads.TrainLarge),
            () => PyTorch(Workloads.LargeSequences * Workloads.LargeLength,
                torch.Train(workloads.LargeConfig, Workloads.LargeSequences, Workloads.LargeLength, 1)),
            () => Own(workloads.SampleLarge),
            () => PyTorch(Workloads.LargePrompts * Workloads.LargeAnswerLength,
                torch.Sample(workloads.LargeConfig, Workloads.LargePrompts, Workloads.LargePromptLength, Workloads.LargeAnswerLength,
                TopP)));

        Figure Of(string name, int own, Target? target) =>
            Figure.OfRounds(name, results[own], "tokens/s", Rounds.Ratios(results[own], results[own + 1]),
                $"of PyTorch {torch.Version}'s {Rounds.Median(results[own + 1]):#,0}", target);
        return
        [
            Of($"{workloads.DemoName}, training", 0, null),
            Of($"{workloads.DemoName}, sampling", 2, null),
            Of($"{Workloads.LargeName}, training", 4, Target.AtLeast(3.2)),
            Of($"{Workloads.LargeName}, sampling", 6, Target.AtLeast(20)),
        ];
    }

    private static async Task<double> Own(Func<Task<Work>> run) => (await run()).TokensPerSecond;
}
