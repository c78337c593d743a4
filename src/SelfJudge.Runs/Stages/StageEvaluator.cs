using SelfJudge.Abstractions;
using SelfJudge.Modeling.Hosting;
using SelfJudge.Preferences.Methods;
using SelfJudge.Preferences.Recipes;
using SelfJudge.Runs.Folders;
using SelfJudge.Runs.Judging;

namespace SelfJudge.Runs.Stages;

/// <summary>What compares or rewards a stage's samples: a model on the host, an endpoint, or the oracle, and how it is asked.</summary>
internal sealed record StageEvaluator(string Model, EvaluationKind Kind)
{
    /// <summary>Loads the evaluator that a stage names.</summary>
    /// <param name="initial">The id of the model that the stage starts from, which judges by default.</param>
    public static async Task<StageEvaluator> Open(IModelHost host, ChatJudges chats, string runId, Recipe recipe, RunFolder folder, StageRecipe stage, string initial)
    {
        if (stage.Spec.IsRewarded)
        {
            var model = await RunModels.EnsureNamed(host, runId, recipe, folder, stage.Reward!);
            return new StageEvaluator(model, host.DescriptionOf(model).HasScalarHead ? EvaluationKind.RewardModel : EvaluationKind.JudgeLikelihood);
        }
        var judge = stage.Judge switch
        {
            null => initial,
            StageRecipe.PolicyItself => RunModels.IdOf(runId, stage.Name),
            HostJudge.Oracle => HostJudge.Oracle,
            { } name when recipe.Judge.EndpointOf(name) is { } endpoint => Opened(endpoint),
            { } name => await RunModels.EnsureNamed(host, runId, recipe, folder, name),
        };
        return new StageEvaluator(judge, stage.Spec.Feedback == SampleFeedback.Acceptance ? EvaluationKind.RejectionSampling : EvaluationKind.Tournament);

        string Opened(JudgeEndpoint endpoint)
        {
            var id = $"{runId}/endpoints/{stage.Name}";
            chats.Open(id, endpoint);
            return id;
        }
    }
}
