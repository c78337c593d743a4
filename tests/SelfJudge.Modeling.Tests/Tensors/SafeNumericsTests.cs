using SelfJudge.Modeling.Decoders;
using SelfJudge.Modeling.Hosting;
using SelfJudge.Modeling.Learning;
using SelfJudge.Modeling.Learning.Objectives;
using SelfJudge.Modeling.Sampling;
using SelfJudge.Modeling.Tensors;
using SelfJudge.Preferences.Learning;
using SelfJudge.Preferences.Losses;
using SelfJudge.Preferences.Sampling;
using SelfJudge.Preferences.Templates;
using SelfJudge.World;
using static TorchSharp.torch;

namespace SelfJudge.Modeling.Tests.Tensors;

/// <summary>TorchSharp's temporaries can be finalised during the native call that uses them. These tests would abort the process if ours
/// could.</summary>
[Collection(nameof(Alone))]
public sealed class SafeNumericsTests
{
    private static readonly DecoderConfig Config = new()
    {
        VocabSize = Vocabulary.Words.Count,
        HiddenSize = 16,
        IntermediateSize = 24,
        NumHiddenLayers = 2,
        NumAttentionHeads = 2,
        NumKeyValueHeads = 2,
        HeadDim = 8,
        MaxPositionEmbeddings = 128,
        TieWordEmbeddings = true,
        EosTokenIds = [0],
    };

    [Fact]
    public async Task Training_sampling_and_judging_survive_a_collector_that_never_rests()
    {
        using var host = new ModelHost(new ModelHostOptions { Workers = 2 });
        using var stop = new CancellationTokenSource();
        var collections = 0L;
        var collector = new Thread(() =>
        {
            while (!stop.IsCancellationRequested)
            {
                GC.Collect();
                GC.WaitForPendingFinalizers();
                collections++;
            }
        });
        collector.Start();
        try
        {
            await RunEverything(host, rounds: 60);
        }
        finally
        {
            await stop.CancelAsync();
            collector.Join();
        }
        Assert.True(collections > 100, $"the collector ran only {collections} times");
    }

    [Fact]
    public async Task A_hundred_batches_leave_no_tensor_behind()
    {
        using var host = new ModelHost(new ModelHostOptions { Workers = 2 });
        var round = await RunEverything(host, rounds: 3);
        // What earlier tests left to the collector is not to be freed meanwhile.
        GC.Collect();
        GC.WaitForPendingFinalizers();
        var before = await host.RunExclusive("base", () => Tensor.TotalCount);
        await round(100);
        Assert.Equal(before, await host.RunExclusive("base", () => Tensor.TotalCount));
    }

    [Fact]
    public void A_tensor_operation_outside_a_scope_is_refused() =>
        Assert.Contains("open one with Ops.Scope()", Assert.Throws<InvalidOperationException>(() => Ops.Zeros(Ops.Cpu, 3)).Message);

    /// <summary>JSFT steps, DPO steps on weights and on an adapter, sampling and judging. Returns what runs more rounds on the same
    /// models.</summary>
    private static async Task<Func<int, Task>> RunEverything(ModelHost host, int rounds)
    {
        await host.LoadAsync("base", new ModelSource(null, new InitialModel(Config, 3, WorldTokenizer.Create()), null, "world"), default);
        var data = new WorldTrainingData(200, 1);
        var encoder = host.EncoderOf("base");
        var jsft = await host.OpenTrainingAsync(new TrainingSpec("jsft", "base", null, null, 1, new OptimizerOptions()), default);
        var full = await host.OpenTrainingAsync(new TrainingSpec("full", "base", "base", null, 1, new OptimizerOptions()), default);
        var lora = await host.OpenTrainingAsync(
            new TrainingSpec("lora", "base", "base", new LoraConfig(2, 4, Projection.Modules), 1, new OptimizerOptions()), default);
        async Task Run(int count)
        {
            for (var round = 0; round < count; round++)
            {
                var pairs = Enumerable.Range(0, 6).Select(i => data.Pairs[(round * 6 + i) % 200]).ToList();
                await jsft.StepAsync(new SupervisedObjective(
                    [.. pairs.Select(p => ExampleBuilder.Policy(encoder, p)),
                    .. pairs.Select(p => ExampleBuilder.Judge(encoder, JudgeTemplate.World, p, false, true))], new PartWeights(1, 1, 1, 1)),
                    1e-3);
                await full.StepAsync(new PreferenceObjective([.. pairs.Select(p => ExampleBuilder.Pair(encoder, p))], new PreferenceLoss()),
                    1e-4);
                await lora.StepAsync(new PreferenceObjective([.. pairs.Select(p => ExampleBuilder.Pair(encoder, p))], new PreferenceLoss()),
                    1e-4);
                await Task.WhenAll(pairs.Select((p, i) =>
                    host.SampleAsync(i % 2 == 0 ? "full" : "lora",
                        new SamplePrompt(encoder.EncodePrompt(p.Prompt), [1, 2], new SamplingOptions { MaxNewTokens = 10 }),
                        new Cohort($"{round}/{i % 2}", 3, i / 2), default)));
                await Task.WhenAll(pairs.Select(p =>
                    host.JudgeAsync("base", [encoder.EncodeJudge(JudgeTemplate.World, p.Prompt[0].Content, p.Chosen, p.Rejected)], null,
                        default)));
            }
        }
        await Run(rounds);
        return Run;
    }
}

/// <summary>Counts live tensors of the whole process, so nothing else may run meanwhile.</summary>
[CollectionDefinition(nameof(Alone), DisableParallelization = true)]
public sealed class Alone;
