namespace SelfJudge.Modeling.Decoders;

/// <summary>Token sequences laid end to end without padding.</summary>
public sealed class PackedBatch
{
    private PackedBatch(int[] tokens, int[] positions, int[] offsets, int[]? shared = null, PackedPrefixes? prefixes = null)
    {
        Tokens = tokens;
        Positions = positions;
        Offsets = offsets;
        Shared = shared;
        Prefixes = prefixes;
    }

    /// <summary>[T]</summary>
    public int[] Tokens { get; }

    /// <summary>[T] Place of each token in its sequence.</summary>
    public int[] Positions { get; }

    /// <summary>[sequences + 1] Where each sequence begins; the last entry is T.</summary>
    public int[] Offsets { get; }

    /// <summary>[sequences] With how many tokens of the sequence before it each begins, which are not packed again; null where all are
    /// packed whole.</summary>
    public int[]? Shared { get; }

    /// <summary>What a cache has of the sequences and is given of them; null without one.</summary>
    public PackedPrefixes? Prefixes { get; }

    public int Sequences => Offsets.Length - 1;

    /// <summary>Packs whole sequences, or the continuations of sequences of which <paramref name="held"/>[i] tokens are already
    /// cached.</summary>
    public static PackedBatch Of(IReadOnlyList<ReadOnlyMemory<int>> sequences, IReadOnlyList<int>? held = null)
    {
        var offsets = new int[sequences.Count + 1];
        for (var i = 0; i < sequences.Count; i++)
            offsets[i + 1] = checked(offsets[i] + sequences[i].Length);
        var tokens = new int[offsets[^1]];
        var positions = new int[offsets[^1]];
        for (var i = 0; i < sequences.Count; i++)
        {
            sequences[i].CopyTo(tokens.AsMemory(offsets[i]));
            for (var t = offsets[i]; t < offsets[i + 1]; t++)
                positions[t] = t - offsets[i] + (held?[i] ?? 0);
        }
        return new PackedBatch(tokens, positions, offsets);
    }

    /// <summary>
    /// Packs sequences without what they share: sequence i is the first <paramref name="shared"/>[i] tokens of sequence i − 1, what a
    /// cache has of it after them, and then <paramref name="parts"/>[i].
    /// </summary>
    public static PackedBatch Sharing(IReadOnlyList<ReadOnlyMemory<int>> parts, int[] shared, PackedPrefixes? prefixes = null)
    {
        var batch = Of(parts, prefixes is null ? shared : [.. shared.Select((n, i) => n + prefixes.Offsets[i + 1] - prefixes.Offsets[i])]);
        return new PackedBatch(batch.Tokens, batch.Positions, batch.Offsets, shared, prefixes);
    }

    /// <summary>One more token of each of several sequences, of which <paramref name="held"/>[i] tokens are cached.</summary>
    public static PackedBatch Next(int[] tokens, int[] held)
    {
        var offsets = new int[tokens.Length + 1];
        for (var i = 0; i < offsets.Length; i++)
            offsets[i] = i;
        return new PackedBatch(tokens, held, offsets);
    }
}
