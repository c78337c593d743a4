using SelfJudge.Preferences.Judging;
using SelfJudge.Preferences.Randomness;

namespace SelfJudge.Preferences.Tournaments;

/// <summary>Two completions that meet, by index.</summary>
public readonly record struct Pairing(int First, int Second);

/// <summary>A match that was played.</summary>
/// <param name="Round">From 0.</param>
/// <param name="Winner">The index of the completion that goes on; the first of the two in a tie.</param>
public sealed record Match(int Round, int First, int Second, int Winner, Verdict Verdict)
{
    public int Loser => Winner == First ? Second : First;
}

/// <summary>
/// A single-elimination bracket (section 3.3): N − 1 matches in ⌈log₂ N⌉ rounds. The order of entry is shuffled by a
/// seed; where a round has an odd count its last entrant goes on without a match. Value semantics: playing a round
/// returns a new bracket.
/// </summary>
/// <param name="Standing">Completions still in, in bracket order.</param>
/// <param name="Matches">What was played so far, in order.</param>
public sealed record Bracket(IReadOnlyList<int> Seeding, IReadOnlyList<int> Standing, IReadOnlyList<Match> Matches, int Round)
{
    /// <summary>What shuffled the order of entry.</summary>
    public ulong Seed { get; init; }

    /// <summary>
    /// Pairs that no round put together, judged after the last one for the sake of preferences
    /// (<see cref="TripletSelection.Unjudged"/>). They change nothing of who won.
    /// </summary>
    public IReadOnlyList<Match> Further { get; init; } = [];

    /// <summary>A bracket of <paramref name="entrants"/> completions before its first round.</summary>
    public static Bracket Of(int entrants, ulong seed)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(entrants, 1);
        var order = CounterRandom.Permutation(entrants, seed);
        return new Bracket(order, order, [], 0) { Seed = seed };
    }

    public bool IsDecided => Standing.Count == 1;

    /// <summary>The winner of the whole bracket.</summary>
    /// <exception cref="InvalidOperationException">Rounds are left to play.</exception>
    public int Champion => IsDecided ? Standing[0] : throw new InvalidOperationException($"{Standing.Count} completions are still in");

    /// <summary>The matches of the next round, which can all be judged at once.</summary>
    public IReadOnlyList<Pairing> NextRound =>
        [.. Enumerable.Range(0, Standing.Count / 2).Select(i => new Pairing(Standing[2 * i], Standing[2 * i + 1]))];

    /// <summary>The bracket after a round, given its verdicts in the order of <see cref="NextRound"/>. A tie sends the first on.</summary>
    public Bracket Play(IReadOnlyList<Verdict> verdicts)
    {
        var pairings = NextRound;
        if (verdicts.Count != pairings.Count)
            throw new ArgumentException($"round {Round} has {pairings.Count} matches, but {verdicts.Count} verdicts were given",
                nameof(verdicts));
        var played = Played(pairings, verdicts);
        var standing = played.Select(m => m.Winner).ToList();
        if (Standing.Count % 2 == 1)
            standing.Add(Standing[^1]);
        return this with { Standing = standing, Matches = [.. Matches, .. played], Round = Round + 1 };
    }

    /// <summary>The decided bracket with further pairs judged.</summary>
    public Bracket PlayFurther(IReadOnlyList<Pairing> pairings, IReadOnlyList<Verdict> verdicts)
    {
        if (!IsDecided || verdicts.Count != pairings.Count)
            throw new ArgumentException($"{pairings.Count} pairs beyond a bracket of {Standing.Count} left, {verdicts.Count} verdicts",
                nameof(verdicts));
        return this with { Further = [.. Further, .. Played(pairings, verdicts)] };
    }

    private List<Match> Played(IReadOnlyList<Pairing> pairings, IReadOnlyList<Verdict> verdicts) =>
        [.. pairings.Zip(verdicts, (p, v) => new Match(Round, p.First, p.Second, v.Winner == 2 ? p.Second : p.First, v))];
}
