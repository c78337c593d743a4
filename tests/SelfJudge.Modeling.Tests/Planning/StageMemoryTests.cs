using CsCheck;
using SelfJudge.Modeling.Checkpoints;
using SelfJudge.Modeling.Decoders;
using SelfJudge.Modeling.Hosting;
using SelfJudge.Modeling.Learning;
using SelfJudge.Modeling.Learning.Objectives;
using SelfJudge.Modeling.Planning;
using SelfJudge.Modeling.Sampling;
using SelfJudge.Modeling.Workers;
using SelfJudge.Preferences.Losses;
using SelfJudge.Preferences.Sampling;
using SelfJudge.Tests.Shared;

namespace SelfJudge.Modeling.Tests.Planning;

public sealed class StageMemoryTests
{
    private const long Base = 6_738_415_616, Adapter = 4_194_304;

    private static readonly StageLoad Load =
        new() { Config = ModelMemoryTests.Llama7B, Lora = ModelMemoryTests.Lora, FrozenBytes = 2, Trained = [2048, 2048] };

    [Fact]
    public void With_an_adapter_base_weights_are_held_once_and_frozen() =>
        Assert.Equal([("base weights", 2 * Base), ("adapter", 4 * Adapter), ("gradients", 4 * Adapter), ("optimizer state", 8 * Adapter)],
            StageMemory.Held(Load).Select(m => (m.Role, m.Bytes)));

    [Fact]
    public void Without_one_the_policy_has_weights_of_its_own_and_every_worker_a_gradient() =>
        Assert.Equal([("base weights", 2 * Base), ("policy weights", 4 * Base), ("gradients", 8 * Base), ("optimizer state", 8 * Base)],
            StageMemory.Held(Load with { Lora = null, Workers = 2 }).Select(m => (m.Role, m.Bytes)));

    [Fact]
    public void Activations_are_of_the_largest_batch_of_each_worker()
    {
        long Activations(StageLoad load) => StageMemory.Peak(load).Single(m => m.Role == StageMemory.Activations).Bytes;
        long Of(long tokens) => ModelMemory.Training(ModelMemoryTests.Llama7B, ModelMemoryTests.Lora, tokens, false);
        Assert.Equal(Of(4096), Activations(Load));
        Assert.Equal(Of(2048), Activations(Load with { MaxTokensPerBatch = 4095 }));
        Assert.Equal(2 * Of(2048), Activations(Load with { Workers = 2 }));
        // A pass of the judge over more tokens than are trained on takes more than the step.
        Assert.Equal(ModelMemory.Forward(ModelMemoryTests.Llama7B, ModelMemoryTests.Lora, 8192),
            Activations(Load with { Trained = [64], Judged = [4096, 4096, 4096] }));
    }

    /// <summary>Whatever sequences share, no worker's batch is larger than what is counted.</summary>
    [Fact]
    public void What_is_counted_of_shared_sequences_is_never_exceeded() =>
        Gen.Select(Gen.Int[1, 3].Array[1, 12].Array[1, 30], Gen.Int[1, 5], Gen.Int[1, 60]).Sample((sequences, workers, max) =>
        {
            var order = new PrefixOrder([.. sequences.Select(s => (ReadOnlyMemory<int>)s)]);
            var batches = WorkShares.Balance(order, workers).Select(share => WorkShares.Batches(order, share, max)
                .Select(b => (long)new SharedBatch([.. order.Items[b].Select(i => (ReadOnlyMemory<int>)sequences[i])]).Batch.Tokens.Length)
                    .DefaultIfEmpty(0).Max()).ToList();
            var counted = StageMemory.SharedTokens([.. sequences.Select(s => s.Length)], workers, max);
            Assert.Equal(workers, counted.Count);
            Assert.True(batches.Max() <= counted.Max() && batches.Sum() <= counted.Sum());
        });

    // 4 prompts of 2 samples, one worker: 2, 4, 6, 9 slots, of 1280 + 768 tokens.
    [Theory]
    [InlineData(512, 9, 8)]
    [InlineData(4, 4, 4)]
    [InlineData(1, 2, 2)]
    public void The_cache_is_of_the_sequences_that_are_generated_at_once(int most, int slots, int sequences)
    {
        var load = Load with { Prompts = [1280, 3, 3, 3], Samples = 2, MaxNewTokens = 768, MaxActiveSequences = most };
        Assert.Equal(((long)slots * 2048 << 20, sequences),
            (StageMemory.Peak(load).Single(m => m.Role == StageMemory.Cache).Bytes, StageMemory.ActiveSequences(load)));
    }

    /// <summary>Packed copies are what a host keeps while it generates, to the byte, and gives back before it trains.</summary>
    [Theory]
    [InlineData(true, WeightDtype.Float32)]
    [InlineData(false, WeightDtype.Float32)]
    [InlineData(true, WeightDtype.BFloat16)]
    public async Task What_is_counted_as_packed_is_what_a_host_keeps_while_it_generates(bool adapted, WeightDtype dtype)
    {
        var folder = TestData.Path("llama");
        var config = ModelFolder.ReadConfig(folder);
        var lora = adapted ? new LoraConfig(8, 16, ["q_proj", "down_proj"]) : null;
        using var host = new ModelHost(new ModelHostOptions { Workers = 2, Dtype = dtype });
        await host.LoadAsync("base", new ModelSource(folder, null, null, "paper"), default);
        await using var training = await host.OpenTrainingAsync(new TrainingSpec("policy", "base", "base", lora, 1, new OptimizerOptions()),
            default);
        var policy = host.Find("policy").Model;
        await host.SampleAsync("policy", new SamplePrompt([1, 2, 3], [1, 2], new SamplingOptions { MaxNewTokens = 3 }), null, default);
        var packed = policy.PreparedBytes;
        Assert.Equal(ModelMemory.Packed(config, lora, isNarrow: dtype == WeightDtype.BFloat16 && adapted), packed);
        var load = new StageLoad
        {
            Config = config,
            Lora = lora,
            IsCpu = true,
            FrozenBytes = dtype == WeightDtype.Float32 ? 4 : 2,
            Prompts = [3],
            Samples = 2,
            MaxNewTokens = 3
        };
        long Activations(StageLoad l) => StageMemory.Peak(l).Single(m => m.Role == StageMemory.Activations).Bytes;
        Assert.Equal(Activations(load with { IsCpu = false }) + packed, Activations(load));
        // Another model that generates takes their place.
        await host.SampleAsync("base", new SamplePrompt([1, 2, 3], [1], new SamplingOptions { MaxNewTokens = 3 }), null, default);
        Assert.Equal(ModelMemory.Packed(config, null, isNarrow: dtype == WeightDtype.BFloat16), host.Find("base").Model.PreparedBytes);
        await training.StepAsync(new PreferenceObjective([new PreferencePair([1, 2], [3], [4])], new PreferenceLoss()), 1e-3);
        Assert.Equal((0, 0), (policy.PreparedBytes, host.Find("base").Model.PreparedBytes));
    }

    [Fact]
    public void A_checkpoint_in_writing_is_a_copy_in_the_hosts_memory() =>
        Assert.Equal(new MemoryItem("checkpoint in writing", 12 * Adapter, OnDevice: false), StageMemory.Peak(Load)[^1]);

    /// <summary>What is counted as held is what the host allocates, buffer by buffer.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task What_is_counted_as_held_is_what_a_host_allocates(bool adapted)
    {
        var folder = TestData.Path("llama");
        var config = ModelFolder.ReadConfig(folder);
        var lora = adapted ? new LoraConfig(8, 16, ["q_proj", "v_proj"]) : null;
        using var host = new ModelHost(new ModelHostOptions { Workers = 2 });
        await host.LoadAsync("base", new ModelSource(folder, null, null, "paper"), default);
        await using var training = await host.OpenTrainingAsync(new TrainingSpec("policy", "base", "base", lora, 1, new OptimizerOptions()),
            default);
        var weights = await host.RunExclusive("policy", () => new[] { "base", "policy" }.Select(host.Find)
            .SelectMany(m => new[] { m.Model.Weights.Buffer, m.Model.Adapter?.Buffer }).OfType<FlatBuffer>().Distinct()
                .Sum(b => b.Flat.NumberOfElements * b.Flat.ElementSize));
        var held = StageMemory.Held(new StageLoad { Config = config, Lora = lora, Workers = 2 });
        Assert.Equal(weights, held.Where(m => m.Role is StageMemory.Base or StageMemory.Policy or StageMemory.Adapter).Sum(m => m.Bytes));
        var snapshot = await training.SnapshotAsync();
        Assert.Equal(snapshot.Mean.Concat(snapshot.Variance).Sum(a => 4L * a.Values.Length),
            held.Single(m => m.Role == StageMemory.Optimizer).Bytes);
    }
}
