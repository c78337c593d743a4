using SelfJudge.Preferences.Recipes;

namespace SelfJudge.World.Reproduction;

/// <summary>The settings of a method that are tried on validation prompts: the same for methods of one kind.</summary>
/// <param name="Recipe">The recipe file, without its ending.</param>
/// <param name="Stages">What the settings are put on; the last one's model is measured.</param>
/// <param name="Betas">Of the preference loss; empty for a method without one.</param>
/// <param name="Metric">Gold score of answers, or accuracy as a judge.</param>
public sealed record SettingGrid(string Recipe, IReadOnlyList<string> Stages, IReadOnlyList<double> LearningRates,
    IReadOnlyList<double> Betas, GridMetric Metric = GridMetric.Gold)
{
    private static readonly double[] PreferenceRates = [5e-5, 1e-4, 2e-4, 4e-4, 8e-4], PreferenceBetas = [0.1, 0.3],
        SupervisedRates = [1e-4, 3e-4, 1e-3, 3e-3], PpoRates = [2.5e-5, 5e-5, 1e-4, 2e-4, 4e-4], JudgeRates = [7.5e-4, 1.5e-3, 3e-3, 6e-3];

    /// <summary>
    /// Of every method whose settings were chosen here. Self-Judge by another judge, or by principles, has Self-Judge's, PPO by a
    /// judge's likelihood has PPO's, every JSFT model the rate of the plain one, and the small and large models have the medium one's.
    /// </summary>
    public static IReadOnlyList<SettingGrid> All { get; } =
    [
        new("self-judge", ["Self-Judge"], PreferenceRates, PreferenceBetas),
        new("off-policy", ["Off-policy"], PreferenceRates, PreferenceBetas),
        new("dpo", ["DPO"], PreferenceRates, PreferenceBetas),
        new("dpo-sft", ["DPO from SFT"], PreferenceRates, PreferenceBetas),
        new("rso", ["RSO"], PreferenceRates, PreferenceBetas),
        new("ipo", ["IPO"], PreferenceRates, PreferenceBetas),
        new("slic", ["SLiC"], PreferenceRates, PreferenceBetas),
        new("raft", ["RAFT"], SupervisedRates, []),
        new("rest", ["ReST"], SupervisedRates, []),
        new("ppo", ["PPO"], PpoRates, []),
        // Rounds go three times as far as one stage: their rates are lower ones, and the third round is measured.
        new("iterate", ["Round 1", "Round 2", "Round 3"], [2.5e-5, 5e-5, 1e-4, 2e-4], PreferenceBetas),
        new("rm", ["RM"], SupervisedRates, [], GridMetric.JudgeAccuracy),
        new("judge-only", ["Judge only"], JudgeRates, [], GridMetric.JudgeAccuracy),
        new("jsft", ["JSFT"], JudgeRates, [], GridMetric.JudgeAccuracy),
    ];

    /// <summary>Every setting with the recipe that has it.</summary>
    public IEnumerable<(double LearningRate, double? Beta, Recipe Recipe)> Of(Recipe recipe) =>
        from rate in LearningRates
        from beta in Betas.Count == 0 ? [null] : Betas.Select(b => (double?)b)
        select (rate, beta, recipe with
        {
            Stages = [
            .. recipe.Stages.Select(s => !Stages.Contains(s.Name) ? s
            : s with { LearningRate = rate, Loss = beta is { } b ? s.Loss with { Beta = b } : s.Loss })]
        });

    /// <summary>Whether a recipe's stage has a setting.</summary>
    public bool Has(Recipe recipe, double rate, double? beta) =>
        recipe.Stages.Single(s => s.Name == Stages[^1]) is var stage && stage.LearningRate == rate
            && (beta is null || stage.Loss.Beta == beta);
}

/// <summary>What settings are chosen by.</summary>
public enum GridMetric { Gold, JudgeAccuracy }
