using SelfJudge.Preferences.Methods;
using SelfJudge.Preferences.Recipes;
using SelfJudge.Preferences.Templates;

namespace SelfJudge.Preferences.Data;

/// <summary>Epochs as steps, once the data is known.</summary>
public static class EpochSteps
{
    /// <summary>The recipe with every stage's epochs turned into steps: ⌈epochs · examples / examples per step⌉.</summary>
    public static Recipe Resolve(Recipe recipe, TrainingData data) => recipe.Stages.All(s => s.Epochs == 0) ? recipe
        : recipe with
        {
            Stages =
            [.. recipe.Stages.Select(s => s.Epochs == 0 ? s : s with { Steps = Steps(recipe, s, data), Epochs = 0 })]
        };

    private static int Steps(Recipe recipe, StageRecipe stage, TrainingData data)
    {
        var (examples, perStep) = PerStep(recipe, stage, data);
        // What rounding leaves of a whole number is no further step.
        var steps = Math.Ceiling(stage.Epochs * examples / perStep - 1e-9);
        return steps is >= 1 and <= int.MaxValue ? (int)steps
            : throw new RecipeException(
                $"stage {stage.Name}: {stage.Epochs} epochs of {examples} examples, {perStep} in a step, are {steps:0} steps: a stage "
                + $"makes 1 to {int.MaxValue}");
    }

    /// <summary>
    /// The examples of one epoch, and how many a step takes. sft and jsft: every chosen response once and, by every
    /// template, every pair in both orders (section 3.1); dpo and rm: pairs; methods that sample: prompts.
    /// </summary>
    private static (long Examples, long PerStep) PerStep(Recipe recipe, StageRecipe stage, TrainingData data)
    {
        if (stage.Spec.IsRollout)
            return (data.PromptCount ?? throw new RecipeException($"stage {stage.Name}: the prompts have no end: give steps, not epochs"),
                stage.Prompts);
        if (stage.Spec.Data == StepData.Pairs)
            return (data.Pairs.Count, stage.Prompts);
        var templates = stage.JudgePairs == 0 ? [] : recipe.TemplatesOf(stage).Select(JudgeTemplate.ByName).ToList();
        return ((stage.PolicyExamples == 0 ? 0 : data.Answers.Count) + templates.Sum(t => 2L * data.JudgePairs(t, stage.Rationale).Count),
            stage.PolicyExamples + 2L * stage.JudgePairs * templates.Count);
    }
}
