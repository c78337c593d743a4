using SelfJudge.Abstractions;
using SelfJudge.Modeling.Hosting;
using SelfJudge.Preferences.Methods;
using SelfJudge.Preferences.Recipes;
using SelfJudge.Runs.Folders;
using SelfJudge.Runs.Judging;
using SelfJudge.Runs.Models;

namespace SelfJudge.Runs.Stages;

/// <summary>What compares or rewards a stage's samples, and how it is asked.</summary>
/// <param name="Model">Its id, which requests call it by.</param>
internal sealed record StageFeedback(string Model, FeedbackKind Kind)
{
    /// <summary>Makes what a stage names ready.</summary>
    public static async Task<StageFeedback> Open(
        IModelHost host, ChatJudges externals, string runId, Recipe recipe, RunFolder folder, StageRecipe stage)
    {
        var source = JudgeCatalog.Of(recipe.JudgeOf(stage), runId, recipe, folder, policy: RunModels.IdOf(runId, stage.Name));
        var model = await JudgeCatalog.Open(source, host, externals, recipe);
        return new StageFeedback(model, KindOf(stage, stage.Spec.IsRewarded && host.DescriptionOf(model).HasScalarHead));
    }

    private static FeedbackKind KindOf(StageRecipe stage, bool isRewardModel) => stage.Spec.Feedback switch
    {
        SampleFeedback.Reward => isRewardModel ? FeedbackKind.RewardModel : FeedbackKind.JudgeLikelihood,
        SampleFeedback.Acceptance => FeedbackKind.RejectionSampling,
        _ => FeedbackKind.Tournament,
    };
}
