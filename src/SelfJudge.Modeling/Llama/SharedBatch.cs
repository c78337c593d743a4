namespace SelfJudge.Modeling.Llama;

/// <summary>
/// Whole sequences of which the last token is read, packed so that nothing is computed twice: each is packed from where
/// it departs from the one before it in <see cref="PrefixOrder"/>, and identical ones are there once.
/// </summary>
public sealed class SharedBatch
{
    /// <exception cref="ArgumentException">A sequence has no token.</exception>
    public SharedBatch(IReadOnlyList<ReadOnlyMemory<int>> sequences)
    {
        for (var i = 0; i < sequences.Count; i++)
            if (sequences[i].IsEmpty)
                throw new ArgumentException($"sequence {i} has no token that could be read");
        var order = new PrefixOrder(sequences);
        var (parts, shared, readings) = (new List<ReadOnlyMemory<int>>(), new List<int>(), new int[sequences.Count]);
        for (var k = 0; k < order.Count; k++)
        {
            var sequence = sequences[order.Items[k]];
            if (order.Shared[k] < sequence.Length) // in this order none is a mere beginning of the one before it
            {
                parts.Add(sequence[order.Shared[k]..]);
                shared.Add(order.Shared[k]);
            }
            readings[order.Items[k]] = parts.Count - 1;
        }
        Batch = PackedBatch.Sharing(parts, [.. shared]);
        LastRows = [.. Batch.Offsets.Skip(1).Select(o => o - 1)];
        Readings = readings;
    }

    public PackedBatch Batch { get; }

    /// <summary>The row of the last token of every sequence that differs from the others.</summary>
    public int[] LastRows { get; }

    /// <summary>Which of <see cref="LastRows"/> is that of each given sequence.</summary>
    public int[] Readings { get; }
}
