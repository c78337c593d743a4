using SelfJudge.Preferences.Methods;
using SelfJudge.Preferences.Recipes;

namespace SelfJudge.Preferences.Tests.Methods;

public sealed class MethodSpecTests
{
    [Fact]
    public void Every_method_is_in_the_table_once_and_is_called_as_recipes_spell_it()
    {
        Assert.Equal(Enum.GetValues<StageMethod>(), StageMethods.All.Select(m => m.Method));
        Assert.Equal(["sft", "jsft", "dpo", "rm", "off-policy", "self-judge", "rso", "rest", "raft", "ppo"],
            StageMethods.All.Select(m => m.Name));
        Assert.All(StageMethods.All, m => Assert.Same(m, new StageRecipe { Method = m.Method }.Spec));
        var explained = RecipeHelp.All.Single(h => h.Key == "stages[].method").Meaning;
        Assert.All(StageMethods.All, m => Assert.Contains($"{m.Name}: {m.Description}", explained, StringComparison.Ordinal));
    }

    [Fact]
    public void Every_key_that_a_method_names_is_one_of_stages_and_no_method_has_all_of_a_group_but_the_group()
    {
        var keys = RecipeHelp.All.Select(h => h.Key).ToHashSet();
        foreach (var method in StageMethods.All)
            foreach (var key in method.Keys)
            {
                Assert.Contains($"stages[].{key}", keys);
                Assert.True(!key.Contains('.') || method.Keys.Contains(key.Split('.')[0]), $"{method.Name} has {key} without its group");
            }
    }

    [Theory]
    [InlineData(StageMethod.Sft, false, false, false, true)]
    [InlineData(StageMethod.Rm, false, false, false, false)]
    [InlineData(StageMethod.Dpo, false, false, false, true)]
    [InlineData(StageMethod.OffPolicy, true, false, false, true)]
    [InlineData(StageMethod.SelfJudge, true, true, false, true)]
    [InlineData(StageMethod.Rso, true, false, false, true)]
    [InlineData(StageMethod.Rest, true, false, true, true)]
    [InlineData(StageMethod.Raft, true, false, true, true)]
    [InlineData(StageMethod.Ppo, true, true, true, true)]
    public void What_follows_from_a_method_is_as_its_paper_has_it(StageMethod method, bool isRollout, bool isOnPolicy, bool isRewarded,
        bool isPolicy)
    {
        var spec = StageMethods.Of(method);
        Assert.Equal((isRollout, isOnPolicy, isRewarded, isPolicy), (spec.IsRollout, spec.IsOnPolicy, spec.IsRewarded, spec.IsPolicy));
        Assert.Equal(isRollout, spec.Feedback != SampleFeedback.None);
    }

    [Fact]
    public void What_is_learned_gathered_and_measured_is_told_by_the_method()
    {
        IEnumerable<StageMethod> That(Func<MethodSpec, bool> does) => StageMethods.All.Where(does).Select(m => m.Method);
        Assert.Equal([StageMethod.Dpo, StageMethod.OffPolicy, StageMethod.SelfJudge, StageMethod.Rso], That(m => m.LearnsPreferences));
        Assert.Equal([StageMethod.Jsft], That(m => m.TeachesJudging));
        Assert.Equal([StageMethod.Rest], That(m => m.Gathers));
        Assert.Equal([StageMethod.Sft], That(m => !m.IsMeasured));
    }

    [Fact]
    public void What_a_step_makes_of_its_samples_is_counted_by_the_method()
    {
        StageRecipe stage = new()
        {
            Steps = 10,
            GrowSteps = 4,
            Prompts = 3,
            Samples = 8,
            Thresholds = [0.5, 0.9],
            Ppo = new() { MiniBatch = 10, InnerEpochs = 2 }
        };
        double[] Of(StageMethod method) => StageMethods.Of(method) is var m
            ? [m.SamplingSteps(stage), m.Updates(stage), m.PairsOfPrompt(stage), m.FewestSteps(stage)] : [];
        Assert.Equal([10, 10, 1, 2], Of(StageMethod.SelfJudge));
        Assert.Equal([10, 10, 1, 2], Of(StageMethod.Rso));
        Assert.Equal([4, 6, 0, 4], Of(StageMethod.Rest));
        Assert.Equal([10, 60, 0, 2], Of(StageMethod.Ppo)); // 24 responses in three mini-batches, twice
    }
}
