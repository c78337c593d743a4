using SelfJudge.Preferences.Data;
using SelfJudge.Preferences.Recipes;
using SelfJudge.Preferences.Templates;

namespace SelfJudge.Preferences.Tests.Data;

public sealed class EpochStepsTests
{
    // 10 overall pairs, 6 by helpfulness of which 4 have rationales, 7 prompts.
    private static readonly Fixed Data = new(
        [.. Enumerable.Range(0, 10).Select(i => Pair(i))],
        [.. Enumerable.Range(0, 6).Select(i => Pair(i) with { ChosenRationale = "so", RejectedRationale = i < 4 ? "no" : null })]);

    [Theory]
    [InlineData("method: sft, policy_examples: 4, epochs: 1", 3)]                                     // ⌈10 / 4⌉
    [InlineData("method: sft, policy_examples: 4, epochs: 2", 5)]                                     // ⌈20 / 4⌉
    [InlineData("method: sft, policy_examples: 3, epochs: 0.3", 1)]                                   // 0.3 · 10 is one step of three
    [InlineData("method: jsft, policy_examples: 4, judge_pairs: 2, epochs: 1", 4)]                    // ⌈(10 + 20) / (4 + 4)⌉
    [InlineData("method: jsft, judge_pairs: 2, epochs: 1", 5)]                                        // both orders of 10 pairs, 4 a step
    [InlineData("method: dpo, prompts: 4, epochs: 3", 8)]                                             // ⌈30 / 4⌉
    [InlineData("method: self-judge, prompts: 4, epochs: 3", 6)]                                      // ⌈21 / 4⌉
    [InlineData("method: off-policy, prompts: 7, epochs: 1", 1)]
    public void Epochs_are_the_steps_that_go_through_the_examples(string stage, int steps)
    {
        var resolved = EpochSteps.Resolve(Recipe(stage, "hh-helpful"), Data).Stages[0];
        Assert.Equal((steps, 0.0), (resolved.Steps, resolved.Epochs));
    }

    [Theory]
    [InlineData(false, 4)] // ⌈(10 + 2·10 + 2·6) / (4 + 2·2·2)⌉
    [InlineData(true, 4)]  // ⌈(10 + 2·10 + 2·4) / 12⌉ = ⌈38 / 12⌉
    public void Every_template_counts_its_own_pairs(bool rationale, int steps) =>
        Assert.Equal(steps, EpochSteps.Resolve(Recipe(
            $"method: jsft, policy_examples: 4, judge_pairs: 2, epochs: 1, rationale: {(rationale ? "true" : "false")}",
            "ultrafeedback, ultrafeedback-helpfulness"), Data).Stages[0].Steps);

    [Fact]
    public void Pairs_without_rationales_are_no_examples_of_a_template_that_learns_them()
    {
        Assert.Equal(6, Data.JudgePairs(JudgeTemplate.ByName("ultrafeedback-helpfulness"), rationale: false).Count);
        Assert.Equal(4, Data.JudgePairs(JudgeTemplate.ByName("ultrafeedback-helpfulness-rationale"), rationale: true).Count);
        // 12 examples, 2 a step; without rationales it would be 12 / 2.
        Assert.Equal(4, EpochSteps.Resolve(Recipe("method: jsft, judge_pairs: 1, epochs: 1, rationale: true",
            "ultrafeedback-helpfulness-rationale"), Data).Stages[0].Steps);
    }

    [Fact]
    public void Steps_stay_what_they_are()
    {
        var recipe = Recipe("method: sft, policy_examples: 4, steps: 9", "hh-helpful");
        Assert.Same(recipe, EpochSteps.Resolve(recipe, Data));
    }

    [Fact]
    public void Data_without_examples_is_refused() =>
        Assert.Contains("stage S: 1 epochs of 0 examples",
            Assert.Throws<RecipeException>(() =>
            EpochSteps.Resolve(Recipe("method: sft, policy_examples: 4, epochs: 1", "hh-helpful"), new Fixed([], []))).Message);

    private static PreferenceExample Pair(int n) => new([new Turn(Role.User, $"{n % 7}")], "yes", $"no {n}");

    private static Recipe Recipe(string stage, string templates) =>
        RecipeFile.Parse(
            $"{{data: {{pairs: p}}, model: {{path: m}}, judge: {{templates: [{templates}]}}, stages: [{{name: S, learning_rate: 1, "
            + $"{stage}}}]}}", "r.yaml");

    private sealed class Fixed(IReadOnlyList<PreferenceExample> pairs, IReadOnlyList<PreferenceExample> byPrinciple) : TrainingData
    {
        public override IReadOnlyList<PreferenceExample> Pairs => pairs;
        public override IReadOnlyList<PreferenceExample> HeldOutPairs => [];
        public override IReadOnlyList<IReadOnlyList<Turn>> HeldOutPrompts => [];
        public override IReadOnlyList<PreferenceExample> HeldOutPairsFor(string principle) => [];
        public override IReadOnlyCollection<string> Principles => byPrinciple.Count == 0 ? [] : ["honesty"];
        public override int? PromptCount => pairs.DistinctBy(p => p.Prompt[0].Content).Count();
        public override IReadOnlyList<PreferenceExample> PairsFor(string? principle) => principle is null ? pairs : byPrinciple;
        public override IReadOnlyList<Turn> Prompt(long n) => pairs[(int)(n % pairs.Count)].Prompt;
    }
}
