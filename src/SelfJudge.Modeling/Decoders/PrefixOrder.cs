namespace SelfJudge.Modeling.Decoders;

/// <summary>
/// Sequences in the order of their tokens, in which those that begin alike follow each other: what any two have in
/// common, all between them have too.
/// </summary>
public sealed class PrefixOrder
{
    public PrefixOrder(IReadOnlyList<ReadOnlyMemory<int>> sequences)
    {
        Items = [.. Enumerable.Range(0, sequences.Count)];
        Array.Sort(Items, (a, b) => Compare(sequences[a].Span, sequences[b].Span) is var order and not 0 ? order : a.CompareTo(b));
        Lengths = Array.ConvertAll(Items, i => sequences[i].Length);
        Shared = new int[Items.Length];
        for (var k = 1; k < Items.Length; k++)
            Shared[k] = sequences[Items[k]].Span.CommonPrefixLength(sequences[Items[k - 1]].Span);
        Held = new int[Items.Length];
    }

    private PrefixOrder(PrefixOrder order, int[] held) => (Items, Lengths, Shared, Held) = (order.Items, order.Lengths, order.Shared, held);

    public int Count => Items.Length;

    /// <summary>Which of the given sequences is at each place; of identical ones the earlier is first.</summary>
    public int[] Items { get; }

    /// <summary>Tokens of the sequence at each place.</summary>
    public int[] Lengths { get; }

    /// <summary>With how many tokens of the one before it each begins.</summary>
    public int[] Shared { get; }

    /// <summary>How many of its first tokens each has from a cache.</summary>
    public int[] Held { get; }

    /// <summary>The same order of sequences of which a cache has something.</summary>
    public PrefixOrder With(IReadOnlyList<CachedPrefix> prefixes) => new(this, Array.ConvertAll(Items, i => prefixes[i].Held));

    /// <summary>Tokens to compute of the sequence at a place, by itself or after the one before it.</summary>
    public int Computed(int place, bool alone) => Lengths[place] - (alone ? Held[place] : Math.Max(Held[place], Shared[place]));

    private static int Compare(ReadOnlySpan<int> a, ReadOnlySpan<int> b)
    {
        var common = a.CommonPrefixLength(b);
        return common < a.Length && common < b.Length ? a[common].CompareTo(b[common]) : a.Length.CompareTo(b.Length);
    }
}
