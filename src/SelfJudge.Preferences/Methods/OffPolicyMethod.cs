using SelfJudge.Preferences.Tournaments;

namespace SelfJudge.Preferences.Methods;

/// <summary>Table 4 of the paper.</summary>
internal static class OffPolicyMethod
{
    public static MethodSpec Spec { get; } = new()
    {
        Method = StageMethod.OffPolicy,
        Description = "a preference loss on samples of the initial policy, judged in a bracket, without refresh",
        Data = StepData.Prompts,
        Samples = SampleSource.InitialPolicy,
        Feedback = SampleFeedback.Bracket,
        Loss = MethodLoss.Preference,
        Keys = ["prompts", "samples", "triplets", "prior", "loss", "judge"],
        PairsOfPrompt = stage => TripletSelection.MostOf(stage.Triplets, stage.Samples),
        FurtherPairsOfPrompt = stage => TripletSelection.MostUnjudged(stage.Triplets, stage.Samples),
    };
}
