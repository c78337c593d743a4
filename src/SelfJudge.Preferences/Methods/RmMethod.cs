namespace SelfJudge.Preferences.Methods;

internal static class RmMethod
{
    public static MethodSpec Spec { get; } = new()
    {
        Method = StageMethod.Rm,
        Description = "a reward model: a scalar head, trained by the Bradley-Terry loss on the static pairs",
        Data = StepData.Pairs,
        Loss = MethodLoss.BradleyTerry,
        Head = MethodHead.Reward,
        Keys = ["prompts"],
    };
}
