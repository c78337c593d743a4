using SelfJudge.Preferences.Methods;

namespace SelfJudge.World.Reproduction;

/// <summary>What a stage is given, in all its steps.</summary>
public static class StageBudget
{
    /// <summary>Optimizer steps, and whatever of static answers, judged pairs, static pairs, prompts and samples it uses.</summary>
    public static IReadOnlyDictionary<string, double> Of(StageRecipe stage)
    {
        var budget = new Dictionary<string, double> { ["optimizer_steps"] = stage.Spec.Updates(stage) };
        double sampling = stage.Spec.SamplingSteps(stage);
        switch (stage.Spec.Data)
        {
            case StepData.Examples:
                budget["policy_examples"] = (double)stage.Steps * stage.PolicyExamples;
                budget["judged_pairs"] = (double)stage.Steps * stage.JudgePairs * (stage.JudgeTemplates?.Count ?? 1);
                break;
            case StepData.Prompts:
                budget["prompts"] = sampling * stage.Prompts;
                budget["samples"] = sampling * stage.Prompts * stage.Samples;
                break;
            default:
                budget["pairs"] = (double)stage.Steps * stage.Prompts;
                break;
        }
        return budget;
    }
}
