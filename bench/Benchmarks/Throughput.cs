using SelfJudge.Bench.Measures;
using SelfJudge.Modeling.Hosting;
using SelfJudge.Modeling.Learning;
using SelfJudge.Modeling.Sampling;
using SelfJudge.Preferences.Learning;
using SelfJudge.Preferences.Randomness;
using SelfJudge.Preferences.Sampling;

namespace SelfJudge.Bench.Benchmarks;

/// <summary>
/// Tokens per second in training and in sampling, and the share of the machine's limit that the operations which they
/// need amount to: model FLOP utilisation. The limit of a round is measured within the round.
/// </summary>
internal static class Throughput
{
    private const int RoundCount = 5;
    private const int DemoSteps = 12;
    private const int DemoPrompts = 256;
    private const int DemoSamples = 2;
    private const string Large = "llama-15m";
    private const int LargeSequences = 8;
    private const int LargeLength = 256;
    private const int LargePrompts = 64;
    private const int LargePromptLength = 16;
    private const int LargeAnswerLength = 64;

    private static readonly PartWeights AllTokens = new() { PerToken = true };

    public static async Task<IReadOnlyList<Figure>> Measure(Workbench bench)
    {
        var host = bench.Host;
        await host.LoadAsync(Large, Workbench.Llama15M(), CancellationToken.None);
        var training = await host.OpenTrainingAsync(new TrainingSpec(Large + "/trained", Large, null, null, 1, new OptimizerOptions()), CancellationToken.None);
        Work demoTraining = new(), demoSampling = new(), largeTraining = new(), largeSampling = new();
        var results = await Rounds.Alternate(RoundCount,
            () => MachineLimit.Measure(host),
            () => MatmulPeak.LibTorch(host),
            () => TrainDemo(bench, demoTraining),
            () => SampleDemo(bench, demoSampling),
            () => TrainLarge(host, training, largeTraining),
            () => SampleLarge(host, largeSampling));
        await training.DisposeAsync();
        await host.UnloadAsync(training.Policy);
        await host.UnloadAsync(Large);

        var limit = results[0];
        Figure Of(string name, Work work, double[] gigaflops, Target? target) => Figure.OfRounds(name, [.. work.TokensPerSecond.Skip(1)], "tokens/s",
            Rounds.Ratios(gigaflops, limit), $"of the machine's limit: {Rounds.Median(gigaflops):0} of {Rounds.Median(limit):0} GFLOP/s", target);
        string demo = $"demo's model ({Parameters(host, Workbench.Demo)})", large = "Llama (15.2 M parameters)";
        return
        [
            new Figure("machine's limit, float32", Rounds.Median(limit), "GFLOP/s"),
            Figure.OfRounds("matmul peak, LibTorch float32", results[1], "GFLOP/s", Rounds.Ratios(results[1], limit), "of the machine's limit"),
            Of($"{demo}, training", demoTraining, results[2], Target.AtLeast(0.45)),
            Of($"{demo}, sampling", demoSampling, results[3], null),
            Of($"{large}, training", largeTraining, results[4], Target.AtLeast(0.70)),
            Of($"{large}, sampling", largeSampling, results[5], Target.AtLeast(0.55)),
        ];
    }

    // Steps of the demo's JSFT stage. At a learning rate of zero the model stays what it is.
    private static async Task<double> TrainDemo(Workbench bench, Work work)
    {
        var batches = Enumerable.Range(0, DemoSteps).Select(_ => bench.NextBatch()).ToList();
        var flops = new ModelFlops(bench.Host.DescriptionOf(Workbench.Demo).Config);
        return work.Add(
            await Rounds.Seconds(async () =>
            {
                foreach (var batch in batches)
                    await bench.Train(batch, learningRate: 0);
            }),
            batches.SelectMany(b => b).Sum(e => e.Tokens.Length),
            batches.SelectMany(b => b).Sum(e => flops.Training(e.Tokens.Length, ModelFlops.Seen(e.Tokens.Length), e.Parts.Skip(1).Count(p => bench.LossWeights[p] > 0))));
    }

    private static async Task<double> SampleDemo(Workbench bench, Work work)
    {
        var prompts = Enumerable.Range(0, DemoPrompts).Select(i => bench.Prompt(i, DemoSamples)).ToList();
        return await Sample(bench.Host, Workbench.Demo, prompts, work);
    }

    private static async Task<double> TrainLarge(ModelHost host, IPolicyTraining training, Work work)
    {
        var flops = new ModelFlops(host.DescriptionOf(Large).Config);
        var examples = Enumerable.Range(0, LargeSequences).Select(i => new SupervisedExample(RandomTokens(host, LargeLength, i), [.. Enumerable.Repeat(TokenPart.Response, LargeLength)])).ToList();
        return work.Add(
            await Rounds.Seconds(() => training.SupervisedStepAsync(examples, AllTokens, 0)),
            LargeSequences * LargeLength,
            LargeSequences * flops.Training(LargeLength, ModelFlops.Seen(LargeLength), LargeLength - 1));
    }

    private static Task<double> SampleLarge(ModelHost host, Work work) => Sample(host, Large, [.. Enumerable.Range(0, LargePrompts).Select(i =>
        new SamplePrompt(RandomTokens(host, LargePromptLength, i), [(ulong)i], new SamplingOptions { MaxNewTokens = LargeAnswerLength }))], work);

    private static async Task<double> Sample(ModelHost host, string model, List<SamplePrompt> prompts, Work work)
    {
        var flops = new ModelFlops(host.DescriptionOf(model).Config);
        SampledSequence[][] answers = [];
        var seconds = await Rounds.Seconds(async () => answers = await Task.WhenAll(prompts.Select((p, i) => host.SampleAsync(model, p, new Cohort($"throughput/{model}", prompts.Count, i), CancellationToken.None))));
        return work.Add(seconds, answers.SelectMany(a => a).Sum(a => a.Ids.Length), prompts.Zip(answers, (prompt, sampled) =>
            flops.Sampling(prompt.Prompt.Length, sampled[0].Ids.Length) + sampled.Skip(1).Sum(s => flops.SamplingAgain(prompt.Prompt.Length, s.Ids.Length))).Sum());
    }

    private static int[] RandomTokens(ModelHost host, int count, int seed)
    {
        var random = new CounterRandom((ulong)seed);
        var vocabulary = host.DescriptionOf(Large).Config.VocabSize;
        return [.. Enumerable.Range(0, count).Select(_ => random.Below(vocabulary))];
    }

    private static string Parameters(ModelHost host, string model) => $"{host.DescriptionOf(model).TrainedParameters / 1000} k parameters";

    /// <summary>Tokens per second of every round, the first of which does not count.</summary>
    private sealed class Work
    {
        public List<double> TokensPerSecond { get; } = [];

        /// <summary>Returns GFLOP/s.</summary>
        public double Add(double seconds, long tokens, double flops)
        {
            TokensPerSecond.Add(tokens / seconds);
            return flops / seconds / 1e9;
        }
    }
}
