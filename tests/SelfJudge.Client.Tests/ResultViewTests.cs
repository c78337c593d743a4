using SelfJudge.Preferences.Evaluation;
using SelfJudge.Preferences.Judging;
using SelfJudge.Preferences.Recipes;
using SelfJudge.Preferences.Statistics;

namespace SelfJudge.Client.Tests;

[Collection(Printed.OneConsole.Name)]
public sealed class ResultViewTests : IDisposable
{
    private readonly Printed _printed = new();

    public void Dispose() => _printed.Dispose();

    private static RunResult Result => new()
    {
        RunId = "r",
        Name = "n",
        Seed = 1,
        TotalSeconds = 61.4,
        Stages = [],
        Triplets = new TripletResult(0, 0, 0, 0, 0),
        Recipe = RecipeFile.Render(RunRecipe.Read("smoke", null, [], [], ["evaluation.baseline=start"])),
        Environment = new EnvironmentResult("cpu", 1, "", ""),
    };

    [Fact]
    public void A_run_without_an_evaluation_says_where_everything_is()
    {
        ResultView.Print(Result, "/runs/r", "/runs/r/report.html");
        Assert.Equal(["total 61 s; everything is in /runs/r", "report: /runs/r/report.html"], _printed.Lines);
    }

    [Fact]
    public void Policies_judges_checks_health_and_triplets_are_shown()
    {
        ResultView.Print(Result with
        {
            Policies = [new PolicyResult("start", null, new Dictionary<string, double>(), 0.5, [0.4, 0.6], 7.25, 0.1, 50)],
            EvaluationJudge = new EvaluationJudgeResult("JSFT", "JSFT, the model's own judge", false, 40, 0.9, 0, 0.9, 0.1,
                InconsistentPairs.Tie),
            Judges = [new JudgeResult("JSFT", 0.8, 0.9, 0, 0, 0.99, new Dictionary<string, double> { ["instruction_following"] = 0.7 })],
            JudgeChecks = [new JudgeCheckResult("Self-Judge", "JSFT", 100, 2, 0.8, [0.7, 0.9], 0.95, 0, 0, "too few")],
            Health = [new HealthValue("Self-Judge", "identical", 0.5, "at most 0.333", false),
                new HealthValue("Self-Judge", "ties", 0, "at most 0.333", true)],
            Triplets = new TripletResult(10, 7, 1, 2, 3, 4),
        }, "f", "r");
        Assert.Contains("start 50.0 % 40.0–60.0 7.3 0.100", _printed.Lines);
        Assert.Contains(_printed.Lines, l =>
            l.StartsWith("50 held-out prompts, judged by JSFT, the model's own judge; win rate against ", StringComparison.Ordinal));
        Assert.Contains("inconsistent: on 10.0 % of the 40 pairs judged the two orders disagree; they are ties", _printed.Lines);
        Assert.Contains("judge JSFT: accuracy 0.800 on held-out pairs, swap consistency 0.900; instruction following 0.700",
            _printed.Lines);
        Assert.Contains("Self-Judge learned from JSFT: accuracy 0.800 (0.700–0.900) on 100 held-out pairs before training, swap "
            + "consistency 0.950; warning: too few", _printed.Lines);
        Assert.Single(_printed.Lines, l => l.StartsWith("suspicious: ", StringComparison.Ordinal));
        Assert.Contains("suspicious: Self-Judge, identical: 0.500, where healthy is at most 0.333", _printed.Lines);
        Assert.Contains("triplets: 10 made, 7 trained, 2 identical skipped, 4 inconsistent skipped, 1 stale refused, 3 duplicates dropped",
            _printed.Lines);
    }

    [Fact]
    public void Several_seeds_are_means_with_their_intervals()
    {
        var e = new Estimate(0.5, 0.25, 0.75);
        ResultView.Print(new SeedsResult([3, 4], new Estimate(60, 50, 70), e,
            [new SeedsPolicyResult("JSFT", e, e, new Estimate(7.25, 7, 8), e)]));
        Assert.Contains("JSFT 0.500 0.250–0.750 50.0 % 25.0–75.0 7.3 0.500", _printed.Lines);
        Assert.Contains("means over the seeds 3, 4, with Student's intervals over them", _printed.Lines);
        Assert.Equal(["judge accuracy 0.500 (0.250–0.750)", "seconds per run 60 (50–70)"], _printed.Lines.TakeLast(2));
    }

    [Fact]
    public void A_comparison_says_what_it_came_to_and_what_casts_doubt_on_it()
    {
        var summary = new ComparisonSummary(10, 4, 2, 3, 1, 1, 2, 0.5556, [0.25, 0.75], 0.9, -0.1, 0.95, 1, 0.125);
        ComparisonView.Print(new ComparisonResult(new AnswerStyle("x", 7.25, null, 0.1), new AnswerStyle("y", 8, 12.5, 0), "judge", ["t"],
            "not independent", InconsistentPairs.Tie, summary), "/f");
        Assert.Equal(["A: x", "B: y", "judge: judge, by t", "note: not independent"], _printed.Lines.Take(4));
        Assert.Contains("10 prompts 4 2 3 1 55.6 % 25.0–75.0 0.900 -0.100", _printed.Lines);
        Assert.Contains("A 7.3 – 0.100", _printed.Lines);
        Assert.Contains("B 8.0 12.5 0.000", _printed.Lines);
        Assert.Contains("inconsistent: on 1 pairs, 12.5 % of those judged, the two orders disagree; they are ties", _printed.Lines);
        Assert.Contains("1 of the ties are identical answers", _printed.Lines);
        Assert.Contains("2 answers of the judge name neither A nor B; they are under \"unreadable\" in the file", _printed.Lines);
        Assert.Equal("every prompt with both answers and its verdict is in /f", _printed.Lines[^1]);
    }

    [Fact]
    public void What_nobody_decided_has_no_rate()
    {
        var summary = new ComparisonSummary(2, 0, 0, 0, 0, 2, 0, null, null, null, null, null, 0, null);
        ComparisonView.Print(new ComparisonResult(new AnswerStyle("x", 1, 1, 0), new AnswerStyle("y", 1, 1, 0), "oracle", [], null,
            InconsistentPairs.Mean, summary), "/f");
        Assert.Contains("2 prompts 0 0 0 2 – – – –", _printed.Lines);
        Assert.DoesNotContain(_printed.Lines, l =>
            l.StartsWith("note", StringComparison.Ordinal) || l.StartsWith("inconsistent", StringComparison.Ordinal));
    }
}
