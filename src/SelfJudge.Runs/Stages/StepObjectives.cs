using SelfJudge.Modeling.Learning;
using SelfJudge.Modeling.Learning.Objectives;
using SelfJudge.Preferences.Learning;
using SelfJudge.Preferences.Methods;

namespace SelfJudge.Runs.Stages;

/// <summary>
/// From what a step has to learn from to what it minimises: the one place where methods learn, for training, dry run and plan.
/// </summary>
internal static class StepObjectives
{
    /// <summary>The objective of a step; null where it has nothing to learn from.</summary>
    /// <param name="klCoefficient">What PPO's penalty costs at this step; that of its beginning where null.</param>
    public static Objective? Of(StageRecipe stage, StepMaterial material, double? klCoefficient = null) => stage.Method switch
    {
        StageMethod.Sft or StageMethod.Jsft => CrossEntropy(stage, material.Examples),
        StageMethod.Rest => CrossEntropy(stage, material.Examples), // none while it gathers
        StageMethod.Raft => CrossEntropy(stage, BestOfEach(material.Rewarded)),
        StageMethod.Rm => material.Pairs.Count == 0 ? null : new BradleyTerryObjective(material.Pairs),
        StageMethod.Dpo or StageMethod.OffPolicy or StageMethod.SelfJudge or StageMethod.Rso =>
            material.Pairs.Count == 0 ? null : new PreferenceObjective(material.Pairs, stage.Loss),
        StageMethod.Ppo => material.Rewarded.All(r => r.Count == 0) ? null
            : new PpoObjective([.. material.Rewarded.SelectMany(r => r)], stage.Ppo, klCoefficient ?? stage.Ppo.InitialKl),
        _ => throw new ArgumentException($"method {stage.Spec.Name} has no objective"),
    };

    private static SupervisedObjective? CrossEntropy(StageRecipe stage, IReadOnlyList<SupervisedExample> examples) =>
        examples.Count == 0 ? null : new SupervisedObjective(examples, stage.LossWeights);

    private static IReadOnlyList<SupervisedExample> BestOfEach(IReadOnlyList<IReadOnlyList<RewardedResponse>> rewarded) =>
        [.. from samples in rewarded
            where samples.Count > 0
            let best = samples.MaxBy(s => s.Reward)!
            select ExampleBuilder.Sampled(best.Prompt, best.Response)];
}
