using SelfJudge.Modeling.Decoders;
using SelfJudge.Modeling.Hosting;
using SelfJudge.Modeling.Kernels.Cpu;
using SelfJudge.Modeling.Learning;
using SelfJudge.Modeling.Learning.Objectives;
using SelfJudge.Modeling.Sampling;
using SelfJudge.Modeling.Tokenizers;
using SelfJudge.Preferences.Judging;
using SelfJudge.Preferences.Learning;
using SelfJudge.Preferences.Sampling;
using SelfJudge.World;

namespace SelfJudge.Modeling.Tests.Hosting;

/// <summary>What becomes of a host's models when they are trained, and requests that do not go together.</summary>
public sealed class ModelStoreTests
{
    private static readonly DecoderConfig Config = TestModels.Config(vocab: Vocabulary.Words.Count);
    private static readonly RewardedResponse[] Rewarded = [new([3, 4], [5, 6], 1), new([3, 4], [7, 8, 9], -1)];

    /// <summary>Its folder has none, so that a run that is resumed from there would not have it either.</summary>
    [Theory]
    [InlineData(WeightDtype.Float32, false)]
    [InlineData(WeightDtype.BFloat16, false)]
    [InlineData(WeightDtype.Float32, true)]
    public async Task A_value_head_ends_with_its_training(WeightDtype dtype, bool byAdapter)
    {
        using var host = await Host(dtype);
        var lora = byAdapter ? new LoraConfig(2, 4, ["q_proj"]) : null;
        await using (var ppo = await host.OpenTrainingAsync(
            new TrainingSpec("ppo", "base", "base", lora, 1, new()) { Head = ScalarHead.Value }, default))
        {
            await ppo.StepAsync(new PpoObjective(Rewarded, new PpoOptions(), 0.1), 1e-2);
            Assert.True(host.DescriptionOf("ppo").HasScalarHead);
        }
        Assert.False(host.DescriptionOf("ppo").HasScalarHead);
        await using var next = await host.OpenTrainingAsync(new TrainingSpec("next", "ppo", "ppo", null, 1, new()), default);
        Assert.False(host.DescriptionOf("next").HasScalarHead);
        Assert.NotEmpty(await host.SampleAsync("ppo", new SamplePrompt([3, 4], [1], new SamplingOptions(1, 1, 0, 4)), null, default));
    }

    [Fact]
    public async Task A_head_is_trained_as_what_it_was_opened_as()
    {
        using var host = await Host();
        await using var reward =
            await host.OpenTrainingAsync(new TrainingSpec("rm", "base", "base", null, 1, new()) { Head = ScalarHead.Reward }, default);
        await using var value =
            await host.OpenTrainingAsync(new TrainingSpec("ppo", "base", "base", null, 1, new()) { Head = ScalarHead.Value }, default);
        var (pairs, ppo) = (new BradleyTerryObjective([new PreferencePair([3], [4], [5])]),
            new PpoObjective(Rewarded, new PpoOptions(), 0.1));
        await reward.StepAsync(pairs, 1e-3);
        await value.StepAsync(ppo, 1e-3);
        await Assert.ThrowsAsync<InvalidOperationException>(() => value.StepAsync(pairs, 1e-3));
        await Assert.ThrowsAsync<InvalidOperationException>(() => reward.StepAsync(ppo, 1e-3));
    }

    [Theory]
    [InlineData("base", "other")]
    [InlineData("other", "base")]
    public async Task A_model_is_not_trained_in_the_place_of_what_it_starts_from_or_is_compared_with(string from, string reference)
    {
        using var host = await Host();
        await host.LoadAsync("other", Source(4), default);
        await Assert.ThrowsAsync<ArgumentException>(() =>
            host.OpenTrainingAsync(new TrainingSpec("base", from, reference, null, 1, new()), default));
        Assert.NotEmpty(await host.SampleAsync("base", new SamplePrompt([3, 4], [1], new SamplingOptions(1, 1, 0, 4)), null, default));
    }

    [Fact]
    public async Task A_batch_is_of_one_kind_one_model_and_one_size_and_what_is_another_is_refused_alone()
    {
        using var host = await Host();
        await host.LoadAsync("other", Source(4), default);
        EncodedJudgePrompt[] prompts = [new([1, 2, 3], 5, 6)];
        var first = host.JudgeAsync("base", prompts, new Cohort("k", 2, 0), default);
        await Assert.ThrowsAsync<ArgumentException>(() => host.JudgeAsync("other", prompts, new Cohort("k", 2, 1), default));
        await Assert.ThrowsAsync<ArgumentException>(() => host.JudgeAsync("base", prompts, new Cohort("k", 3, 1), default));
        var sample = new SamplePrompt([3, 4], [1], new SamplingOptions(1, 1, 0, 4));
        await Assert.ThrowsAsync<ArgumentException>(() => host.SampleAsync("base", sample, new Cohort("k", 2, 1), default));
        var second = host.JudgeAsync("base", prompts, new Cohort("k", 2, 1), default);
        Assert.Equal(await first, await second);
    }

    [Fact]
    public async Task What_is_held_of_judged_prompts_changes_no_rounded_judgment()
    {
        Assert.SkipWhen(RoundedProduct.Problem is not null, RoundedProduct.Problem ?? "");
        using ModelHost with = await Host(WeightDtype.Rounded), without = await Host(WeightDtype.Rounded, cacheBytes: 0);
        EncodedJudgePrompt[] early = [new([1, 2, 3, 4, 5], 5, 6), new([1, 2, 7], 5, 6)],
            late = [new([1, 2, 3, 4, 8, 9], 5, 6), new([1, 2, 7], 5, 6)];
        var judged = new List<JudgeProbabilities[]>();
        foreach (var host in new[] { with, without })
        {
            await host.JudgeAsync("base", early, null, default);
            Assert.Equal(host == with, host.HeldTokens > 0);
            judged.Add(await host.JudgeAsync("base", late, null, default));
        }
        Assert.Equal(judged[1], judged[0]);
    }

    private static ModelSource Source(ulong seed) => new(null, new InitialModel(Config, seed, WorldTokenizer.Create()), null, "world");

    private static async Task<ModelHost> Host(WeightDtype dtype = WeightDtype.Float32, long cacheBytes = 64 << 20)
    {
        var host = new ModelHost(new ModelHostOptions { Workers = 2, Dtype = dtype, PrefixCacheBytes = cacheBytes });
        await host.LoadAsync("base", Source(3), default);
        return host;
    }
}
