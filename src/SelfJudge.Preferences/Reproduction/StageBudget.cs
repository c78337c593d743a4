using SelfJudge.Preferences.Recipes;

namespace SelfJudge.Preferences.Reproduction;

/// <summary>What a stage is given, in all its steps.</summary>
public static class StageBudget
{
    /// <summary>Optimizer steps, and whatever of static answers, judged pairs, static pairs, prompts and samples it uses.</summary>
    public static IReadOnlyDictionary<string, double> Of(StageRecipe stage)
    {
        var budget = new Dictionary<string, double> { ["optimizer_steps"] = OptimizerSteps(stage) };
        var sampling = stage.Method == StageMethod.Rest ? stage.GrowSteps : stage.Steps;
        if (stage.Method is StageMethod.Sft or StageMethod.Jsft)
        {
            budget["policy_examples"] = (double)stage.Steps * stage.PolicyExamples;
            budget["judged_pairs"] = (double)stage.Steps * stage.JudgePairs * (stage.JudgeTemplates?.Count ?? 1);
        }
        else if (stage.Method.IsRollout())
        {
            budget["prompts"] = (double)sampling * stage.Prompts;
            budget["samples"] = (double)sampling * stage.Prompts * stage.Samples;
        }
        else
            budget["pairs"] = (double)stage.Steps * stage.Prompts;
        return budget;
    }

    private static double OptimizerSteps(StageRecipe stage) => stage.Method switch
    {
        StageMethod.Rest => stage.Steps - stage.GrowSteps, // the others gather
        StageMethod.Ppo => stage.Steps * stage.Ppo.InnerEpochs * Math.Ceiling((double)stage.Prompts * stage.Samples / stage.Ppo.MiniBatch),
        _ => stage.Steps,
    };
}
