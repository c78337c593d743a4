using SelfJudge.Modeling.Decoders;
using SelfJudge.Modeling.Hosting;
using SelfJudge.Modeling.Kernels;
using SelfJudge.Modeling.Learning;
using SelfJudge.Modeling.Learning.Objectives;
using SelfJudge.Modeling.Planning;
using SelfJudge.Modeling.Tokenizers;
using SelfJudge.Preferences.Judging;
using SelfJudge.Preferences.Losses;
using SelfJudge.World;

namespace SelfJudge.Modeling.Tests.Hosting;

public sealed class PrefixCachingTests
{
    private static readonly DecoderConfig Config = TestModels.Config(vocab: Vocabulary.Words.Count);

    // Two readings of which the second begins as the first does.
    private static readonly EncodedJudgePrompt[] First = [Prompt(1, 2, 3, 4, 5, 6), Prompt(1, 2, 3, 7)];
    private static readonly EncodedJudgePrompt[] Second = [Prompt(1, 2, 3, 4, 8), Prompt(1, 2, 3, 7), Prompt(9)];

    [Fact]
    public async Task What_is_held_changes_no_judgment_and_is_forgotten_when_weights_change()
    {
        using ModelHost with = await Host(), without = await Host(new ModelHostOptions { Workers = 2, PrefixCacheBytes = 0 });
        var judged = new List<JudgeProbabilities[]>();
        foreach (var host in new[] { with, without })
        {
            var spec = new TrainingSpec("policy", "base", "base", null, 1, new OptimizerOptions());
            await using var training = await host.OpenTrainingAsync(spec, default);
            judged.Add([.. await host.JudgeAsync("policy", First, null, default),
                .. await host.JudgeAsync("policy", Second, null, default)]);
            Assert.Equal(host == with, host.HeldTokens > 0);
            await training.StepAsync(new PreferenceObjective([new PreferencePair([1, 2], [3], [4])], new PreferenceLoss()), 1e-1);
            judged.Add([.. await host.JudgeAsync("policy", First, null, default), .. await host.JudgeAsync("base", First, null, default)]);
        }
        Assert.Equal(judged[2], judged[0]);
        Assert.Equal(judged[3], judged[1]);
        Assert.NotEqual(judged[0][0], judged[1][0]); // the step did change it
        Assert.Equal(0, without.HeldTokens);
    }

    /// <summary>Distinct tokens after the same ones: six and one of the first reading, one and one more of the second.</summary>
    [Fact]
    public async Task Held_is_what_the_model_read_last_has_read()
    {
        using var host = await Host();
        await host.JudgeAsync("base", First, null, default);
        Assert.Equal(7, host.HeldTokens);
        await host.LoadAsync("other", new ModelSource(null, new InitialModel(Config, 4, WorldTokenizer.Create()), null, "world"), default);
        Assert.Equal(0, host.HeldTokens);
        await host.JudgeAsync("base", First, null, default);
        await host.JudgeAsync("base", Second, null, default);
        Assert.Equal(9, host.HeldTokens);
        await host.JudgeAsync("other", [Prompt(1, 2)], null, default);
        Assert.Equal(2, host.HeldTokens);
    }

    /// <summary>What was to be held of a reading that failed was computed in some layers only.</summary>
    [Fact]
    public async Task Of_a_reading_that_failed_nothing_is_held()
    {
        var kernels = new ScarceKernels();
        using ModelHost failing = await Host(new ModelHostOptions { Workers = 1, Kernels = kernels }), other = await Host();
        kernels.Fail(nameof(IKernels.Attend));
        await Assert.ThrowsAsync<HostMemoryException>(() => failing.JudgeAsync("base", First, null, default));
        Assert.Equal(0, failing.HeldTokens);
        kernels.Recover();
        Assert.Equal(await other.JudgeAsync("base", Second, null, default), await failing.JudgeAsync("base", Second, null, default));
    }

    /// <summary>Where nothing is shared `plan` counts what a host holds, to the byte, up to the bound.</summary>
    [Theory]
    [InlineData(9, 30)]
    [InlineData(9, 5)]
    public async Task What_is_counted_is_what_a_host_holds(int tokens, int room)
    {
        var bytes = ModelMemory.KeyValueCache(Config, 1, 1);
        using var host = await Host(new ModelHostOptions { Workers = 2, PrefixCacheBytes = room * bytes + 1 });
        await host.JudgeAsync("base", [Prompt(1, 2, 3, 4), Prompt(5, 6, 7, 8, 9)], null, default);
        var held = host.HeldTokens * bytes;
        Assert.Equal(Math.Min(tokens, room) * bytes, held);
        var load = new StageLoad { Config = Config, IsCpu = true, Judged = [4, 5], PrefixCacheBytes = room * bytes + 1 };
        long Activations(StageLoad l) => StageMemory.Peak(l).Single(m => m.Role == StageMemory.Activations).Bytes;
        Assert.Equal(Activations(load with { IsCpu = false }) + held, Activations(load));
    }

    private static async Task<ModelHost> Host(ModelHostOptions? options = null)
    {
        var host = new ModelHost(options ?? new ModelHostOptions { Workers = 2 });
        await host.LoadAsync("base", new ModelSource(null, new InitialModel(Config, 3, WorldTokenizer.Create()), null, "world"), default);
        return host;
    }

    private static EncodedJudgePrompt Prompt(params int[] ids) => new(ids, 3, 5);
}
