
namespace SelfJudge.Preferences.Data;

/// <summary>Rows left out for one reason.</summary>
/// <param name="Places">The first of them, as file:line.</param>
public sealed record SkippedRows(int Count, IReadOnlyList<string> Places);

/// <summary>What became of every row of a data set: read = kept + Σ skipped.</summary>
public sealed class DataReport
{
    private const int PlacesKept = 20, ProblemsKept = 20, ProblemsOfAKind = 5;

    // So many malformed rows, more than half of all, are not made up for by what follows.
    private const int Hopeless = 1000;

    // And so many, of which not one in a hundred is well formed, are looked at by nobody.
    private const int NothingElse = 10_000;

    private readonly SortedDictionary<string, (int Count, List<string> Places)> _skipped = new(StringComparer.Ordinal);
    private readonly List<(string Place, string Problem)> _problems = [];

    public int Read { get; private set; }
    public int Kept { get; private set; }

    /// <summary>Of the skipped rows, those that could not be understood at all.</summary>
    public int Malformed { get; private set; }

    /// <summary>By reason.</summary>
    public IReadOnlyDictionary<string, SkippedRows> Skipped =>
        _skipped.ToDictionary(s => s.Key, s => new SkippedRows(s.Value.Count, s.Value.Places));

    /// <summary>Why rows are malformed, as file:line: why; the first of them, and of one reason not more than five.</summary>
    public IReadOnlyList<string> Problems => [.. _problems.Select(p => $"{p.Place}: {p.Problem}")];

    internal void Keep() => (Read, Kept) = (Read + 1, Kept + 1);

    internal void Skip(string reason, string place)
    {
        Read++;
        if (!_skipped.TryGetValue(reason, out var found))
            found = (0, []);
        if (found.Places.Count < PlacesKept)
            found.Places.Add(place);
        _skipped[reason] = (found.Count + 1, found.Places);
    }

    internal void Refuse(string problem, string place)
    {
        Skip("malformed", place);
        Malformed++;
        if (_problems.Count < ProblemsKept && _problems.Count(p => p.Problem == problem) < ProblemsOfAKind)
            _problems.Add((place, problem));
    }

    /// <exception cref="DataException">More than this share of the rows is malformed; the message has a row of each of the first
    /// reasons.</exception>
    public void Check(double maxMalformed)
    {
        if (Malformed > maxMalformed * Read)
            throw Refusal(maxMalformed, "");
    }

    /// <summary>As <see cref="Check"/>, where more rows may follow.</summary>
    /// <exception cref="DataException">So many are malformed that the rest need not be read: one where none may be, or a thousand, and more
    /// than half of all; or ten thousand, and all but one in a hundred.</exception>
    internal void CheckSoFar(double maxMalformed)
    {
        if (Malformed > 0 && maxMalformed == 0 || Malformed >= Hopeless && 2L * Malformed > Read && maxMalformed < 0.5
            || Malformed >= NothingElse && Malformed > 100L * (Read - Malformed))
            throw Refusal(maxMalformed, " read so far, where reading stopped");
    }

    private DataException Refusal(double maxMalformed, string soFar)
    {
        var each = _problems.DistinctBy(p => p.Problem).Take(ProblemsOfAKind).Select(p => $"{p.Place}: {p.Problem}").ToList();
        return new DataException(Malformed == 1 ? each[0]
            : $"{each[0]} (the first of {Malformed} malformed rows among {Read}{soFar}; data.max_malformed allows a share of "
                + $"{maxMalformed})"
                + string.Concat(each.Skip(1).Select(e => $"\nand {e}")));
    }
}
