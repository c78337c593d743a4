using SelfJudge.Preferences.Evaluation;
using SelfJudge.Preferences.Methods;
using SelfJudge.Preferences.Recipes;
using SelfJudge.Runs.Logs;
using SelfJudge.Runs.Reporting;

namespace SelfJudge.Runs.Tests.Reporting;

public sealed class RunHealthTests
{
    private static readonly Recipe Recipe = new()
    {
        Stages = [new StageRecipe { Name = "JSFT", Method = StageMethod.Jsft },
            new StageRecipe { Name = "Self-Judge", Method = StageMethod.SelfJudge }],
    };

    [Fact]
    public void A_sound_run_is_healthy_figure_by_figure()
    {
        // Eight steps: the first quarter is steps 1 and 2, the last is 7 and 8.
        var health = RunHealth.Of(Recipe, [Check(0.9, [0.85, 0.93], 0.88)], Rows(step => new()
        {
            [step <= 6 ? "loss" : "step_time"] = 0.5,
            ["judge/swap_consistency"] = 0.9,
            ["completions/identical_ratio"] = 0.05 * step,
            ["rewards/margins"] = 0.1 * step,
            ["logps/chosen"] = -20 - step,
            ["objective/entropy"] = 1.0 - 0.05 * step,
        }));
        Assert.Equal(
        [
            ("judge accuracy before training, lower end of its 95 % interval", 0.85, "above 0.5", true),
            ("judge swap consistency before training", 0.88, "at least 0.6", true),
            ("swap consistency of verdicts at the end", 0.9, "at least 0.6", true),
            ("identical samples at the end, share of pairs", 0.375, "at most 0.333", false),
            ("steps that had a pair to learn from, share", 0.75, "at least 0.5", true), // 6 of 8
            ("reward margin, chosen − rejected, rise", 0.6, "above 0", true), // 0.75 − 0.15
            ("log-probability of chosen responses, fall as a share of it", 0.2791, "at most 0.25", false), // (27.5 − 21.5) / 21.5
            ("entropy of the policy, share of what it was that is left", 0.6757, "at least 0.5", true), // 0.625 / 0.925
        ], health.Select(h => (h.Measure, Math.Round(h.Value, 4), h.Healthy, h.IsHealthy)));
        Assert.All(health, h => Assert.Equal("Self-Judge", h.Stage)); // who samples nothing has no such figures
    }

    [Fact]
    public void A_drifted_run_is_suspicious_wherever_it_is()
    {
        var health = RunHealth.Of(Recipe, [Check(0.52, [0.45, 0.59], 0.04)], Rows(step => new()
        {
            ["judge/swap_consistency"] = 0.6 - 0.02 * step,
            ["completions/identical_ratio"] = 0.5,
            ["rewards/margins"] = -0.1 * step,
            ["logps/chosen"] = -20 * step,
            ["objective/entropy"] = 1.0 / step,
        }));
        Assert.Equal(8, health.Count);
        Assert.All(health, h => Assert.False(h.IsHealthy, h.Measure));
    }

    [Fact]
    public void Three_steps_have_no_trend_and_a_figure_that_was_not_logged_is_not_judged() =>
        Assert.Equal(["identical samples at the end, share of pairs", "steps that had a pair to learn from, share"],
            RunHealth.Of(Recipe, [], Rows(_ => new() { ["completions/identical_ratio"] = 0.1, ["rewards/margins"] = -1 }, steps: 3))
                .Select(h => h.Measure));

    [Theory]
    [InlineData(0, 0.0, false)] // every comparison skipped: the stage has learned nothing
    [InlineData(3, 0.375, false)]
    [InlineData(4, 0.5, true)]
    public void Steps_without_a_pair_to_learn_from_are_counted(int learned, double share, bool isHealthy) =>
        Assert.Equal((share, isHealthy), RunHealth.Of(Recipe, [], Rows(step => new() { [step <= learned ? "loss" : "step_time"] = 1 }))
            .Where(h => h.Measure == "steps that had a pair to learn from, share").Select(h => (h.Value, h.IsHealthy)).Single());

    [Fact]
    public void The_threshold_of_swap_consistency_is_the_recipes() =>
        Assert.Equal(("at least 0.95", false), RunHealth.Of(Recipe with { Judge = new JudgeRecipe { GateSwapConsistency = 0.95 } },
            [Check(0.9, [0.85, 0.93], 0.9)], [])
            .Where(h => h.Measure == "judge swap consistency before training").Select(h => (h.Healthy, h.IsHealthy)).Single());

    private static JudgeCheckResult Check(double accuracy, IReadOnlyList<double> interval, double consistency) =>
        new("Self-Judge", "JSFT", 200, 0.5, accuracy, interval, consistency, 0, 0, null);

    private static List<MetricsRow> Rows(Func<int, Dictionary<string, double>> figures, int steps = 8) =>
        [new MetricsRow(1, "JSFT", 1, new Dictionary<string, double> { ["loss"] = 1 }),
            .. Enumerable.Range(1, steps).Select(step => new MetricsRow(1 + step, "Self-Judge", step, figures(step)))];
}
