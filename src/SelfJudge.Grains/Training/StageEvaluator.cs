using SelfJudge.Abstractions;
using SelfJudge.Grains.Replicas;
using SelfJudge.Grains.Runs;
using SelfJudge.Modeling.Hosting;
using SelfJudge.Preferences.Recipes;

namespace SelfJudge.Grains.Training;

/// <summary>What compares or rewards a stage's samples: a model on the host, or the oracle, and how it is asked.</summary>
internal sealed record StageEvaluator(string Model, EvaluationKind Kind)
{
    /// <summary>Loads the evaluator that a stage names.</summary>
    /// <param name="initial">The id of the model that the stage starts from, which judges by default.</param>
    public static async Task<StageEvaluator> Open(IModelHost host, string runId, Recipe recipe, RunFolder folder, StageRecipe stage, string initial)
    {
        if (stage.Method.IsRewarded())
        {
            var model = await RunModels.EnsureNamed(host, runId, recipe, folder, stage.Reward!);
            return new StageEvaluator(model, host.DescriptionOf(model).HasScalarHead ? EvaluationKind.RewardModel : EvaluationKind.JudgeLikelihood);
        }
        var judge = stage.Judge switch
        {
            null => initial,
            "policy" => RunModels.IdOf(runId, stage.Name),
            HostJudge.Oracle => HostJudge.Oracle,
            { } name => await RunModels.EnsureNamed(host, runId, recipe, folder, name),
        };
        return new StageEvaluator(judge, stage.Method == StageMethod.Rso ? EvaluationKind.RejectionSampling : EvaluationKind.Tournament);
    }
}
