using SelfJudge.Preferences.Losses;
using SelfJudge.Preferences.Recipes;

namespace SelfJudge.Preferences.Tests.Recipes;

/// <summary>The keys of a preference loss, each with the kinds that have it.</summary>
public sealed class LossRecipeTests
{
    private static string Yaml(string loss, int prompts) =>
        $"data: {{world_pairs: 10}}\nstages:\n - {{name: S, method: dpo, steps: 5, learning_rate: 1, prompts: {prompts},\n    loss: "
            + $"{{{loss}}}}}";

    [Theory]
    [InlineData("kind: hinge, label_smoothing: 0.1",
        "stages[0].loss.label_smoothing: hinge does not have it; it goes with sigmoid, robust")]
    [InlineData("kind: sigmoid, gamma: 0.1", "stages[0].loss.gamma: sigmoid does not have it; it goes with simpo")]
    [InlineData("kind: simpo, per_token: true",
        "stages[0].loss.per_token: simpo does not have it; it goes with sigmoid, hinge, ipo, robust")]
    [InlineData("kind: orpo, nll_weight: 1",
        "stages[0].loss.nll_weight: orpo does not have it; it goes with sigmoid, hinge, ipo, robust, simpo, kto")]
    [InlineData("kind: ipo, desirable_weight: 1", "stages[0].loss.desirable_weight: ipo does not have it; it goes with kto")]
    [InlineData("undesirable_weight: 1", "stages[0].loss.undesirable_weight: sigmoid does not have it; it goes with kto")]
    [InlineData("kind: robust, label_smoothing: 0.5", "stages[0].loss.label_smoothing: must be a number from 0 to below 0.5, not '0.5'")]
    [InlineData("kind: kto, desirable_weight: -1", "stages[0].loss.desirable_weight: must be a number from 0 to 1000, not '-1'")]
    public void A_key_of_another_kind_is_refused_with_its_line(string loss, string problem) =>
        Assert.Equal($"r.yaml:4: {problem}", Assert.Throws<RecipeException>(() => RecipeFile.Parse(Yaml(loss, 2), "r.yaml")).Message);

    [Fact]
    public void Kto_needs_prompts_to_mismatch() =>
        Assert.Contains("stages[0].prompts: must be 2 or more",
            Assert.Throws<RecipeException>(() => RecipeFile.Parse(Yaml("kind: kto", 1), "r.yaml")).Message);

    [Fact]
    public void What_a_kind_has_is_read_and_written_again()
    {
        var recipe = RecipeFile.Parse(Yaml("kind: kto, beta: 0.2, desirable_weight: 1.5, undesirable_weight: 0, nll_weight: 0.1", 2),
            "r.yaml");
        Assert.Equal(new PreferenceLoss(PreferenceLossKind.Kto, 0.2) { DesirableWeight = 1.5, UndesirableWeight = 0, NllWeight = 0.1 },
            recipe.Stages[0].Loss);
        Assert.Equal(recipe.Stages[0].Loss, RecipeFile.Parse(RecipeFile.Render(recipe), "rendered").Stages[0].Loss);
    }

    [Theory]
    [InlineData("kind: sigmoid", true)]
    [InlineData("kind: kto", true)]
    [InlineData("kind: simpo, gamma: 1", false)]
    [InlineData("kind: orpo", false)]
    public void A_stage_has_a_reference_where_its_loss_compares_with_one(string loss, bool hasReference) =>
        Assert.Equal(hasReference, RecipeFile.Parse(Yaml(loss, 2), "r.yaml").Stages[0].HasReference);
}
