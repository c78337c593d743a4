using SelfJudge.Modeling.Decoders;
using SelfJudge.Modeling.Hosting;
using SelfJudge.Modeling.Learning;
using SelfJudge.Preferences.Methods;
using SelfJudge.Preferences.Randomness;
using SelfJudge.Preferences.Recipes;
using SelfJudge.Runs.Models;

namespace SelfJudge.Runs.Stages;

/// <summary>What a recipe's stage has a host train.</summary>
internal static class StageSpec
{
    /// <summary>What a stage has a host train, from the model <paramref name="initial"/>.</summary>
    public static TrainingSpec Of(string runId, Recipe recipe, StageRecipe stage, string initial) =>
        new(RunModels.IdOf(runId, stage.Name), initial, stage.HasReference ? initial : null, ToLora(stage.Adapter),
            Seeds.Derive(recipe.Seed, $"{stage.Name}/adapter"), ToOptions(stage.Optimizer))
        { Head = HeadOf(stage.Spec) };

    /// <summary>The shape of an adapter; null where there is none.</summary>
    public static LoraConfig? ToLora(AdapterRecipe? adapter) => adapter is { } a ? new LoraConfig(a.R, a.Alpha, a.Targets) : null;

    private static ScalarHead HeadOf(MethodSpec method) => method.Head switch
    {
        MethodHead.Reward => ScalarHead.Reward,
        MethodHead.Value => ScalarHead.Value,
        _ => ScalarHead.None,
    };

    private static OptimizerOptions ToOptions(OptimizerRecipe o) =>
        new(o.Beta1, o.Beta2, 1e-8, o.WeightDecay, o.ClipNorm, o.MaxTokensPerBatch, o.GradientCheckpointing);
}
