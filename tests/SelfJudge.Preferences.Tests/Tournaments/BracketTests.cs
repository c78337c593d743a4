using CsCheck;
using SelfJudge.Preferences.Judging;
using SelfJudge.Preferences.Tournaments;

namespace SelfJudge.Preferences.Tests.Tournaments;

public sealed class BracketTests
{
    private static readonly Gen<int> Entrants = Gen.Int[1, 70];

    [Fact]
    public void Has_one_match_fewer_than_entrants_in_the_fewest_rounds() =>
        Gen.Select(Entrants, Gen.ULong).Sample((n, seed) =>
        {
            var bracket = PlayOut(Bracket.Of(n, seed), strengths: Enumerable.Range(0, n).ToArray());
            Assert.Equal(n - 1, bracket.Matches.Count);
            Assert.Equal((int)Math.Ceiling(Math.Log2(n)), bracket.Round);
        });

    [Fact]
    public void A_strictly_best_answer_wins_under_a_perfect_judge() =>
        Gen.Select(Entrants, Gen.ULong, Gen.Int[0, 69]).Sample((n, seed, best) =>
        {
            best %= n;
            var strengths = Enumerable.Range(0, n).Select(i => i == best ? 100 : i % 7).ToArray();
            Assert.Equal(best, PlayOut(Bracket.Of(n, seed), strengths).Champion);
        });

    [Fact]
    public void Everyone_but_the_champion_loses_exactly_once() =>
        Gen.Select(Entrants, Gen.ULong).Sample((n, seed) =>
        {
            var bracket = PlayOut(Bracket.Of(n, seed), Enumerable.Range(0, n).Select(i => i * 31 % 17).ToArray());
            Assert.Equal(Enumerable.Range(0, n).Where(i => i != bracket.Champion), bracket.Matches.Select(m => m.Loser).Order());
        });

    [Fact]
    public void Seeding_is_a_permutation_that_the_seed_decides() =>
        Gen.Select(Entrants, Gen.ULong).Sample((n, seed) =>
        {
            Assert.Equal(Enumerable.Range(0, n), Bracket.Of(n, seed).Seeding.Order());
            Assert.Equal(Bracket.Of(n, seed).Seeding, Bracket.Of(n, seed).Seeding);
        });

    [Fact]
    public void Different_seeds_give_different_orders() =>
        Assert.NotEqual(Bracket.Of(16, 1).Seeding, Bracket.Of(16, 2).Seeding);

    [Fact]
    public void In_a_round_of_odd_count_the_last_entrant_has_a_bye()
    {
        var bracket = Bracket.Of(5, 3);
        Assert.Equal(2, bracket.NextRound.Count);
        var last = bracket.Standing[^1];
        Assert.DoesNotContain(bracket.NextRound, p => p.First == last || p.Second == last);
        bracket = bracket.Play([FirstWins, FirstWins]);
        Assert.Equal(3, bracket.Standing.Count);
        Assert.Equal(last, bracket.Standing[^1]);
    }

    [Fact]
    public void A_single_entrant_is_the_champion_without_a_match()
    {
        var bracket = Bracket.Of(1, 1);
        Assert.True(bracket.IsDecided);
        Assert.Equal(0, bracket.Champion);
        Assert.Empty(bracket.NextRound);
    }

    [Fact]
    public void A_tie_sends_the_first_of_the_two_on()
    {
        var bracket = Bracket.Of(2, 1);
        var first = bracket.NextRound[0].First;
        Assert.Equal(first, bracket.Play([Verdict.Identical]).Champion);
    }

    [Fact]
    public void Playing_leaves_the_bracket_before_as_it_was()
    {
        var before = Bracket.Of(4, 1);
        before.Play([FirstWins, FirstWins]);
        Assert.Equal(4, before.Standing.Count);
        Assert.Empty(before.Matches);
    }

    [Fact]
    public void A_wrong_number_of_verdicts_is_refused()
    {
        var problem = Assert.Throws<ArgumentException>(() => Bracket.Of(4, 1).Play([FirstWins]));
        Assert.Contains("round 0 has 2 matches, but 1 verdicts were given", problem.Message);
    }

    [Fact]
    public void A_bracket_of_nobody_is_refused() => Assert.Throws<ArgumentOutOfRangeException>(() => Bracket.Of(0, 1));

    [Fact]
    public void Further_pairs_change_nothing_of_who_won()
    {
        var bracket = PlayOut(Bracket.Of(4, 7), [1, 2, 3, 4]);
        var loser = bracket.Matches[0].Loser;
        var after = bracket.PlayFurther([new Pairing(3, loser)], [SecondWins]);
        Assert.Equal((3, bracket.Round, 3), (after.Champion, after.Round, after.Matches.Count));
        Assert.Equal([new Match(2, 3, loser, loser, SecondWins)], after.Further);
        Assert.Empty(bracket.Further);
        Assert.Throws<ArgumentException>(() => bracket.PlayFurther([new Pairing(3, loser)], []));
        Assert.Throws<ArgumentException>(() => Bracket.Of(4, 7).PlayFurther([], []));
    }

    [Fact]
    public void An_undecided_bracket_has_no_champion() => Assert.Throws<InvalidOperationException>(() => Bracket.Of(3, 1).Champion);

    internal static Verdict FirstWins { get; } =
        Verdict.Of([new TemplateJudgment(null, new JudgeProbabilities(0.9, 0.1), new JudgeProbabilities(0.1, 0.9))]);

    internal static Verdict SecondWins { get; } =
        Verdict.Of([new TemplateJudgment(null, new JudgeProbabilities(0.1, 0.9), new JudgeProbabilities(0.9, 0.1))]);

    internal static Bracket PlayOut(Bracket bracket, int[] strengths)
    {
        while (!bracket.IsDecided)
            bracket = bracket.Play([.. bracket.NextRound.Select(p =>
                strengths[p.First] == strengths[p.Second] ? Verdict.Identical : strengths[p.First] > strengths[p.Second] ? FirstWins
                    : SecondWins)]);
        return bracket;
    }
}
