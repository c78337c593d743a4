using CsCheck;
using SelfJudge.Preferences.Judging;
using SelfJudge.Preferences.Tournaments;

namespace SelfJudge.Preferences.Tests.Tournaments;

public sealed class TripletSelectionTests
{
    [Theory]
    [InlineData(TripletPattern.Final, 1)]
    [InlineData(TripletPattern.AllMatches, 4)]
    [InlineData(TripletPattern.ChampionAgainstLosers, 3)] // of three rounds
    public void Five_completions_yield_so_many_preferences_at_most(TripletPattern pattern, int most) =>
        Assert.Equal(most, TripletSelection.MostOf(pattern, 5));

    [Fact]
    public void The_final_pattern_takes_the_last_match()
    {
        var bracket = BracketTests.PlayOut(Bracket.Of(4, 7), [1, 2, 3, 4]);
        var preference = Assert.Single(TripletSelection.From(bracket, TripletPattern.Final).Preferences);
        Assert.Equal(2, preference.Match);
        Assert.Equal(3, preference.Chosen);
        Assert.Equal(bracket.Matches[2].Loser, preference.Rejected);
    }

    [Fact]
    public void All_matches_of_a_bracket_of_four_are_three_preferences()
    {
        var bracket = BracketTests.PlayOut(Bracket.Of(4, 7), [1, 2, 3, 4]);
        var preferences = TripletSelection.From(bracket, TripletPattern.AllMatches).Preferences;
        Assert.Equal([0, 1, 2], preferences.Select(p => p.Match));
        Assert.All(preferences, p => Assert.True(p.Chosen > p.Rejected));
    }

    [Fact]
    public void The_champion_pattern_takes_the_matches_that_the_champion_won()
    {
        var bracket = BracketTests.PlayOut(Bracket.Of(8, 7), [1, 2, 3, 4, 5, 6, 7, 8]);
        var preferences = TripletSelection.From(bracket, TripletPattern.ChampionAgainstLosers).Preferences;
        Assert.Equal(3, preferences.Count);
        Assert.All(preferences, p => Assert.Equal(7, p.Chosen));
    }

    [Fact]
    public void The_champion_meets_one_loser_of_the_first_round_whom_the_seed_draws()
    {
        var drawn = new int[8];
        for (var seed = 0UL; seed < 4000; seed++)
        {
            var bracket = BracketTests.PlayOut(Bracket.Of(8, seed), [1, 2, 3, 4, 5, 6, 7, 8]);
            var firstLosers = bracket.Matches.Where(m => m.Round == 0).Select(m => m.Loser).ToList();
            var further = TripletSelection.Unjudged(bracket, TripletPattern.FirstLoser);
            Assert.Equal(further, TripletSelection.Unjudged(bracket, TripletPattern.FirstLoser));
            bracket = bracket.PlayFurther(further, [.. further.Select(_ => BracketTests.FirstWins)]);
            var preference = Assert.Single(TripletSelection.From(bracket, TripletPattern.FirstLoser).Preferences);
            Assert.Equal(7, preference.Chosen);
            drawn[firstLosers.IndexOf(preference.Rejected)]++;
            // Whom the champion itself put out it has met already; any other pair is judged now, and its place is after the bracket's.
            var ownVictim = bracket.Matches.Single(m => m.Round == 0 && m.Winner == 7);
            Assert.Equal(ownVictim.Loser == preference.Rejected ? [] : new[] { new Pairing(7, preference.Rejected) }, further);
            Assert.Equal(further.Count == 0 ? bracket.Matches.ToList().IndexOf(ownVictim) : 7, preference.Match);
        }
        Assert.All(drawn[..4], n => Assert.InRange(n, 835, 1165)); // six standard deviations around a quarter
    }

    [Fact]
    public void The_champion_meets_all_losers_of_the_first_round_and_nobody_twice()
    {
        var bracket = BracketTests.PlayOut(Bracket.Of(8, 7), [1, 2, 3, 4, 5, 6, 7, 8]);
        var further = TripletSelection.Unjudged(bracket, TripletPattern.AllFirstLosers);
        Assert.Equal(3, further.Count);
        bracket = bracket.PlayFurther(further, [.. further.Select(_ => BracketTests.FirstWins)]);
        var preferences = TripletSelection.From(bracket, TripletPattern.AllFirstLosers).Preferences;
        Assert.Equal(bracket.Matches.Where(m => m.Round == 0).Select(m => m.Loser).Order(), preferences.Select(p => p.Rejected).Order());
        Assert.All(preferences, p => Assert.Equal(7, p.Chosen));
        Assert.Equal(4, preferences.Select(p => p.Match).Distinct().Count());
        // The patterns of the bracket's own matches know nothing of further ones.
        Assert.Equal(7, TripletSelection.From(bracket, TripletPattern.AllMatches).Preferences.Count);
        Assert.Equal(6, Assert.Single(TripletSelection.From(bracket, TripletPattern.Final).Preferences).Match);
    }

    [Fact]
    public void Verdicts_that_go_round_in_a_circle_make_no_preference()
    {
        var bracket = BracketTests.PlayOut(Bracket.Of(8, 7), [1, 2, 3, 4, 5, 6, 7, 8]);
        var further = TripletSelection.Unjudged(bracket, TripletPattern.AllFirstLosers);
        bracket = bracket.PlayFurther(further, [BracketTests.SecondWins, Verdict.Identical, BracketTests.FirstWins]);
        var preferences = TripletSelection.From(bracket, TripletPattern.AllFirstLosers).Preferences;
        Assert.DoesNotContain(preferences, p =>
            p.Rejected == further[0].Second || p.Chosen == further[0].Second || p.Rejected == further[1].Second);
        Assert.Equal(2, preferences.Count);
        Assert.Equal(7, bracket.Champion);
    }

    [Fact]
    public void Who_leaves_the_first_round_by_a_tie_has_not_lost_it()
    {
        var bracket = Bracket.Of(4, 7);
        var pairs = bracket.NextRound;
        bracket = bracket.Play([Verdict.Identical, BracketTests.FirstWins]).Play([BracketTests.FirstWins]);
        // The second pair's loser is the only one, and the champion of the first pair has not met it.
        Assert.Equal([new Pairing(pairs[0].First, pairs[1].Second)], TripletSelection.Unjudged(bracket, TripletPattern.AllFirstLosers));
        Assert.Equal([new Pairing(pairs[0].First, pairs[1].Second)], TripletSelection.Unjudged(bracket, TripletPattern.FirstLoser));
    }

    [Fact]
    public void Two_completions_are_one_match_whatever_the_pattern()
    {
        var bracket = Bracket.Of(2, 1).Play([BracketTests.SecondWins]);
        var expected = new Preference(0, bracket.Seeding[1], bracket.Seeding[0]);
        foreach (var pattern in Enum.GetValues<TripletPattern>())
        {
            Assert.Empty(TripletSelection.Unjudged(bracket, pattern));
            Assert.Equal([expected], TripletSelection.From(bracket, pattern).Preferences);
            Assert.Empty(TripletSelection.From(Bracket.Of(1, 1), pattern).Preferences);
        }
    }

    [Fact]
    public void A_pair_that_was_never_judged_is_no_preference_but_an_error()
    {
        var bracket = BracketTests.PlayOut(Bracket.Of(8, 7), [1, 2, 3, 4, 5, 6, 7, 8]);
        var problem = Assert.Throws<ArgumentException>(() => TripletSelection.From(bracket, TripletPattern.AllFirstLosers));
        Assert.Contains("have not been judged", problem.Message);
    }

    [Fact]
    public void No_pattern_takes_more_pairs_than_it_says() =>
        Gen.Select(Gen.Int[1, 40], Gen.ULong, Gen.Enum<TripletPattern>()).Sample((n, seed, pattern) =>
        {
            var bracket = BracketTests.PlayOut(Bracket.Of(n, seed), [.. Enumerable.Range(0, n)]);
            var further = TripletSelection.Unjudged(bracket, pattern);
            Assert.InRange(further.Count, 0, TripletSelection.MostUnjudged(pattern, n));
            bracket = bracket.PlayFurther(further, [.. further.Select(_ => BracketTests.FirstWins)]);
            Assert.InRange(TripletSelection.From(bracket, pattern).Preferences.Count, n == 1 ? 0 : 1,
                Math.Max(TripletSelection.MostOf(pattern, n), n == 1 ? 0 : 1));
        });

    [Theory]
    [InlineData(TripletPattern.FirstLoser, 1, 2, 0)]
    [InlineData(TripletPattern.FirstLoser, 1, 8, 1)]
    [InlineData(TripletPattern.AllFirstLosers, 4, 8, 3)]
    [InlineData(TripletPattern.AllFirstLosers, 2, 5, 2)]
    [InlineData(TripletPattern.ChampionAgainstLosers, 3, 8, 0)]
    [InlineData(TripletPattern.AllMatches, 7, 8, 0)]
    [InlineData(TripletPattern.Final, 1, 8, 0)]
    public void What_a_pattern_takes_at_most(TripletPattern pattern, int preferences, int completions, int unjudged) =>
        Assert.Equal((preferences, unjudged), (TripletSelection.MostOf(pattern, completions),
            TripletSelection.MostUnjudged(pattern, completions)));

    [Theory]
    [InlineData(TripletPattern.FirstLoser)]
    [InlineData(TripletPattern.AllFirstLosers)]
    [InlineData(TripletPattern.Final)]
    [InlineData(TripletPattern.AllMatches)]
    [InlineData(TripletPattern.ChampionAgainstLosers)]
    public void Identical_responses_and_exact_ties_make_no_preference(TripletPattern pattern)
    {
        var tie = Verdict.Of([new TemplateJudgment(null, new JudgeProbabilities(0.5, 0.5), new JudgeProbabilities(0.5, 0.5))]);
        Assert.Empty(TripletSelection.From(Bracket.Of(2, 1).Play([Verdict.Identical]), pattern).Preferences);
        Assert.Empty(TripletSelection.From(Bracket.Of(2, 1).Play([tie]), pattern).Preferences);
    }

    [Fact]
    public void A_match_whose_orders_disagree_makes_a_preference_unless_agreement_is_required()
    {
        // In both it says A; it is surer of it where the first of the match stands there.
        var saysA = Verdict.Of([new TemplateJudgment(null, new JudgeProbabilities(0.9, 0.1), new JudgeProbabilities(0.8, 0.2))]);
        var bracket = Bracket.Of(4, 7).Play([BracketTests.FirstWins, saysA]).Play([BracketTests.SecondWins]);
        var (all, none) = TripletSelection.From(bracket, TripletPattern.AllMatches);
        Assert.Equal([0, 1, 2], all.Select(p => p.Match));
        Assert.Equal(0, none);
        var (agreed, inconsistent) = TripletSelection.From(bracket, TripletPattern.AllMatches, requireAgreement: true);
        Assert.Equal([0, 2], agreed.Select(p => p.Match));
        Assert.Equal(1, inconsistent);
        // Of the matches that the pattern leaves out nothing is counted.
        Assert.Equal(0, TripletSelection.From(bracket, TripletPattern.Final, requireAgreement: true).Inconsistent);
    }

    [Fact]
    public void Letters_that_disagree_and_identical_responses_are_told_apart()
    {
        // A chat judge's letters have no strength: A twice is an exact tie, and its orders disagree.
        var letters = Verdict.Of([new TemplateJudgment(null, new JudgeProbabilities(1, 0), new JudgeProbabilities(1, 0))]);
        Assert.Equal(1, TripletSelection.From(Bracket.Of(2, 1).Play([letters]), TripletPattern.Final, requireAgreement: true).Inconsistent);
        Assert.Equal(0, TripletSelection.From(Bracket.Of(2, 1).Play([Verdict.Identical]), TripletPattern.Final,
            requireAgreement: true).Inconsistent);
    }
}
