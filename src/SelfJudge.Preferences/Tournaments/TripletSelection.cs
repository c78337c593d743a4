using SelfJudge.Preferences.Randomness;

namespace SelfJudge.Preferences.Tournaments;

/// <summary>Which pairs of a played bracket become preference triplets; docs/method.md says why one would choose which.</summary>
public enum TripletPattern
{
    /// <summary>The final only: the paper's choice.</summary>
    Final,

    /// <summary>Every match.</summary>
    AllMatches,

    /// <summary>The champion against everyone it beat.</summary>
    ChampionAgainstLosers,

    /// <summary>The champion against one of those who lost in the first round, drawn at random.</summary>
    FirstLoser,

    /// <summary>The champion against everyone who lost in the first round.</summary>
    AllFirstLosers,
}

/// <summary>One preference that a bracket yields.</summary>
/// <param name="Match">
/// Its place among the bracket's matches and, after them, the further ones: what makes it unique within a prompt.
/// </param>
public readonly record struct Preference(int Match, int Chosen, int Rejected);

/// <summary>From a played bracket to its preferences.</summary>
public static class TripletSelection
{
    /// <summary>The preferences that a bracket of so many completions yields at most.</summary>
    public static int MostOf(TripletPattern pattern, int completions) => pattern switch
    {
        TripletPattern.Final or TripletPattern.FirstLoser => 1,
        TripletPattern.AllMatches => completions - 1,
        TripletPattern.AllFirstLosers => completions / 2,
        _ => (int)Math.Ceiling(Math.Log2(completions)),
    };

    /// <summary>The pairs that are judged beyond the matches of a bracket of so many completions, at most.</summary>
    public static int MostUnjudged(TripletPattern pattern, int completions)
    {
        // Where the count is even the champion beat one of them itself, where it is odd it may have had the bye.
        var all = (completions + 1) / 2 - 1;
        return pattern switch
        {
            TripletPattern.FirstLoser => Math.Min(1, all),
            TripletPattern.AllFirstLosers => all,
            _ => 0,
        };
    }

    /// <summary>
    /// The pairs, champion first, that a pattern takes and no match of the decided bracket has judged:
    /// <see cref="Bracket.PlayFurther"/> takes their verdicts.
    /// </summary>
    public static IReadOnlyList<Pairing> Unjudged(Bracket bracket, TripletPattern pattern) =>
        [.. FirstLosers(bracket, pattern).Where(l => MatchOf(bracket, l) is null).Select(l => new Pairing(bracket.Champion, l))];

    /// <summary>
    /// The preferences of a decided bracket. A match without a winner (an exact tie, or two identical completions) yields
    /// none. A first-round loser that is preferred to the champion yields none either: the verdicts go round in a circle.
    /// </summary>
    /// <param name="requireAgreement">Matches whose two orders disagree yield none either.</param>
    /// <returns>The preferences, and how many matches yield none because their orders disagree.</returns>
    /// <exception cref="ArgumentException">What <see cref="Unjudged"/> names has not been judged.</exception>
    public static (IReadOnlyList<Preference> Preferences, int Inconsistent) From(
        Bracket bracket, TripletPattern pattern, bool requireAgreement = false)
    {
        var chosen = Chosen(bracket, pattern).ToList();
        var inconsistent = requireAgreement ? chosen.RemoveAll(m => !m.Match.Verdict.OrdersAgree) : 0;
        return ([.. chosen.Where(m => m.Match.Verdict.Winner != 0).Select(m => new Preference(m.Index, m.Match.Winner, m.Match.Loser))
            .Where(p => pattern is not (TripletPattern.FirstLoser or TripletPattern.AllFirstLosers) || p.Chosen == bracket.Champion)],
                inconsistent);
    }

    private static IEnumerable<(int Index, Match Match)> Chosen(Bracket bracket, TripletPattern pattern) => pattern switch
    {
        TripletPattern.Final => bracket.Matches.Index().TakeLast(1),
        TripletPattern.AllMatches => bracket.Matches.Index(),
        TripletPattern.ChampionAgainstLosers => bracket.Matches.Index().Where(m => m.Item.Winner == bracket.Champion),
        _ => FirstLosers(bracket, pattern).Select(l => MatchOf(bracket, l)
            ?? throw new ArgumentException($"champion {bracket.Champion} and {l}, a loser of the first round, have not been judged",
                nameof(bracket))),
    };

    // Who left by a tie did not lose.
    private static List<int> FirstLosers(Bracket bracket, TripletPattern pattern)
    {
        if (pattern is not (TripletPattern.FirstLoser or TripletPattern.AllFirstLosers))
            return [];
        var losers = bracket.Matches.Where(m => m is { Round: 0, Verdict.Winner: not 0 }).Select(m => m.Loser).ToList();
        return pattern == TripletPattern.AllFirstLosers || losers.Count == 0 ? losers
            : [losers[CounterRandom.Permutation(losers.Count, Seeds.Derive(bracket.Seed, "first loser"))[0]]];
    }

    private static (int Index, Match Match)? MatchOf(Bracket bracket, int loser)
    {
        foreach (var (i, match) in bracket.Matches.Concat(bracket.Further).Index())
            if (match.First == bracket.Champion && match.Second == loser || match.First == loser && match.Second == bracket.Champion)
                return (i, match);
        return null;
    }
}
