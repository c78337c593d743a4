namespace SelfJudge.Preferences.Tournaments;

/// <summary>Which matches of a bracket become preference triplets.</summary>
public enum TripletPattern
{
    /// <summary>The final only.</summary>
    Final,

    /// <summary>Every match.</summary>
    AllMatches,

    /// <summary>The champion against everyone it beat.</summary>
    ChampionAgainstLosers,
}

/// <summary>One preference that a bracket yields.</summary>
/// <param name="Match">Its place among the bracket's matches: what makes it unique within a prompt.</param>
public readonly record struct Preference(int Match, int Chosen, int Rejected);

/// <summary>Makes preferences of a bracket's matches (section 3.3).</summary>
public static class TripletSelection
{
    /// <summary>The preferences that a bracket of so many completions yields at most.</summary>
    public static int MostOf(TripletPattern pattern, int completions) => pattern switch
    {
        TripletPattern.Final => 1,
        TripletPattern.AllMatches => completions - 1,
        _ => (int)Math.Ceiling(Math.Log2(completions)),
    };

    /// <summary>
    /// The preferences of a decided bracket. A match without a winner (an exact tie, or two identical completions)
    /// yields none.
    /// </summary>
    /// <param name="requireAgreement">Matches whose two orders disagree yield none either.</param>
    /// <returns>The preferences, and how many matches yield none because their orders disagree.</returns>
    public static (IReadOnlyList<Preference> Preferences, int Inconsistent) From(Bracket bracket, TripletPattern pattern,
        bool requireAgreement = false)
    {
        var chosen = bracket.Matches
            .Select((match, index) => (match, index))
            .Where(m => pattern switch
            {
                TripletPattern.Final => m.index == bracket.Matches.Count - 1,
                TripletPattern.AllMatches => true,
                _ => m.match.Winner == bracket.Champion,
            })
            .ToList();
        var inconsistent = requireAgreement ? chosen.RemoveAll(m => !m.match.Verdict.OrdersAgree) : 0;
        return ([.. chosen.Where(m => m.match.Verdict.Winner != 0).Select(m => new Preference(m.index, m.match.Winner, m.match.Loser))],
            inconsistent);
    }
}
