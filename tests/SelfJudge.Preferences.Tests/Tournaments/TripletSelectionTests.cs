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

    [Theory]
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
