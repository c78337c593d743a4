using SelfJudge.Abstractions;
using SelfJudge.Modeling.Hosting;
using SelfJudge.Preferences.Data;
using SelfJudge.Preferences.Judging;
using SelfJudge.Preferences.Templates;
using SelfJudge.Runs.Judging;
using SelfJudge.Runs.Stages;
using SelfJudge.Tests.Shared;

namespace SelfJudge.Runs.Tests.Stages;

public sealed class FiguresTests
{
    [Fact]
    public void Rollout_figures_are_those_of_all_samples_together()
    {
        TripletBatch first = TestRuns.Batch("run", 1, 0, version: 4,
            matches: [0]) with
        { Completions = new CompletionSummary(4, 20, 3, 8, 3, 10), Identical = 1 };
        TripletBatch second = TestRuns.Batch("run", 1, 1, version: 6,
            matches: [0]) with
        { Completions = new CompletionSummary(4, 12, 1, 5, 4, 6), Identical = 2, Verdicts = [] };
        var figures = RolloutFigures.Of([first, second], [.. first.Triplets, .. second.Triplets], 6).ToDictionary();
        Assert.Equal(4, figures["completions/mean_length"]);
        Assert.Equal(1, figures["completions/min_length"]);
        Assert.Equal(8, figures["completions/max_length"]);
        Assert.Equal(0.125, figures["completions/clipped_ratio"]);
        Assert.Equal(0.875, figures["val/contain_eos_token"]);
        Assert.Equal(0.75, figures["completions/identical_ratio"]);
        Assert.Equal(0.5, figures["objective/entropy"]);
        Assert.Equal(2, figures["policy/staleness"]);
        Assert.Equal(1, figures["judge/swap_consistency"]);
    }

    [Fact]
    public void The_oracle_agrees_with_a_triplet_whose_chosen_response_it_scores_higher_and_leaves_out_those_it_scores_alike()
    {
        const string prompt = "what is the opposite of hot ?", right = "the opposite of hot is cold .",
            wrong = "the opposite of hot is wet .";
        var template = TestRuns.Batch("run", 1, 0, version: 0, matches: [0]).Triplets[0];
        Triplet Of(string text, string chosen, string rejected) =>
            template with
            {
                Prompt = text,
                Chosen = template.Chosen with { Text = chosen },
                Rejected = template.Rejected with { Text = rejected }
            };
        var figures = RolloutFigures.AsTheOracleSees(
            [Of(prompt, right, wrong), Of(prompt, right, wrong), Of(prompt, wrong, right), Of(prompt, right, right),
            Of("no prompt of the world", right, wrong)]);
        Assert.Equal(2.0 / 3, Assert.Single(figures).Value, 12);
        Assert.Empty(RolloutFigures.AsTheOracleSees([Of(prompt, right, right), Of("no prompt of the world", right, wrong)]));
    }

    [Fact]
    public void Without_samples_there_are_no_rollout_figures() => Assert.Empty(RolloutFigures.Of([], [], 0));

    [Fact]
    public async Task A_judge_is_measured_on_pairs_whose_better_response_is_known()
    {
        var host = new FakeModelHost();
        host.Load("judge");
        IReadOnlyList<Turn> prompt = [new Turn(Role.User, "what is the opposite of hot ?")];
        // The longer wins: right, wrong, undecided, and two alike that are not judged.
        PreferenceExample[] pairs = [new(prompt, "cat cat", "cat"), new(prompt, "cat", "dog dog"), new(prompt, "cat", "dog"),
            new(prompt, "cat", "cat")];
        var (figures, correct) = await JudgeMetrics.Measure(host, "judge", pairs, [JudgeTemplate.World]);
        Assert.Equal([1, 0, 0.5, 0.5], correct);
        Assert.Equal((1 + 0 + 0.5 + 0.5) / 4, figures["judge/accuracy"]);
        Assert.Equal(1.0 / 3, figures["judge/tie_rate"], 12);
        Assert.Equal(1, figures["judge/swap_consistency"]);
        Assert.Equal(0, figures["judge/position_bias"], 12);
        Assert.Equal(0.8, figures["judge/ab_mass"], 12);
        Assert.Equal(6, Assert.Single(host.Judged.Items).Prompts);
    }

    [Fact]
    public async Task Each_principles_template_is_measured_on_its_own_pairs()
    {
        var host = new FakeModelHost();
        host.Load("judge");
        IReadOnlyList<Turn> prompt = [new Turn(Role.User, "what is the opposite of hot ?")];
        IReadOnlyList<PreferenceExample> Pairs(string principle) => principle switch
        {
            "honesty" => [new(prompt, "cat cat", "cat"), new(prompt, "cat", "dog dog"), new(prompt, "cat cat cat", "dog")],
            "truthfulness" => [new(prompt, "cat", "cat cat")],
            _ => [],
        };
        var figures = await JudgeMetrics.MeasureByPrinciple(host, "judge", Pairs,
            [JudgeTemplate.World, .. Enum.GetValues<Principle>().Select(JudgeTemplate.WorldFor)]);
        Assert.Equal(new Dictionary<string, double> { ["judge/accuracy/honesty"] = 2.0 / 3, ["judge/accuracy/truthfulness"] = 0 }, figures);
    }

    [Fact]
    public void Without_verdicts_a_judges_health_is_unknown() =>
        Assert.True(double.IsNaN(JudgeMetrics.Health([Verdict.Identical])["judge/tie_rate"]));

    [Fact]
    public void Host_figures_are_differences_and_shares_of_the_time_between()
    {
        HostTotals before = new(100, 5, 50, 10, 1, 1, 1), after = new(300, 9, 90, 30, 3, 2, 1.5);
        Assert.Equal(200 + 40 + 20, HostFigures.Tokens(before, after));
        var figures = HostFigures.Of(before, after, 4).ToDictionary();
        Assert.Equal(100, figures["rollout/tokens_per_second"]);
        Assert.Equal((0.5, 0.75, 0.875, 0.125),
            (figures["idle_ratio/sampler"], figures["idle_ratio/judge"], figures["idle_ratio/trainer"], figures["idle_ratio/device"]));
    }
}
