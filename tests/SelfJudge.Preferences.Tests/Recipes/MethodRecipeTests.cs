using SelfJudge.Preferences.Recipes;

namespace SelfJudge.Preferences.Tests.Recipes;

/// <summary>Rules of the recipes that the paper's methods need.</summary>
public sealed class MethodRecipeTests
{
    private const string Sft = "{name: SFT, method: sft, steps: 1, learning_rate: 1, policy_examples: 1}";

    private static Recipe Parse(string stage) =>
        RecipeFile.Parse(
            $"{{data: {{world_pairs: 10}}, stages: [{Sft}, {{name: S, from: SFT, steps: 5, learning_rate: 1, prompts: 2, {stage}}}]}}",
            "r.yaml");

    [Theory]
    [InlineData("method: raft", "reward: raft needs what rewards its samples")]
    [InlineData("method: ppo, reward: RM, judge: SFT",
        "stages[1].judge: a stage of method ppo does not have it; it goes with off-policy, self-judge, rso")]
    [InlineData("method: self-judge, reward: SFT",
        "stages[1].reward: a stage of method self-judge does not have it; it goes with rest, raft, ppo")]
    [InlineData("method: off-policy, judge: policy", "judge: off-policy samples the initial policy")]
    [InlineData("method: rso, samples: 1", "samples: a preference needs at least 2")]
    [InlineData("method: rso, acceptance_beta: 0", "acceptance_beta: must be a number from 0.000001 to 1000, not '0'")]
    [InlineData("method: rest, reward: SFT, policy_examples: 1, grow_steps: 5", "grow_steps: must be 1 or more, and fewer than the steps")]
    [InlineData("method: rest, reward: SFT, policy_examples: 1, grow_steps: 0", "grow_steps: must be 1 or more, and fewer than the steps")]
    [InlineData("method: rest, reward: SFT, policy_examples: 1, grow_steps: 2, thresholds: []", "thresholds: name at least one quantile")]
    [InlineData("method: rest, reward: SFT, policy_examples: 1, grow_steps: 2, thresholds: [1.0]",
        "thresholds[0]: must be a number from 0 to below 1, not '1.0'")]
    [InlineData("method: rest, reward: SFT, grow_steps: 2", "policy_examples: must be 1 or more")]
    [InlineData("method: ppo, reward: SFT, ppo: {mini_batch: 0}", "ppo.mini_batch: must be a whole number, 1 or more, not '0'")]
    [InlineData("method: ppo, reward: SFT, ppo: {target_kl: 0}",
        "ppo.target_kl: must be a number more than 0 and at most 1000000, not '0'")]
    [InlineData("method: self-judge, judge_templates: []", "judge_templates: name at least one")]
    [InlineData("method: self-judge, judge_templates: [nobody]", "'nobody' is unknown")]
    public void What_a_method_cannot_use_is_refused(string stage, string problem) =>
        Assert.Contains(problem, Assert.Throws<RecipeException>(() => Parse(stage)).Message);

    [Theory]
    [InlineData("method: ppo, samples: 1, reward: SFT")]
    [InlineData("method: self-judge, judge: policy")]
    [InlineData("method: self-judge, judge: oracle")]
    [InlineData("method: rest, reward: SFT, policy_examples: 1, grow_steps: 2")]
    [InlineData("method: rm")]
    public void What_it_can_is_read(string stage) => Assert.Equal("S", Parse(stage).Stages[1].Name);

    [Theory]
    [InlineData("sft", "policy_examples: 1, judge_pairs: 1", "judge_pairs: a stage of method sft does not have it; it goes with jsft")]
    [InlineData("sft", "policy_examples: 1, prompts: 1",
        "prompts: a stage of method sft does not have it; it goes with dpo, rm, off-policy, self-judge, rso, rest, raft, ppo")]
    [InlineData("sft", "policy_examples: 1, thresholds: [0.5]", "thresholds: a stage of method sft does not have it; it goes with rest")]
    [InlineData("sft", "policy_examples: 1, judge: oracle",
        "judge: a stage of method sft does not have it; it goes with off-policy, self-judge, rso")]
    [InlineData("sft", "policy_examples: 1, loss_weights: {judge_token: 1}",
        "loss_weights.judge_token: a stage of method sft does not have it; it goes with jsft")]
    [InlineData("dpo", "prompts: 1, samples: 2",
        "samples: a stage of method dpo does not have it; it goes with off-policy, self-judge, rso, rest, raft, ppo")]
    [InlineData("dpo", "prompts: 1, ppo: {mini_batch: 1}", "ppo: a stage of method dpo does not have it; it goes with ppo")]
    [InlineData("rm", "prompts: 1, loss: {beta: 1}",
        "loss: a stage of method rm does not have it; it goes with dpo, off-policy, self-judge, rso")]
    [InlineData("off-policy", "prompts: 1, max_staleness: 1",
        "max_staleness: a stage of method off-policy does not have it; it goes with self-judge, ppo")]
    [InlineData("rso", "prompts: 1, triplets: final",
        "triplets: a stage of method rso does not have it; it goes with off-policy, self-judge")]
    [InlineData("self-judge", "prompts: 1, acceptance_beta: 1",
        "acceptance_beta: a stage of method self-judge does not have it; it goes with rso")]
    public void What_another_method_has_is_refused_and_a_run_of_an_earlier_version_may_hold_it(string method, string keys, string message)
    {
        var yaml = $"data: {{world_pairs: 10}}\nstages:\n - {{name: S, method: {method}, steps: 1, learning_rate: 1,\n    {keys}}}";
        Assert.Equal($"r.yaml:4: stages[0].{message}", Assert.Throws<RecipeException>(() => RecipeFile.Parse(yaml, "r.yaml")).Message);
        var held = RecipeFile.ParseOfRun(yaml, "r.yaml");
        Assert.Equal("S", held.Stages.Single().Name);
        Assert.Equal(RecipeFile.Render(held), RecipeFile.Render(RecipeFile.Parse(RecipeFile.Render(held), "rendered")));
    }

    [Theory]
    [InlineData("adapter: {r: 4}", "method: dpo, prompts: 1, adapter: {}",
        "stages[1].adapter: stage A, which it starts from, has an adapter already: leave it out to train that one on")]
    [InlineData("adapter: {r: 4}", "method: rm, prompts: 1",
        "stages[1].from: rm adds a scalar head, which the adapter of stage A does not have: start from a stage of whole weights")]
    [InlineData("adapter: {r: 4}", "method: dpo, prompts: 1", null)]
    [InlineData("rationale: false", "method: dpo, prompts: 1, adapter: {}", null)]
    public void One_adapter_stands_on_whole_weights(string first, string second, string? problem)
    {
        string[] stages = [$"{{name: A, method: jsft, steps: 1, judge_pairs: 1, learning_rate: 1, {first}}}",
            $"{{name: B, from: A, steps: 1, learning_rate: 1, {second}}}"];
        Recipe Parse() => RecipeFile.Parse($"{{data: {{world_pairs: 10}}, stages: [{string.Join(", ", stages)}]}}", "r.yaml");
        if (problem is null)
            Assert.Equal(2, Parse().Stages.Count);
        else
            Assert.Contains(problem, Assert.Throws<RecipeException>(Parse).Message);
    }

    [Fact]
    public void A_setting_for_another_method_is_refused_too()
    {
        var refused = Assert.Throws<RecipeException>(() =>
            RecipeFile.Parse($"{{data: {{world_pairs: 10}}, stages: [{Sft}]}}", "r.yaml", ["stages.SFT.samples=4"]));
        Assert.Equal("--set stages.SFT.samples=4: stages[0].samples: a stage of method sft does not have it; it goes with off-policy, "
            + "self-judge, rso, rest, raft, ppo", refused.Message);
    }

    [Fact]
    public void Only_the_world_has_an_oracle() =>
        Assert.Contains("judge: only the built-in world has an oracle", Assert.Throws<RecipeException>(() =>
            RecipeFile.Parse("{data: {pairs: p}, model: {path: m}, stages: [{name: S, method: self-judge, judge: oracle, steps: 5, "
                + "learning_rate: 1, prompts: 2}]}", "r.yaml")).Message);

    [Fact]
    public void Templates_come_from_the_stage_it_starts_from()
    {
        var recipe = RecipeFile.Parse(
            "{data: {world_pairs: 10}, stages: [{name: A, method: jsft, steps: 1, learning_rate: 1, judge_pairs: 1, judge_templates: "
            + "[world-honest]}, {name: B, from: A, method: self-judge, steps: 1, learning_rate: 1, prompts: 1}, {name: C, method: sft, "
            + "steps: 1, learning_rate: 1, policy_examples: 1}]}", "r.yaml");
        Assert.Equal(["world-honest"], recipe.TemplatesOf(recipe.Stages[1]));
        Assert.Equal(["world"], recipe.TemplatesOf(recipe.Stages[2]));
    }

    // What is written twice is trained once only if it is the same.
}
