namespace SelfJudge.Preferences.Data;

/// <summary>Rows left out for one reason.</summary>
/// <param name="Places">The first of them, as file:line.</param>
public sealed record SkippedRows(int Count, IReadOnlyList<string> Places);

/// <summary>What became of every row of a data set: read = kept + Σ skipped.</summary>
public sealed class DataReport
{
    private const int PlacesKept = 20;

    private readonly SortedDictionary<string, (int Count, List<string> Places)> _skipped = new(StringComparer.Ordinal);
    private string? _firstMalformed;

    public int Read { get; private set; }
    public int Kept { get; private set; }

    /// <summary>Of the skipped rows, those that could not be understood at all.</summary>
    public int Malformed { get; private set; }

    /// <summary>By reason.</summary>
    public IReadOnlyDictionary<string, SkippedRows> Skipped => _skipped.ToDictionary(s => s.Key, s => new SkippedRows(s.Value.Count, s.Value.Places));

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
        _firstMalformed ??= $"{place}: {problem}";
    }

    /// <exception cref="DataException">More than this share of the rows is malformed.</exception>
    public void Check(double maxMalformed)
    {
        if (Malformed <= maxMalformed * Read)
            return;
        throw new DataException(Malformed == 1 ? _firstMalformed! : $"{_firstMalformed} (the first of {Malformed} malformed rows among {Read}; data.max_malformed allows a share of {maxMalformed})");
    }
}
