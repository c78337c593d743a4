using SelfJudge.Bench.Measures;
using SelfJudge.Modeling.Decoders;
using SelfJudge.Modeling.Hosting;
using SelfJudge.Modeling.Learning;
using SelfJudge.Modeling.Learning.Objectives;
using SelfJudge.Modeling.Planning;
using SelfJudge.Modeling.Tensors;
using SelfJudge.Preferences.Learning;
using SelfJudge.Preferences.Losses;
using SelfJudge.World;

namespace SelfJudge.Bench.Benchmarks;

/// <summary>
/// What training a Llama of 110 million parameters on sequences of 1,024 tokens takes: the rise of resident memory in one
/// step, with and without gradient checkpointing; in the output layer, against logits at full size; and of the roles of
/// self-training by an adapter, against the base model's bytes. Each is measured in a process of its own, on one worker.
/// </summary>
internal static class TrainingMemory
{
    /// <summary>The command by which this program measures one case in a process of its own.</summary>
    public const string Command = "training-memory-case";

    private const string Base = "base";
    private const string Policy = "policy";
    private const int Length = 1024;
    private const int Sequences = 2;

    private static readonly LoraConfig Adapter = new(8, 16, ["q_proj", "v_proj"]);

    private static readonly DecoderConfig Model = new()
    {
        VocabSize = 32000,
        HiddenSize = 768,
        IntermediateSize = 2048,
        NumHiddenLayers = 12,
        NumAttentionHeads = 12,
        NumKeyValueHeads = 12,
        HeadDim = 64,
        MaxPositionEmbeddings = Length,
        TieWordEmbeddings = true,
    };

    public static async Task<IReadOnlyList<Figure>> Measure(Workbench bench)
    {
        var figures = new List<Figure>();
        foreach (var (method, name, lora) in new[] { ("dpo", "DPO step by adapter", Adapter), ("sft", "SFT step on all weights", null) })
        {
            double kept = (await PeakMemory.InProcessOfItsOwn(Command, method))[0],
                recomputed = (await PeakMemory.InProcessOfItsOwn(Command, method, "checkpointing"))[0];
            figures.Add(new Figure($"{name}, peak beside weights and optimizer", Megabytes(kept), "MB"));
            figures.Add(new Figure($"{name}, with gradient checkpointing", Megabytes(recomputed), "MB", recomputed / kept, "of without",
                Target.AtMost(0.5)));
            // Either step passes two sequences at once.
            double counted = ModelMemory.Training(Model, lora, Sequences * Length, checkpointing: false),
                countedRecomputed = ModelMemory.Training(Model, lora, Sequences * Length, checkpointing: true);
            figures.Add(new Figure($"{name}, as plan counts it", Megabytes(counted), "MB", counted / kept, "of measured"));
            figures.Add(new Figure($"{name}, with gradient checkpointing, as plan counts it", Megabytes(countedRecomputed), "MB",
                countedRecomputed / recomputed, "of measured"));
        }
        var logits = (await PeakMemory.InProcessOfItsOwn(Command, "logits"))[0];
        var whole = (double)Length * Model.VocabSize * sizeof(float);
        figures.Add(new Figure("log-probabilities and gradient of 1,024 tokens, peak", Megabytes(logits), "MB", logits / whole,
            $"of [1024, 32000] logits: {Megabytes(whole):0} MB", Target.AtMost(0.5)));
        foreach (var dtype in new[] { WeightDtype.Float32, WeightDtype.BFloat16 })
        {
            var roles = await PeakMemory.InProcessOfItsOwn(Command, "roles", dtype.ToString());
            var (resident, weights) = ((double)roles[0], roles[1]);
            figures.Add(new Figure($"base model's bytes, {dtype.ToString().ToLowerInvariant()}", Megabytes(weights), "MB"));
            figures.Add(new Figure($"policy, reference, judge, optimizer by adapter, {dtype.ToString().ToLowerInvariant()}, resident",
                Megabytes(resident), "MB", resident / weights, "of the base model's bytes", Target.AtMost(1.15)));
        }
        return figures;
    }

    /// <summary>Measures one case in this process and prints its numbers.</summary>
    public static async Task Run(string[] arguments)
    {
        var numbers = arguments switch
        {
            ["dpo", ..] => [await Step(Adapter, arguments.Contains("checkpointing"), (training, length) =>
                training.StepAsync(new PreferenceObjective([Pair(length)], new PreferenceLoss()), 1e-6))],
            ["sft", ..] => [await Step(null, arguments.Contains("checkpointing"), (training, length) =>
                training.StepAsync(new SupervisedObjective([.. Enumerable.Range(0, Sequences).Select(i => Example(length, i))],
                    new PartWeights(1)), 1e-6))],
            ["logits"] => [await Logits()],
            ["roles", var dtype] => await Roles(Enum.Parse<WeightDtype>(dtype)),
            _ => throw new ArgumentException($"no such case: {string.Join(' ', arguments)}"),
        };
        Console.WriteLine(string.Join(' ', numbers));
    }

    // Gradients and moments are touched, and code is compiled, by a short step before.
    private static async Task<long> Step(LoraConfig? lora, bool checkpointing, Func<IPolicyTraining, int, Task> step)
    {
        using var host = NewHost(WeightDtype.Float32);
        await host.LoadAsync(Base, Source(Model), CancellationToken.None);
        await using var training = await Open(host, lora, checkpointing);
        await step(training, 8);
        return await PeakMemory.Growth(() => step(training, Length));
    }

    private static async Task<long> Logits()
    {
        using var host = NewHost(WeightDtype.Float32);
        await host.LoadAsync(Base, Source(Model), CancellationToken.None);
        return await host.RunExclusive(Base, () =>
        {
            using var scope = Ops.Scope();
            var model = host.Find(Base).Model;
            long Measure(int length)
            {
                var tokens = Tokens(length + 1, 1);
                var hidden = model.Hidden(PackedBatch.Of([tokens.AsMemory(0, length)]));
                return PeakMemory.Growth(() =>
                {
                    TokenLogProbs.Backward(model, hidden, [.. Enumerable.Range(0, length)], tokens[1..], new float[length], null);
                    return Task.CompletedTask;
                }).GetAwaiter().GetResult();
            }
            Measure(8);
            return Measure(Length);
        });
    }

    private static async Task<long[]> Roles(WeightDtype dtype)
    {
        using var host = NewHost(dtype);
        // What any host takes is not the model's: a small one goes first.
        await host.LoadAsync("small",
            Source(Model with
            {
                HiddenSize = 48,
                IntermediateSize = 64,
                NumAttentionHeads = 2,
                NumKeyValueHeads = 2,
                HeadDim = 24,
                VocabSize = 64
            }), CancellationToken.None);
        await using (var small = await host.OpenTrainingAsync(
            new TrainingSpec("small policy", "small", "small", Adapter, 1, new OptimizerOptions()), CancellationToken.None))
            await small.StepAsync(new PreferenceObjective([new PreferencePair([1, 2], [3, 4], [5])], new PreferenceLoss()), 1e-6);
        var before = PeakMemory.Resident();
        await host.LoadAsync(Base, Source(Model), CancellationToken.None);
        await using var training = await Open(host, Adapter, checkpointing: false);
        var grown = PeakMemory.Resident() - before;
        return [grown, await host.RunExclusive(Base, () =>
            host.Find(Base).Model.Weights.Buffer.Flat is var flat ? flat.NumberOfElements * flat.ElementSize : 0)];
    }

    private static ModelHost NewHost(WeightDtype dtype) =>
        new(new ModelHostOptions { Name = "bench-training-memory", Workers = 1, Dtype = dtype });

    private static ModelSource Source(DecoderConfig config) =>
        new(null, new InitialModel(config, 1, WorldTokenizer.Create()), null, "world");

    private static Task<IPolicyTraining> Open(ModelHost host, LoraConfig? lora, bool checkpointing) =>
        host.OpenTrainingAsync(new TrainingSpec(Policy, Base, Base, lora, 1, new OptimizerOptions(GradientCheckpointing: checkpointing)),
            CancellationToken.None);

    private static PreferencePair Pair(int length) => new(Tokens(length / 2, 1), Tokens(length / 2, 2), Tokens(length / 2, 3));

    private static SupervisedExample Example(int length, int seed) =>
        new(Tokens(length, seed), [.. Enumerable.Repeat(TokenPart.Response, length)]);

    private static int[] Tokens(int count, int seed)
    {
        var random = new Preferences.Randomness.CounterRandom((ulong)seed);
        return [.. Enumerable.Range(0, count).Select(_ => random.Below(Model.VocabSize))];
    }

    private static double Megabytes(double bytes) => bytes / 1e6;
}
