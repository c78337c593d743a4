using SelfJudge.Preferences.Tournaments;

namespace SelfJudge.Preferences.Methods;

/// <summary>Section 3.2 of the paper.</summary>
internal static class SelfJudgeMethod
{
    public static MethodSpec Spec { get; } = new()
    {
        Method = StageMethod.SelfJudge,
        Description = "self-training by on-policy judgment: a preference loss on the policy's own samples, judged in a bracket",
        Data = StepData.Prompts,
        Samples = SampleSource.Policy,
        Feedback = SampleFeedback.Bracket,
        Loss = MethodLoss.Preference,
        Keys = ["prompts", "samples", "triplets", "prior", "loss", "judge", "max_staleness"],
        PairsOfPrompt = stage => TripletSelection.MostOf(stage.Triplets, stage.Samples),
        FurtherPairsOfPrompt = stage => TripletSelection.MostUnjudged(stage.Triplets, stage.Samples),
    };
}
