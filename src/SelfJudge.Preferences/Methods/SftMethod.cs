namespace SelfJudge.Preferences.Methods;

internal static class SftMethod
{
    public static MethodSpec Spec { get; } = new()
    {
        Method = StageMethod.Sft,
        Description = "supervised fine-tuning on chosen responses",
        Data = StepData.Examples,
        Loss = MethodLoss.CrossEntropy,
        Keys = ["policy_examples", "loss_weights"],
        IsMeasured = false,
    };
}
