using SelfJudge.Preferences.Randomness;

namespace SelfJudge.Preferences.Data;

/// <summary>Some of the pairs that a run's data holds out.</summary>
public static class HeldOutSample
{
    /// <summary>At most <paramref name="count"/> pairs, drawn by a seed, in their order; all of them where there are no more.</summary>
    public static IReadOnlyList<PreferenceExample> Of(IReadOnlyList<PreferenceExample> pairs, int count, ulong seed) =>
        pairs.Count <= count ? pairs
        : new IndexedList<PreferenceExample>(i => pairs[i], [.. CounterRandom.Permutation(pairs.Count, seed).Take(count).Order()]);
}
