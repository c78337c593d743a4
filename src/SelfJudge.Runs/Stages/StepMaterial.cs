using SelfJudge.Modeling.Learning;
using SelfJudge.Modeling.Learning.Objectives;
using SelfJudge.Preferences.Learning;
using SelfJudge.Preferences.Methods;
using SelfJudge.Preferences.Recipes;

namespace SelfJudge.Runs.Stages;

/// <summary>What a step has to learn from, as its stage's method has it: examples, pairs, or the rewarded samples of each prompt.</summary>
internal sealed record StepMaterial
{
    public IReadOnlyList<SupervisedExample> Examples { get; init; } = [];

    public IReadOnlyList<PreferencePair> Pairs { get; init; } = [];

    /// <summary>By prompt.</summary>
    public IReadOnlyList<IReadOnlyList<RewardedResponse>> Rewarded { get; init; } = [];

    /// <summary>
    /// What a step on prompts learns from at most, were its samples judged: as many pairs as they yield, or all of them,
    /// rewarded alike. Of a stage that gathers it is what a later step learns from.
    /// </summary>
    /// <param name="sampled">The ids of every prompt and of its answers.</param>
    /// <param name="onlyLongest">Whether what is gathered is the longest sample, again and again.</param>
    public static StepMaterial AsIfJudged(
        Recipe recipe, StageRecipe stage, IReadOnlyList<(int[] Prompt, IReadOnlyList<int[]> Answers)> sampled, bool onlyLongest)
    {
        var rewarded = sampled.Select(s => s.Answers.Select(a => new RewardedResponse(s.Prompt, a, 0)).ToList()).ToList();
        IEnumerable<RewardedResponse> gathered = rewarded.SelectMany(r => r);
        if (onlyLongest)
            gathered = [gathered.MaxBy(r => r.Prompt.Length + r.Response.Length)!];
        return new StepMaterial
        {
            Pairs = [.. from s in sampled
                        from i in Enumerable.Range(0, stage.Spec.PairsOfPrompt(stage))
                        select new PreferencePair(s.Prompt, s.Answers[i], s.Answers[i + 1])],
            Rewarded = rewarded,
            Examples = stage.Spec.Gathers ? new RestImprovement(recipe, stage, [.. gathered]).Examples(stage.GrowSteps) : [],
        };
    }
}
