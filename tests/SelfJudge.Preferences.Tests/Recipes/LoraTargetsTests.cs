using SelfJudge.Preferences.Recipes;

namespace SelfJudge.Preferences.Tests.Recipes;

public sealed class LoraTargetsTests
{
    [Theory]
    [InlineData("all-linear", "q_proj,k_proj,v_proj,o_proj,gate_proj,up_proj,down_proj")]
    [InlineData("[q_proj, v_proj]", "q_proj,v_proj")]
    [InlineData("[v_proj, q_proj, v_proj]", "v_proj,q_proj")]
    [InlineData("q_proj", "q_proj")]
    [InlineData("[self_attn.q_proj, mlp.up_proj]", "q_proj,up_proj")]
    [InlineData("'.*(q|v)_proj'", "q_proj,v_proj")]
    [InlineData("'model\\.layers\\.\\d+\\.mlp\\..*'", "gate_proj,up_proj,down_proj")]
    public void Targets_are_what_peft_takes(string targets, string modules) =>
        Assert.Equal(modules.Split(','), Parse(targets).Stages[0].Adapter!.Targets);

    [Theory]
    [InlineData("[q_projj]",
        "'q_projj' is no module of the model; known are q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj, down_proj, or all-linear")]
    [InlineData("[q_proj, vproj]", "'vproj' is no module of the model")]
    [InlineData("[lm_head]", "'lm_head' is no module of the model")]
    [InlineData("[proj]", "'proj' is no module of the model")] // a name ends a path as a whole
    [InlineData("[mlp.q_proj]", "'mlp.q_proj' is no module of the model")]
    [InlineData("[model.layers.0.self_attn.q_proj]",
        "'model.layers.0.self_attn.q_proj' names q_proj of some layers only, and an adapter is on all of them")]
    [InlineData("[layers.3.mlp.up_proj]", "'layers.3.mlp.up_proj' names up_proj of some layers only")]
    [InlineData("'model\\.layers\\.[0-9]\\..*q_proj'", "'model\\.layers\\.[0-9]\\..*q_proj' names q_proj of some layers only")]
    [InlineData("'(q_proj'", "'(q_proj' is neither a module nor a regular expression that can be used")]
    [InlineData("'(?=.*)q_proj'", "'(?=.*)q_proj' is neither a module nor a regular expression that can be used")]
    [InlineData("[]", "name at least one projection: q_proj")]
    public void Other_targets_are_refused_with_those_that_are_known(string targets, string message) =>
        Assert.StartsWith($"r.yaml:2: stages[0].adapter.targets: {message}", Assert.Throws<RecipeException>(() => Parse(targets)).Message);

    private static Recipe Parse(string targets) =>
        RecipeFile.Parse(
            $"data: {{world_pairs: 1}}\nstages: [{{name: S, method: rm, steps: 1, learning_rate: 1, prompts: 1, adapter: {{r: 4, alpha: "
            + $"8, targets: {targets}}}}}]", "r.yaml");
}
