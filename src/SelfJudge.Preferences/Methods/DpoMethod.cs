namespace SelfJudge.Preferences.Methods;

internal static class DpoMethod
{
    public static MethodSpec Spec { get; } = new()
    {
        Method = StageMethod.Dpo,
        Description = "a preference loss on the static pairs: offline",
        Data = StepData.Pairs,
        Loss = MethodLoss.Preference,
        Keys = ["prompts", "loss"],
    };
}
