using SelfJudge.Preferences.Recipes;

namespace SelfJudge.Preferences.Tests.Recipes;

public sealed class RecipePathsTests
{
    [Theory]
    [InlineData("model.path=m", "model.path", "m")]
    [InlineData("model.dialogue_template=/t.yaml", null, null)]
    [InlineData("data.pairs=p.jsonl", "data.pairs", "p.jsonl")]
    [InlineData("data.prompts=../q.jsonl", "data.prompts", "../q.jsonl")]
    [InlineData("data.extra_answers=e", "data.extra_answers", "e")]
    [InlineData("judge.templates=[hh-helpful, t.yaml]", "judge.templates", "t.yaml")]
    [InlineData("stages.S.judge_templates=[t.yml]", "stages[1].judge_templates", "t.yml")]
    [InlineData("stages.S.judge=./j", "stages[1].judge", "./j")]
    [InlineData("evaluation.judge=models/j", "evaluation.judge", "models/j")]
    [InlineData("evaluation.judge=SFT", null, null)]
    [InlineData("stages.S.judge=/j", null, null)]
    public void A_path_that_is_not_absolute_is_found(string setting, string? key, string? path)
    {
        var recipe = Recipe();
        // A file of a dialogue template is read when the recipe is: its path is put in afterwards.
        recipe = setting.StartsWith("model.dialogue", StringComparison.Ordinal)
            ? recipe with { Model = recipe.Model with { DialogueTemplate = setting.Split('=')[1] } } : Recipe(setting);
        Assert.Equal((key, path), RecipePaths.FindRelative(recipe) is var (k, p) ? (k, p) : (null, null));
    }

    private static Recipe Recipe(params string[] settings) => RecipeFile.Parse("""
        data: {pairs: /p.jsonl}
        model: {path: /m}
        stages:
          - {name: SFT, method: sft, steps: 1, policy_examples: 1, learning_rate: 1}
          - {name: S, method: self-judge, steps: 1, prompts: 1, learning_rate: 1}
        """, "r.yaml", settings);
}
