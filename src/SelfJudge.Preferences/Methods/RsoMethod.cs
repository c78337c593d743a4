namespace SelfJudge.Preferences.Methods;

/// <summary>Statistical rejection sampling (Liu et al. 2023).</summary>
internal static class RsoMethod
{
    public static MethodSpec Spec { get; } = new()
    {
        Method = StageMethod.Rso,
        Description = "statistical rejection sampling: of samples of the initial policy, scored by the judge against one of them, "
            + "the accepted one is preferred to one that was not",
        Data = StepData.Prompts,
        Samples = SampleSource.InitialPolicy,
        Feedback = SampleFeedback.Acceptance,
        Loss = MethodLoss.Preference,
        Keys = ["prompts", "samples", "loss", "judge", "acceptance_beta"],
        PairsOfPrompt = _ => 1,
    };
}
