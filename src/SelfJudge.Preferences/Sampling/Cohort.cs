namespace SelfJudge.Preferences.Sampling;

/// <summary>
/// Requests that belong together: a model host waits for all of them and runs them as one batch in the order of their
/// ordinals. With the same members the batch is the same whoever arrives first, which is what makes a run repeat bit
/// for bit; it is also as large as it can be.
/// </summary>
/// <param name="Key">Unique to this batch.</param>
/// <param name="Size">How many requests belong to it.</param>
/// <param name="Ordinal">Of this one, from 0.</param>
public sealed record Cohort(string Key, int Size, int Ordinal)
{
    /// <summary>The same members, for one of the things that they ask.</summary>
    public Cohort For(string what) => this with { Key = $"{Key}/{what}" };
}
