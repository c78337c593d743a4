using SelfJudge.Modeling.Decoders;
using SelfJudge.Modeling.Hosting;
using SelfJudge.Modeling.Learning;
using SelfJudge.Modeling.Learning.Objectives;
using SelfJudge.Modeling.Sampling;
using SelfJudge.Preferences.Learning;
using SelfJudge.Preferences.Randomness;
using SelfJudge.Preferences.Sampling;

namespace SelfJudge.Bench.Measures;

/// <summary>The training and sampling whose speed is measured: of the demo's model as the demo does it, and of a Llama of 15.2 million
/// parameters.</summary>
internal sealed class Workloads : IAsyncDisposable
{
    public const int DemoSteps = 12;
    public const int DemoPrompts = 256;
    public const int LargeSequences = 8;
    public const int LargeLength = 256;
    public const int LargePrompts = 64;
    public const int LargePromptLength = 16;
    public const int LargeAnswerLength = 64;

    private const int DemoSamples = 2;
    private const string Large = "llama-15m";

    private static readonly PartWeights AllTokens = new() { PerToken = true };

    private readonly Workbench _bench;
    private readonly IPolicyTraining _training;

    private Workloads(Workbench bench, IPolicyTraining training) => (_bench, _training) = (bench, training);

    public string DemoName => $"demo's model ({_bench.Host.DescriptionOf(Workbench.Demo).TrainedParameters / 1000} k parameters)";
    public static string LargeName => "Llama (15.2 M parameters)";
    public DecoderConfig DemoConfig => _bench.Host.DescriptionOf(Workbench.Demo).Config;
    public DecoderConfig LargeConfig => _bench.Host.DescriptionOf(Large).Config;

    public static async Task<Workloads> Open(Workbench bench)
    {
        await bench.Host.LoadAsync(Large, Workbench.Llama15M(), CancellationToken.None);
        return new Workloads(bench,
            await bench.Host.OpenTrainingAsync(new TrainingSpec(Large + "/trained", Large, null, null, 1, new OptimizerOptions()),
            CancellationToken.None));
    }

    /// <summary>Steps of the demo's JSFT stage. At a learning rate of zero the model stays what it is.</summary>
    public async Task<Work> TrainDemo()
    {
        var batches = Enumerable.Range(0, DemoSteps).Select(_ => _bench.NextBatch()).ToList();
        var examples = batches.SelectMany(b => b).ToList();
        var flops = new ModelFlops(DemoConfig);
        var seconds = await Rounds.Seconds(async () =>
        {
            foreach (var batch in batches)
                await _bench.Train(batch, learningRate: 0);
        });
        return new Work(seconds, examples.Count, 0, examples.Sum(e => e.Tokens.Length),
            examples.Sum(e => flops.Training(e.Tokens.Length, ModelFlops.Seen(e.Tokens.Length),
                e.Parts.Skip(1).Count(p => _bench.LossWeights[p] > 0))));
    }

    /// <summary>Answers to prompts of the demo, as long as they come.</summary>
    public Task<Work> SampleDemo() =>
        Sample(Workbench.Demo, [.. Enumerable.Range(0, DemoPrompts).Select(i => _bench.Prompt(i, DemoSamples))]);

    /// <summary>A step on sequences of random tokens, all learned.</summary>
    public async Task<Work> TrainLarge()
    {
        var examples = Enumerable.Range(0, LargeSequences)
            .Select(i => new SupervisedExample(RandomTokens(LargeLength, i), [.. Enumerable.Repeat(TokenPart.Response, LargeLength)]))
            .ToList();
        return new Work(await Rounds.Seconds(() => _training.StepAsync(new SupervisedObjective(examples, AllTokens), 0)), LargeSequences, 0,
            LargeSequences * LargeLength,
            LargeSequences * new ModelFlops(LargeConfig).Training(LargeLength, ModelFlops.Seen(LargeLength), LargeLength - 1));
    }

    /// <summary>Answers of the same length to prompts of random tokens.</summary>
    public Task<Work> SampleLarge() => Sample(Large, [.. Enumerable.Range(0, LargePrompts).Select(i =>
        new SamplePrompt(RandomTokens(LargePromptLength, i), [(ulong)i], new SamplingOptions { MaxNewTokens = LargeAnswerLength }))]);

    public async ValueTask DisposeAsync()
    {
        await _training.DisposeAsync();
        await _bench.Host.UnloadAsync(_training.Policy);
        await _bench.Host.UnloadAsync(Large);
    }

    private async Task<Work> Sample(string model, List<SamplePrompt> prompts)
    {
        var flops = new ModelFlops(_bench.Host.DescriptionOf(model).Config);
        SampledSequence[][] answers = [];
        var seconds = await Rounds.Seconds(async () =>
            answers = await Task.WhenAll(prompts.Select((p, i) =>
                _bench.Host.SampleAsync(model, p, new Cohort($"workload/{model}", prompts.Count, i), CancellationToken.None))));
        return new Work(seconds, answers.Sum(a => a.Length), prompts.Sum(p => p.Prompt.Length),
            answers.SelectMany(a => a).Sum(a => a.Ids.Length), prompts.Zip(answers, (prompt, sampled) =>
            flops.Sampling(prompt.Prompt.Length, sampled[0].Ids.Length) + sampled.Skip(1)
                .Sum(s => flops.SamplingAgain(prompt.Prompt.Length, s.Ids.Length))).Sum());
    }

    private int[] RandomTokens(int count, int seed)
    {
        var random = new CounterRandom((ulong)seed);
        var vocabulary = LargeConfig.VocabSize;
        return [.. Enumerable.Range(0, count).Select(_ => random.Below(vocabulary))];
    }
}

/// <summary>Work that was done.</summary>
/// <param name="Sequences">How many sequences were trained on, or sampled.</param>
/// <param name="PromptTokens">Of sampling: the prompts' tokens, each prompt's once.</param>
/// <param name="Tokens">Those trained on, or the new ones.</param>
/// <param name="Flops">Operations that it needs.</param>
internal sealed record Work(double Seconds, int Sequences, long PromptTokens, long Tokens, double Flops)
{
    public double TokensPerSecond => Tokens / Seconds;

    public double Gigaflops => Flops / Seconds / 1e9;
}
