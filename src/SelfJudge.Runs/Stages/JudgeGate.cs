using SelfJudge.Abstractions;
using SelfJudge.Modeling.Hosting;
using SelfJudge.Preferences.Data;
using SelfJudge.Preferences.Judging;
using SelfJudge.Preferences.Methods;
using SelfJudge.Preferences.Randomness;
using SelfJudge.Preferences.Recipes;
using SelfJudge.Preferences.Templates;
using SelfJudge.Runs.Judging;

namespace SelfJudge.Runs.Stages;

/// <summary>What a stage's judge is worth, before anything is learned from it.</summary>
internal static class JudgeGate
{
    /// <summary>Measures what compares or rewards a stage's samples on held-out pairs; null where there are none, or where it is the
    /// oracle.</summary>
    public static async Task<JudgeCheck?> Measure(IModelHost host, ChatJudges chats, StageFeedback feedback, Recipe recipe,
        StageRecipe stage, TrainingData data)
    {
        var pairs = HeldOutSample.Of(data.HeldOutPairs, recipe.Judge.GatePairs, Seeds.Derive(recipe.Seed, "judge gate"));
        if (pairs.Count == 0 || feedback.Model == JudgeSource.Oracle.Id)
            return null;
        var started = host.Time.GetTimestamp();
        var measured = feedback.Kind == FeedbackKind.RewardModel ? await JudgeMetrics.MeasureRewards(host, feedback.Model, pairs)
            : chats.Find(feedback.Model) is { } endpoint ? await JudgeMetrics.Measure(endpoint, pairs)
            : await JudgeMetrics.Measure(host, feedback.Model, pairs, [.. recipe.TemplatesOf(stage).Select(JudgeTemplate.ByName)]);
        // Where it judged none of them, there is no consistency to speak of.
        double Figure(string name) => double.IsNaN(measured.Figures[name]) ? 0 : measured.Figures[name];
        return new JudgeCheck(pairs.Count, Figure("judge/accuracy"), Figure("judge/swap_consistency"), Figure("judge/position_bias"),
            Figure("judge/tie_rate"), host.Time.GetElapsedTime(started).TotalSeconds);
    }

    /// <summary>What is to be said of a stage's judge; null where it is sound.</summary>
    /// <exception cref="JudgeGateException">It is not, and the recipe lets no such judge through.</exception>
    public static string? Verdict(JudgeCheck? check, Recipe recipe, StageRecipe stage)
    {
        if (check?.FindProblem(recipe.Judge.GateSwapConsistency) is not { } problem)
            return null;
        var warning = $"stage {stage.Name} learns from {recipe.JudgeOf(stage).Called}: {problem}";
        var remedy = $"teach it to judge first (jsft, for longer or at a higher rate), or name another "
            + $"{(stage.Spec.IsRewarded ? "reward" : "judge")} in stages.{stage.Name}";
        return recipe.Judge.Gate
            ? throw new JudgeGateException(
            $"{warning}. The run stops here, as judge.gate says: {remedy}; with judge.gate=false it trains all the same")
            : $"{warning}. What it prefers may teach nothing: {remedy}";
    }
}

/// <summary>A stage's judge knows too little for the recipe's <c>judge.gate</c>.</summary>
public sealed class JudgeGateException(string message) : Exception(message);
