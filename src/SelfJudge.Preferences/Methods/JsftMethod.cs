namespace SelfJudge.Preferences.Methods;

/// <summary>Section 3.1 of the paper.</summary>
internal static class JsftMethod
{
    public static MethodSpec Spec { get; } = new()
    {
        Method = StageMethod.Jsft,
        Description = "judge-augmented supervised fine-tuning: on chosen responses, and on judgments of pairs in both orders",
        Data = StepData.Examples,
        Loss = MethodLoss.CrossEntropy,
        Keys =
        [
            "policy_examples", "judge_pairs", "rationale", "measure_every",
            "loss_weights", "loss_weights.judge_token", "loss_weights.rationale", "loss_weights.judge_prompt",
        ],
        TeachesJudging = true,
    };
}
