namespace SelfJudge.Modeling.Decoders;

/// <summary>
/// Whole sequences of which the last token is read, packed so that nothing is computed twice: each is packed from where
/// it departs from the one before it in <see cref="PrefixOrder"/> and from what a cache has of it, and identical ones are there once.
/// </summary>
public sealed class SharedBatch
{
    /// <exception cref="ArgumentException">A sequence has no token.</exception>
    public SharedBatch(IReadOnlyList<ReadOnlyMemory<int>> sequences, CachedPrefixes? prefixes = null)
    {
        for (var i = 0; i < sequences.Count; i++)
            if (sequences[i].IsEmpty)
                throw new ArgumentException($"sequence {i} has no token that could be read");
        var order = new PrefixOrder(sequences);
        var (parts, shared, readings) = (new List<ReadOnlyMemory<int>>(), new List<int>(), new int[sequences.Count]);
        var (heldOffsets, held, places) = (new List<int> { 0 }, new List<int>(), new List<int>());
        for (var k = 0; k < order.Count; k++)
        {
            var sequence = sequences[order.Items[k]];
            if (order.Shared[k] < sequence.Length) // in this order none is a mere beginning of the one before it
            {
                var prefix = prefixes?.Of[order.Items[k]];
                var own = Math.Max(order.Shared[k], prefix?.Held ?? 0);
                parts.Add(sequence[own..]);
                shared.Add(order.Shared[k]);
                held.AddRange(prefix?.Places[order.Shared[k]..own] ?? []);
                heldOffsets.Add(held.Count);
                places.AddRange(prefix?.Places[own..] ?? []);
            }
            readings[order.Items[k]] = parts.Count - 1;
        }
        var computed = Enumerable.Range(0, places.Count).Where(t => places[t] >= 0).ToArray();
        var packed = prefixes is null ? null
            : new PackedPrefixes(prefixes.Cache, [.. heldOffsets], [.. held], computed, Array.ConvertAll(computed, t => places[t]));
        Batch = PackedBatch.Sharing(parts, [.. shared], packed);
        LastRows = [.. Batch.Offsets.Skip(1).Select(o => o - 1)];
        Readings = readings;
    }

    public PackedBatch Batch { get; }

    /// <summary>The row of the last token of every sequence that differs from the others.</summary>
    public int[] LastRows { get; }

    /// <summary>Which of <see cref="LastRows"/> is that of each given sequence.</summary>
    public int[] Readings { get; }
}
