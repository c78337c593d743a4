namespace SelfJudge.Preferences.Methods;

/// <summary>Dong et al. 2023.</summary>
internal static class RaftMethod
{
    public static MethodSpec Spec { get; } = new()
    {
        Method = StageMethod.Raft,
        Description = "reward-ranked fine-tuning: on the best rewarded of several samples of the initial policy",
        Data = StepData.Prompts,
        Samples = SampleSource.InitialPolicy,
        Feedback = SampleFeedback.Reward,
        Loss = MethodLoss.CrossEntropy,
        Keys = ["loss_weights", "prompts", "samples", "reward"],
    };
}
