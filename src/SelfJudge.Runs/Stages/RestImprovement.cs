using SelfJudge.Modeling.Learning;
using SelfJudge.Modeling.Learning.Objectives;
using SelfJudge.Preferences.Learning;
using SelfJudge.Preferences.Methods;
using SelfJudge.Preferences.Randomness;
using SelfJudge.Preferences.Recipes;

namespace SelfJudge.Runs.Stages;

/// <summary>
/// The Improve steps of ReST: a function of the gathered samples and the step. The steps are shared among the thresholds in
/// proportion to what is above each, so that an equal number of them goes through each filtered set.
/// </summary>
internal sealed class RestImprovement(Recipe recipe, StageRecipe stage, IReadOnlyList<RewardedResponse> samples)
{
    private readonly IReadOnlyList<int>[] _filtered = [.. stage.Thresholds.Select((q, i) =>
    {
        var above = RewardThreshold.Above([.. samples.Select(s => s.Reward)], q);
        return CounterRandom.Permutation(above.Count, Seeds.Derive(Seeds.Derive(recipe.Seed, $"{stage.Name}/improve"), i))
            .Select(p => above[p]).ToList();
    })];

    /// <summary>The threshold that a step of the stage is under, and its place among that threshold's steps.</summary>
    public static (int Threshold, int Step) PhaseOf(StageRecipe stage, int step)
    {
        var improveSteps = stage.Steps - stage.GrowSteps;
        double total = stage.Thresholds.Sum(q => 1 - q), above = 0;
        var (at, from) = (step - stage.GrowSteps, 0);
        for (var i = 0; ; i++)
        {
            above += 1 - stage.Thresholds[i];
            var to = (int)Math.Round(improveSteps * above / total);
            if (at < to || i == stage.Thresholds.Count - 1)
                return (i, at - from);
            from = to;
        }
    }

    /// <summary>The responses of a step, above its threshold, as they were sampled.</summary>
    public IReadOnlyList<SupervisedExample> Examples(int step)
    {
        var (threshold, at) = PhaseOf(stage, step);
        var order = _filtered[threshold];
        var made = new Dictionary<int, SupervisedExample>();
        return [.. Enumerable.Range(0, stage.PolicyExamples)
            .Select(i => Example(order[(int)(((long)at * stage.PolicyExamples + i) % order.Count)]))];

        SupervisedExample Example(int i) =>
            made.TryGetValue(i, out var known) ? known : made[i] = ExampleBuilder.Sampled(samples[i].Prompt, samples[i].Response);
    }
}
