namespace SelfJudge.Preferences.Methods;

/// <summary>Reinforced self-training (Gulcehre et al. 2023).</summary>
internal static class RestMethod
{
    private const int FewestGrowSteps = 2;

    public static MethodSpec Spec { get; } = new()
    {
        Method = StageMethod.Rest,
        Description = "reinforced self-training: first samples of the initial policy are gathered and rewarded, then it is fine-tuned "
            + "on those above rising quantiles of the reward",
        Data = StepData.Prompts,
        Samples = SampleSource.InitialPolicy,
        Feedback = SampleFeedback.Reward,
        Loss = MethodLoss.CrossEntropy,
        Keys = ["policy_examples", "loss_weights", "prompts", "samples", "reward", "grow_steps", "thresholds"],
        Gathers = true,
        SamplingSteps = stage => stage.GrowSteps,
        Updates = stage => stage.Steps - stage.GrowSteps, // the others gather
        FewestSteps = stage => FewestGrowSteps + stage.Thresholds.Count,
        Checks = Check,
    };

    private static IEnumerable<(bool Holds, string Key, string Otherwise)> Check(StageRecipe stage)
    {
        yield return (stage.GrowSteps > 0 && stage.GrowSteps < stage.Steps, "grow_steps", "must be 1 or more, and fewer than the steps");
        yield return (stage.Thresholds.Count > 0, "thresholds", "name at least one quantile");
        yield return (stage.PolicyExamples > 0, "policy_examples", "must be 1 or more: gathered responses per step");
    }
}
