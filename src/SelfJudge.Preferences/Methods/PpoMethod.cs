
namespace SelfJudge.Preferences.Methods;

internal static class PpoMethod
{
    public static MethodSpec Spec { get; } = new()
    {
        Method = StageMethod.Ppo,
        Description = "proximal policy optimization: on-policy, with a value head and a penalty on the divergence from the initial policy",
        Data = StepData.Prompts,
        Samples = SampleSource.Policy,
        Feedback = SampleFeedback.Reward,
        Loss = MethodLoss.Ppo,
        Head = MethodHead.Value,
        Keys = ["prompts", "samples", "reward", "ppo", "max_staleness"],
        Updates = stage => stage.Steps * stage.Ppo.InnerEpochs * Math.Ceiling((double)stage.Prompts * stage.Samples / stage.Ppo.MiniBatch),
    };
}
