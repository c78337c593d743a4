using System.Text.Json;
using SelfJudge.Modeling.Checkpoints;
using SelfJudge.Modeling.Decoders;
using SelfJudge.Modeling.Hosting;
using SelfJudge.Modeling.Kernels;
using SelfJudge.Modeling.Kernels.Cpu;
using SelfJudge.Modeling.Learning;
using SelfJudge.Modeling.Learning.Objectives;
using SelfJudge.Modeling.Sampling;
using SelfJudge.Modeling.Tensors;
using SelfJudge.Modeling.Tokenizers;
using SelfJudge.Modeling.Workers;
using SelfJudge.Preferences.Data;
using SelfJudge.Preferences.Judging;
using SelfJudge.Preferences.Learning;
using SelfJudge.Preferences.Losses;
using SelfJudge.Preferences.Recipes;
using SelfJudge.Preferences.Sampling;
using SelfJudge.Preferences.Templates;
using SelfJudge.Tests.Shared;
using SelfJudge.World;
using static TorchSharp.torch;

namespace SelfJudge.Modeling.Tests.Hosting;

/// <summary>The way that a GPU goes, gone on a processor: LibTorch's kernels, one worker, and base weights in bfloat16.</summary>
public sealed class ModelHostDeviceTests
{
    private static readonly DecoderConfig World = new()
    {
        VocabSize = Vocabulary.Words.Count,
        HiddenSize = 16,
        IntermediateSize = 24,
        NumHiddenLayers = 2,
        NumAttentionHeads = 4,
        NumKeyValueHeads = 2,
        HeadDim = 4,
        MaxPositionEmbeddings = 160,
        TieWordEmbeddings = true,
        EosTokenIds = [0],
        InitializerRange = 0.2f,
    };

    private static readonly LoraConfig Lora = new(4, 8, ["q_proj", "v_proj"]);
    private static readonly TrainingData Data = RecipeData.Load(new DataRecipe { WorldPairs = 40 }, 1);

    private static ModelHostOptions Gpu => new() { Kernels = TorchKernels.Instance, Workers = 1 };

    [Fact]
    public async Task The_whole_method_on_a_gpus_kernels_is_that_on_a_processors()
    {
        var (expected, actual) = (await SelfTrain(new ModelHostOptions { Workers = 1 }), await SelfTrain(Gpu));
        Assert.Equal(expected.Sampled, actual.Sampled);
        TestModels.AssertClose(expected.Figures, actual.Figures, 2e-3f);
        TestModels.AssertClose(expected.Adapter, actual.Adapter, 2e-2f);
        Assert.True(expected.Figures[5] < expected.Figures[0], "JSFT did not lower the loss");
    }

    [Theory]
    [InlineData("cpu")]
    [InlineData("torch")]
    public async Task In_bfloat16_the_whole_method_runs_and_what_it_trains_is_float32(string kernels)
    {
        var expected = await SelfTrain(new ModelHostOptions { Workers = 1 });
        var actual = await SelfTrain((kernels == "cpu" ? new ModelHostOptions { Workers = 2 } : Gpu) with { Dtype = WeightDtype.BFloat16 });
        // All weights are trained as float32 from rounded ones, then rounded for the second stage.
        TestModels.AssertClose(expected.Figures.AsSpan(0, 6), actual.Figures.AsSpan(0, 6), 0.02f);
        Assert.Contains(actual.Adapter, v => BitConverter.SingleToUInt32Bits(v) << 16 != 0);
    }

    [Theory]
    [InlineData("llama", "cpu", 1e-2)]
    [InlineData("llama", "torch", 5e-2)]
    [InlineData("shared/stories260k", "cpu", 1e-2)]
    [InlineData("shared/stories260k", "torch", 5e-2)]
    public async Task Log_probabilities_of_a_trained_checkpoint_held_in_bfloat16_are_near_its_own(string checkpoint, string kernels,
        double tolerance)
    {
        var folder = TestData.Path(checkpoint);
        using var golden = JsonDocument.Parse(File.ReadAllText(TestData.Path($"{checkpoint}/golden.json")));
        int[] ids = [.. golden.RootElement.GetProperty("ids").EnumerateArray().Select(e => e.GetInt32())];
        double[] each = [.. golden.RootElement.GetProperty("token_logps").EnumerateArray().Select(e => e.GetDouble())];
        using var host = new ModelHost((kernels == "cpu" ? new ModelHostOptions { Workers = 2 }
            : Gpu) with
        { Dtype = WeightDtype.BFloat16 });
        await host.LoadAsync("m", new ModelSource(folder, null, null, "plain"), default);
        Assert.Equal(ScalarType.BFloat16, await host.RunExclusive("m", () => host.Find("m").Model.Weights.Buffer.Flat.dtype));
        var sums = await host.LogProbsAsync("m", [.. Enumerable.Range(1, 63).Select(n => new ResponseSequence(ids[..n], [ids[n]]))],
            default);
        Assert.True(sums.Zip(each, (a, b) => Math.Abs(a - b)).Average() < tolerance,
            $"mean difference {sums.Zip(each, (a, b) => Math.Abs(a - b)).Average()}");
        Assert.True(sums.Zip(each, (a, b) => Math.Abs(a - b)).Max() < 10 * tolerance);
        Assert.NotEqual(each[0], sums[0], 6); // they were rounded
    }

    [Theory]
    [InlineData("llama3")]
    [InlineData("shared/tiny-llama3")]
    public void A_bfloat16_checkpoint_held_in_bfloat16_loses_nothing(string checkpoint)
    {
        var folder = TestData.Path(checkpoint);
        var config = ModelFolder.ReadConfig(folder);
        using var scope = Ops.Scope();
        using var wide = ModelFolder.ReadWeights(folder, config, Ops.Cpu);
        using var narrow = ModelFolder.ReadWeights(folder, config, Ops.Cpu, ScalarType.BFloat16);
        Assert.Equal(wide.Buffer.Flat.NumberOfElements * 2, narrow.Buffer.Flat.NumberOfElements * narrow.Buffer.Flat.ElementSize);
        Assert.Equal(Ops.ToArray(wide.Buffer.Flat), Ops.ToArray(narrow.Buffer.Flat));
        var batch = PackedBatch.Of([TestModels.Tokens(40, 1, 256), TestModels.Tokens(9, 2, 256)]);
        int[] rows = [.. Enumerable.Range(0, 49)], targets = TestModels.Tokens(49, 3, 256);
        float[] LogProbs(DecoderWeights weights, IKernels kernels)
        {
            var model = TestModels.Model(weights, kernels: kernels);
            return TokenLogProbs.Forward(model, model.Hidden(batch), rows, targets);
        }
        var expected = LogProbs(wide, CpuKernels.Instance);
        TestModels.AssertClose(expected, LogProbs(narrow, CpuKernels.Instance), 1e-5f);
        TestModels.AssertClose(expected, LogProbs(narrow, TorchKernels.Instance), 3e-2f);
    }

    [Theory]
    [InlineData("cpu")]
    [InlineData("torch")]
    public async Task An_adapter_on_a_bfloat16_base_learns_in_float32_and_the_base_stays_what_it_is(string kernels)
    {
        using var host = new ModelHost((kernels == "cpu" ? new ModelHostOptions { Workers = 2 }
            : Gpu) with
        { Dtype = WeightDtype.BFloat16 });
        await host.LoadAsync("m", new ModelSource(TestData.Path("llama"), null, null, "plain"), default);
        Task<float[]> Base() => host.RunExclusive("m", () => Ops.ToArray(host.Find("m").Model.Weights.Buffer.Flat));
        var before = await Base();
        await using var training = await host.OpenTrainingAsync(
            new TrainingSpec("policy", "m", "m", Lora, 1, new OptimizerOptions(GradientCheckpointing: true)), default);
        var pairs = Enumerable.Range(0, 4).Select(i =>
            new PreferencePair([1, .. TestModels.Tokens(6, (ulong)i, 512)], TestModels.Tokens(8, (ulong)i + 10, 512),
                TestModels.Tokens(8, (ulong)i + 20, 512))).ToList();
        var first = await training.StepAsync(new PreferenceObjective(pairs, new PreferenceLoss()), 1e-2);
        for (var i = 0; i < 8; i++)
            await training.StepAsync(new PreferenceObjective(pairs, new PreferenceLoss()), 1e-2);
        var last = await training.StepAsync(new PreferenceObjective(pairs, new PreferenceLoss()), 1e-2);
        Assert.Equal(Math.Log(2), first.Loss, 5);
        Assert.True(last.Loss < 0.6, $"loss {last.Loss}");
        await host.SampleAsync("policy", new SamplePrompt([1], [5], new SamplingOptions { MaxNewTokens = 5 }), null, default);
        Assert.Equal(before, await Base());
        var snapshot = await training.SnapshotAsync();
        Assert.All([.. snapshot.Weights, .. snapshot.Mean, .. snapshot.Variance], a =>
            Assert.Contains(a.Values, v => BitConverter.SingleToUInt32Bits(v) << 16 != 0));
    }

    [Fact]
    public async Task A_fully_trained_model_is_float32_until_its_training_ends_then_what_its_folder_would_load_as()
    {
        var folder = Path.Combine(Path.GetTempPath(), "selfjudge-frozen-" + Guid.NewGuid().ToString("N"));
        using var host = new ModelHost(new ModelHostOptions { Workers = 2, Dtype = WeightDtype.BFloat16 });
        try
        {
            await host.LoadAsync("m", new ModelSource(null, new InitialModel(World, 3, WorldTokenizer.Create()), null, "world",
                MaxLength: 40, MaxActiveSequences: 3), default);
            var training = await host.OpenTrainingAsync(new TrainingSpec("policy", "m", "m", null, 1, new OptimizerOptions()), default);
            Task<(ScalarType, float[])> Weights(string model) =>
                host.RunExclusive(model, () =>
                    (host.Find(model).Model.Weights.Buffer.Flat.dtype, Ops.ToArray(host.Find(model).Model.Weights.Buffer.Flat)));
            await host.UnloadAsync("m"); // the training still uses its weights as reference
            await training.StepAsync(new PreferenceObjective([new PreferencePair([3, 4], [5, 6], [7])], new PreferenceLoss()), 1e-3);
            Assert.Equal(ScalarType.Float32, (await Weights("policy")).Item1);
            await host.SaveAsync("policy", folder, "");
            await training.DisposeAsync();
            await training.DisposeAsync();
            await host.LoadAsync("again", new ModelSource(folder, null, null, "world"), default);
            var (frozen, again) = (await Weights("policy"), await Weights("again"));
            Assert.Equal(ScalarType.BFloat16, frozen.Item1);
            Assert.Equal(again.Item2, frozen.Item2);
            Assert.Equal((0, 0), (host.VersionOf("policy"), host.VersionOf("again")));
            Assert.Equal((40, 3), (host.EncoderOf("policy").MaxLength, host.Find("policy").MaxActiveSequences));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public void Weights_in_bfloat16_are_not_trained()
    {
        using var weights = DecoderWeights.Random(World, 1, Ops.Cpu, ScalarType.BFloat16);
        using var workers = new WorkerPool(1);
        Assert.Contains("cannot be trained", Assert.Throws<ArgumentException>(() =>
            new PolicyTrainer(TestModels.Model(weights), null, workers, new OptimizerOptions())).Message);
    }

    // JSFT on all weights, then self-training of an adapter: sample, judge in both orders, step. Figures: 6 losses of JSFT, then those of
    // the steps and every judge probability.
    private static async Task<(string[] Sampled, float[] Figures, float[] Adapter)> SelfTrain(ModelHostOptions options)
    {
        using var host = new ModelHost(options);
        await host.LoadAsync("start", new ModelSource(null, new InitialModel(World, 3, WorldTokenizer.Create()), null, "world"), default);
        var encoder = host.EncoderOf("start");
        var (sampled, losses, judged) = (new List<string>(), new List<double>(), new List<double>());
        await using (var jsft = await host.OpenTrainingAsync(new TrainingSpec("jsft", "start", null, null, 1, new OptimizerOptions()),
            default))
            for (var step = 0; step < 6; step++)
                losses.Add((await jsft.StepAsync(new SupervisedObjective([.. Data.Pairs.Take(4).SelectMany(p => new[]
                {
                    ExampleBuilder.Policy(encoder, p), ExampleBuilder.Judge(encoder, JudgeTemplate.World, p, false, false),
                        ExampleBuilder.Judge(encoder, JudgeTemplate.World, p, true, false),
                })], new PartWeights(1, 1)), 1e-2)).Loss);
        await using var training = await host.OpenTrainingAsync(new TrainingSpec("policy", "jsft", "jsft", Lora, 1, new OptimizerOptions()),
            default);
        for (var step = 0; step < 2; step++)
        {
            var pairs = new List<PreferencePair>();
            for (var i = 0; i < 3; i++)
            {
                var prompt = encoder.EncodePrompt(Data.Pairs[i].Prompt);
                var answers = await host.SampleAsync("policy",
                    new SamplePrompt(prompt, [(ulong)i, (ulong)(i + 100)], new SamplingOptions { MaxNewTokens = 12 }), null, default);
                sampled.AddRange(answers.Select(a => string.Join(' ', a.Ids)));
                string Text(int answer) => encoder.Tokenizer.Decode(answers[answer].Ids);
                EncodedJudgePrompt Prompt(int a, int b) =>
                    encoder.EncodeJudge(JudgeTemplate.World, JudgeTemplate.World.Context(Data.Pairs[i].Prompt), Text(a), Text(b));
                var both = await host.JudgeAsync("jsft", [Prompt(0, 1), Prompt(1, 0)], null, default);
                judged.AddRange(both.SelectMany(p => new[] { p.A, p.B }));
                var verdict = Verdict.Of([new TemplateJudgment(null, both[0], both[1])]);
                pairs.Add(new PreferencePair(prompt, answers[verdict.Winner == 2 ? 1 : 0].Ids, answers[verdict.Winner == 2 ? 0 : 1].Ids));
            }
            losses.Add((await training.StepAsync(new PreferenceObjective(pairs, new PreferenceLoss()), 1e-3)).Loss);
        }
        var snapshot = await training.SnapshotAsync();
        return ([.. sampled], [.. losses.Concat(judged).Select(v => (float)v)], [.. snapshot.Weights.SelectMany(a => a.Values)]);
    }
}
