using SelfJudge.Preferences.Judging;

namespace SelfJudge.Preferences.Tests.Judging;

/// <summary>Section 3.1 by hand.</summary>
public sealed class VerdictTests
{
    [Fact]
    public void The_score_of_a_response_is_the_mean_of_the_token_that_names_it_over_both_orders()
    {
        // Order 1: p(A) 0.7, p(B) 0.2. Swapped: p(A) 0.4, p(B) 0.5. Score of the first: (0.7 + 0.5)/2, of the second: (0.2 + 0.4)/2.
        var judgment = Judgment(0.7, 0.2, 0.4, 0.5);
        Assert.Equal(0.6, judgment.ScoreFirst, 12);
        Assert.Equal(0.3, judgment.ScoreSecond, 12);
        Assert.Equal(0.9, judgment.JudgeMass, 12);
        Assert.True(judgment.OrdersAgree);
        Assert.Equal(1, Verdict.Of([judgment]).Winner);
    }

    [Fact]
    public void A_judge_that_always_says_A_disagrees_with_itself_and_decides_by_its_confidence()
    {
        var judgment = Judgment(0.9, 0.1, 0.8, 0.2);
        Assert.False(judgment.OrdersAgree);
        var verdict = Verdict.Of([judgment]);
        Assert.Equal(0.55, verdict.ScoreFirst, 12);
        Assert.Equal(0.45, verdict.ScoreSecond, 12);
        Assert.Equal(1, verdict.Winner);
    }

    [Fact]
    public void A_judge_that_always_says_A_wins_nothing_where_inconsistent_pairs_are_ties()
    {
        var verdict = Verdict.Of([Judgment(0.9, 0.1, 0.8, 0.2)]);
        Assert.False(verdict.OrdersAgree);
        Assert.Equal((0, 0.55), (verdict.Under(InconsistentPairs.Tie).Winner,
            Math.Round(verdict.Under(InconsistentPairs.Tie).ScoreFirst, 12)));
        Assert.False(verdict.Under(InconsistentPairs.Tie).OrdersAgree);
        Assert.Equal(1, verdict.Under(InconsistentPairs.Mean).Winner);
    }

    [Theory]
    // Both orders, then the second alone undecided, then both.
    [InlineData(0.6, 0.4, 0.1, 0.9, 1, true)]
    [InlineData(0.2, 0.3, 0.4, 0.3, 2, true)]
    [InlineData(0.6, 0.4, 0.5, 0.5, 1, false)]
    [InlineData(0.5, 0.5, 0.5, 0.5, 0, true)]
    public void Orders_agree_where_either_alone_gives_the_verdict(double forwardA, double forwardB, double swappedA, double swappedB,
        int winner, bool agree)
    {
        var verdict = Verdict.Of([Judgment(forwardA, forwardB, swappedA, swappedB)]);
        Assert.Equal((winner, agree), (verdict.Winner, verdict.OrdersAgree));
        Assert.Equal(agree ? winner : 0, verdict.Under(InconsistentPairs.Tie).Winner);
    }

    [Fact]
    public void Of_several_templates_each_order_has_its_own_majority()
    {
        // One template prefers the first in both orders; two always say A. With the first as A it wins three to none, swapped one to two.
        var verdict = Verdict.Of([Judgment(0.9, 0.1, 0.1, 0.9), Judgment(0.9, 0.1, 0.8, 0.2), Judgment(0.9, 0.1, 0.8, 0.2)]);
        Assert.Equal((1, false, 0), (verdict.Winner, verdict.OrdersAgree, verdict.Under(InconsistentPairs.Tie).Winner));
        // One of three that always says A changes neither order's majority.
        verdict = Verdict.Of([Judgment(0.9, 0.1, 0.1, 0.9), Judgment(0.9, 0.1, 0.1, 0.9), Judgment(0.9, 0.1, 0.8, 0.2)]);
        Assert.Equal((1, true, 1), (verdict.Winner, verdict.OrdersAgree, verdict.Under(InconsistentPairs.Tie).Winner));
    }

    [Fact]
    public void What_nobody_was_asked_about_is_no_disagreement() =>
        Assert.True(Verdict.Identical.OrdersAgree && new Verdict(1, 1, 0, 0.9, 0.2, []).OrdersAgree);

    [Fact]
    public void An_exact_tie_has_no_winner()
    {
        var verdict = Verdict.Of([Judgment(0.8, 0.2, 0.8, 0.2)]);
        Assert.Equal(0, verdict.Winner);
        Assert.Equal((0, 0), (verdict.VotesFirst, verdict.VotesSecond));
    }

    [Fact]
    public void Of_several_templates_the_majority_of_votes_wins_even_against_the_mean_score()
    {
        // Two templates favour the first narrowly, one the second by far.
        var verdict = Verdict.Of([Judgment(0.51, 0.49, 0.49, 0.51), Judgment(0.51, 0.49, 0.49, 0.51), Judgment(0.0, 1.0, 1.0, 0.0)]);
        Assert.Equal((2, 1), (verdict.VotesFirst, verdict.VotesSecond));
        Assert.True(verdict.ScoreFirst < verdict.ScoreSecond);
        Assert.Equal(1, verdict.Winner);
    }

    [Fact]
    public void Where_votes_are_even_the_mean_score_decides()
    {
        var verdict = Verdict.Of([Judgment(0.6, 0.4, 0.4, 0.6), Judgment(0.1, 0.9, 0.9, 0.1)]);
        Assert.Equal((1, 1), (verdict.VotesFirst, verdict.VotesSecond));
        Assert.Equal(0.35, verdict.ScoreFirst, 12);
        Assert.Equal(0.65, verdict.ScoreSecond, 12);
        Assert.Equal(2, verdict.Winner);
    }

    [Theory]
    // The judge's log-odds are ln(0.6/0.3) = 0.693: less against it leaves the first ahead, more does not.
    [InlineData(0, 1, false)]
    [InlineData(-0.69, 1, false)]
    [InlineData(-0.70, 2, true)]
    [InlineData(5, 1, false)]
    public void A_prior_is_added_to_the_log_odds_of_the_judge(double prior, int winner, bool overruled)
    {
        var alone = Verdict.Of([Judgment(0.7, 0.2, 0.4, 0.5)]);
        var verdict = alone.With(prior);
        Assert.Equal((winner, overruled, prior), (verdict.Winner, verdict.IsOverruled, verdict.Prior));
        Assert.Equal((winner == 1 ? 1 : 0, winner == 2 ? 1 : 0), (verdict.VotesFirst, verdict.VotesSecond));
        // Both terms of the decision stay apart: the scores are the judge's own.
        Assert.Equal((0.6, 0.3, Math.Round(Math.Log(2), 12)),
            (Math.Round(verdict.ScoreFirst, 12), Math.Round(verdict.ScoreSecond, 12), Math.Round(verdict.LogOdds, 12)));
        Assert.Equal(alone, verdict.With(0));
    }

    [Fact]
    public void With_a_prior_each_template_votes_by_its_own_sum()
    {
        // Log-odds ln 4, ln 1.5 and −ln 2: the judge alone says the first by two to one; −0.5 turns the second vote.
        TemplateJudgment[] judgments = [Judgment(0.8, 0.2, 0.2, 0.8), Judgment(0.6, 0.4, 0.4, 0.6), Judgment(0.3, 0.6, 0.6, 0.3)];
        Assert.Equal((1, 2, 1), Of(Verdict.Of(judgments)));
        Assert.Equal((2, 1, 2), Of(Verdict.Of(judgments, -0.5)));
        Assert.Equal((1, 2, 1), Of(Verdict.Of(judgments, -0.4))); // ln 1.5 is 0.405
        // Where the votes are even, that of the mean scores decides: ln(0.7/0.3) = 0.847.
        Assert.Equal((1, 1, 1), Of(Verdict.Of([judgments[0], judgments[1]], -0.8)));
        Assert.Equal((2, 1, 1), Of(Verdict.Of([judgments[0], judgments[1]], -0.9)));

        static (int, int, int) Of(Verdict v) => (v.Winner, v.VotesFirst, v.VotesSecond);
    }

    [Fact]
    public void A_prior_may_make_two_orders_agree_that_did_not_and_the_other_way()
    {
        // It says A both times: log-odds of the first ±1.386 in the orders. Either order alone says what the likelihood says.
        var bias = Verdict.Of([Judgment(0.8, 0.2, 0.8, 0.2)]);
        Assert.Equal((0, false), (bias.Winner, bias.OrdersAgree));
        Assert.Equal((1, true), (bias.With(1.5).Winner, bias.With(1.5).OrdersAgree));
        Assert.Equal((1, false), (bias.With(1.3).Winner, bias.With(1.3).OrdersAgree));
        // Of the judge itself that says nothing.
        Assert.Equal(JudgeHealth.Of([bias]).SwapConsistency, JudgeHealth.Of([bias.With(1.5)]).SwapConsistency);
    }

    [Fact]
    public void Without_judgments_there_is_nothing_to_add_a_prior_to()
    {
        Assert.Same(Verdict.Identical, Verdict.Identical.With(3));
        Assert.False(Verdict.Identical.IsOverruled);
        // A judge that names neither token leaves a tie.
        Assert.Equal(0, Verdict.Of([Judgment(0, 0, 0, 0)]).With(3).Winner);
        Assert.Equal(2, Verdict.Of([Judgment(0, 0.5, 0.5, 0)]).With(300).Winner);
    }

    [Fact]
    public void Identical_responses_are_a_tie_without_judgments()
    {
        Assert.Equal(0, Verdict.Identical.Winner);
        Assert.Empty(Verdict.Identical.Judgments);
    }

    [Fact]
    public void A_verdict_without_judgments_cannot_be_made() => Assert.Throws<ArgumentException>(() => Verdict.Of([]));

    [Fact]
    public void Health_counts_what_the_judgments_show()
    {
        var health = JudgeHealth.Of(
        [
            Verdict.Of([Judgment(0.8, 0.2, 0.2, 0.8)]), // agrees, no bias, all mass on the judge tokens
            Verdict.Of([Judgment(0.6, 0.2, 0.6, 0.2)]), // says A both times, three quarters of 0.8; a tie
            Verdict.Identical,
        ]);
        Assert.Equal(2, health.Judged);
        Assert.Equal(0.5, health.SwapConsistency, 12);
        Assert.Equal(0.125, health.PositionBias, 12); // the mean of 0.5 and 0.75, less one half
        Assert.Equal(0.5, health.TieRate, 12);
        Assert.Equal(0.9, health.JudgeMass, 12);
    }

    /// <summary>Two templates, one vote each; by the mean one response wins, by its worse score it would lose.</summary>
    [Fact]
    public void Even_votes_are_decided_by_the_mean_of_all_templates()
    {
        TemplateJudgment[] narrow = [Judgment(0.9, 0.5, 0.5, 0.9), Judgment(0.1, 0.3, 0.3, 0.1)];
        Assert.Equal(1, Verdict.Of(narrow).Winner); // 0.5 to 0.4, the lowest 0.1 and 0.3
        TemplateJudgment[] turned = [Judgment(0.5, 0.9, 0.9, 0.5), Judgment(0.3, 0.1, 0.1, 0.3)];
        Assert.Equal(2, Verdict.Of(turned).Winner);
    }

    [Fact]
    public void Health_counts_exact_ties_and_takes_a_judge_without_any_mass_for_undecided()
    {
        var health = JudgeHealth.Of([Verdict.Of([Judgment(0, 0, 0, 0)]), Verdict.Of([Judgment(0.7, 0.2, 0.2, 0.7)]),
            Verdict.Of([Judgment(0.7, 0.2, 0.2, 0.7)])]);
        Assert.Equal((1 / 3.0, 0.0), (health.TieRate, Math.Round(health.PositionBias, 12)));
    }

    [Fact]
    public void Health_of_nothing_is_undefined_not_zero() => Assert.True(double.IsNaN(JudgeHealth.Of([Verdict.Identical]).SwapConsistency));

    private static TemplateJudgment Judgment(double forwardA, double forwardB, double swappedA, double swappedB) =>
        new(null, new JudgeProbabilities(forwardA, forwardB), new JudgeProbabilities(swappedA, swappedB));
}
