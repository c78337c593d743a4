using System.Numerics.Tensors;
using Tensor = TorchSharp.torch.Tensor;

namespace SelfJudge.Modeling.Kernels;

/// <summary>
/// Looks at what kernels index with before they do: native memory does not say where it ends. A pass over a batch's
/// indices costs nothing beside the batch.
/// </summary>
public static class IndexCheck
{
    /// <summary>The first index that is not in [0, <paramref name="count"/>), or null.</summary>
    public static int? FirstOutside(ReadOnlySpan<int> indices, long count)
    {
        if (indices.IsEmpty || TensorPrimitives.Min(indices) >= 0 && TensorPrimitives.Max(indices) < count)
            return null;
        foreach (var index in indices)
            if (index < 0 || index >= count)
                return index;
        return null;
    }

    /// <summary>Every index names one of <paramref name="count"/> rows.</summary>
    /// <exception cref="ArgumentException">One does not.</exception>
    public static void Rows(ReadOnlySpan<int> indices, long count, string what)
    {
        if (FirstOutside(indices, count) is { } outside)
            throw new ArgumentException($"{what} {outside} is not among the {count} that there are");
    }

    /// <summary>Two counts that have to be the same.</summary>
    /// <exception cref="ArgumentException">They are not.</exception>
    public static void Same(long count, long expected, string what)
    {
        if (count != expected)
            throw new ArgumentException($"{what}: {count}, where {expected} are needed");
    }

    /// <summary>What norms of heads index: rows of queries, keys and values, and an element of both weights for each of a head.</summary>
    /// <exception cref="ArgumentException">They are not there.</exception>
    public static void HeadNorms(Tensor qkv, HeadLayout heads, params ReadOnlySpan<Tensor?> weights)
    {
        Same(qkv.size(1), heads.RowWidth, "columns of queries, keys and values");
        foreach (var weight in weights)
            Same(weight?.NumberOfElements ?? heads.HeadDim, heads.HeadDim, "elements of the norm of heads");
    }

    /// <summary>What <see cref="IKernels.Rotate"/> indexes: a position for every row, in the table.</summary>
    /// <exception cref="ArgumentException">It is not there.</exception>
    public static void Rotation(Tensor qkv, HeadLayout heads, int[] positions, RotaryTable table)
    {
        Same(qkv.size(1), heads.RowWidth, "columns of queries, keys and values");
        Same(2L * table.Half, heads.HeadDim, "elements that the rotary table turns");
        Same(positions.Length, qkv.size(0), "positions");
        Rows(positions, table.Positions, "position");
    }

    /// <summary>
    /// What attention over packed rows indexes: offsets divide the rows into sequences, what is held and what is asked for is there,
    /// and of no sequence is the working memory more than can be addressed.
    /// </summary>
    /// <exception cref="ArgumentException">They do not, or it is not.</exception>
    public static void Attention(Tensor qkv, HeadLayout heads, int[] offsets, int[]? shared = null, HeldRows? held = null,
        int[]? rows = null)
    {
        Same(qkv.size(1), heads.RowWidth, "columns of queries, keys and values");
        if (heads.Window < 1)
            throw new ArgumentException($"a token attends to a window of {heads.Window} tokens");
        if (offsets.Length == 0 || offsets[0] != 0 || offsets[^1] != qkv.size(0))
            throw new ArgumentException($"the sequences do not end where the {qkv.size(0)} rows do");
        for (var i = 1; i < offsets.Length; i++)
            Length(offsets[i] - offsets[i - 1], heads);
        if (held is not null)
            Held(heads, offsets, held);
        if (shared is not null || held is not null)
            Beginnings(heads, offsets, shared ?? new int[offsets.Length - 1], held);
        if (rows is not null)
            Rows(rows, qkv.size(0), "row");
    }

    /// <summary>What attention to a cache indexes besides: slots that are there, each once, with room for the rows.</summary>
    /// <exception cref="ArgumentException">They are not.</exception>
    public static void CachedAttention(Tensor qkv, HeadLayout heads, int[] offsets, int[] slots, int[] lengths, CachedLayer cache)
    {
        Attention(qkv, heads, offsets);
        Same(slots.Length, offsets.Length - 1, "slots");
        Same(lengths.Length, offsets.Length - 1, "lengths of slots");
        Same(cache.Keys.NumberOfElements, cache.Keys.size(0) * heads.KeyValueWidth * cache.Capacity, "elements of the cache's keys");
        Same(cache.Values.NumberOfElements, cache.Keys.NumberOfElements, "elements of the cache's values");
        Rows(slots, cache.Keys.size(0), "slot");
        for (var i = 0; i < slots.Length; i++)
            if (lengths[i] < 0 || (long)lengths[i] + offsets[i + 1] - offsets[i] > cache.Capacity)
                throw new ArgumentException(
                    $"slot {slots[i]} has room for {cache.Capacity} tokens; it holds {lengths[i]}, and {offsets[i + 1] - offsets[i]} are "
                    + $"to be added");
            else
                Length(lengths[i] + offsets[i + 1] - offsets[i], heads);
    }

    /// <summary>What copying a slot indexes: slots that are there, with as many tokens.</summary>
    /// <exception cref="ArgumentException">They are not.</exception>
    public static void CopiedSlot(CachedLayer cache, int source, int[] targets, int length)
    {
        var slots = cache.Keys.size(0);
        Same(cache.Values.size(0), slots, "slots of values");
        Rows([source], slots, "slot");
        Rows(targets, slots, "slot");
        if (length < 0 || length > cache.Capacity)
            throw new ArgumentException($"slot {source} has room for {cache.Capacity} tokens; {length} are to be copied");
    }

    /// <summary>What copying keys and values indexes: rows that are there, and a place for each.</summary>
    /// <exception cref="ArgumentException">They are not.</exception>
    public static void CopiedKeysValues(Tensor qkv, HeadLayout heads, int[] rows, Tensor target, int[] places)
    {
        Same(qkv.size(1), heads.RowWidth, "columns of queries, keys and values");
        Same(target.size(1), 2L * heads.KeyValueWidth, "columns of held keys and values");
        Same(places.Length, rows.Length, "places");
        Rows(rows, qkv.size(0), "row");
        Rows(places, target.size(0), "place");
    }

    /// <summary>A target among the columns for every row of logits.</summary>
    /// <exception cref="ArgumentException">There is not.</exception>
    public static void Targets(Tensor logits, int[] targets)
    {
        Same(targets.Length, logits.size(0), "targets");
        Rows(targets, logits.size(1), "target token");
    }

    /// <summary>What an optimizer's update indexes: buffers of one length, and stretches of it.</summary>
    /// <exception cref="ArgumentException">They are not.</exception>
    public static void Update(Tensor weights, Tensor gradient, Tensor mean, Tensor variance, AdamWStep step)
    {
        Same(gradient.NumberOfElements, weights.NumberOfElements, "elements of the gradient");
        Same(mean.NumberOfElements, weights.NumberOfElements, "elements of the first moment");
        Same(variance.NumberOfElements, weights.NumberOfElements, "elements of the second moment");
        foreach (var (start, length) in step.DecayRanges)
            if (start < 0 || length < 0 || length > weights.NumberOfElements - start)
                throw new ArgumentException($"{length} weights from {start} on are to decay, and there are {weights.NumberOfElements}");
    }

    // Every sequence has its stretch of the held rows.
    private static void Held(HeadLayout heads, int[] offsets, HeldRows held)
    {
        Same(held.KeysValues.size(1), 2L * heads.KeyValueWidth, "columns of held keys and values");
        Same(held.Offsets.Length, offsets.Length, "offsets of held rows");
        if (held.Offsets[0] != 0 || held.Offsets[^1] != held.Rows.Length)
            throw new ArgumentException($"the sequences do not divide the {held.Rows.Length} held rows");
        for (var i = 0; i + 1 < offsets.Length; i++)
            Length(held.Count(i), heads);
        Rows(held.Rows, held.KeysValues.size(0), "held row");
    }

    // Of each sequence the one before it has at least the tokens that it shares.
    private static void Beginnings(HeadLayout heads, int[] offsets, int[] shared, HeldRows? held)
    {
        Same(shared.Length, offsets.Length - 1, "counts of shared tokens");
        for (int i = 0, before = 0; i < shared.Length; i++)
        {
            if (shared[i] < 0 || shared[i] > before)
                throw new ArgumentException($"sequence {i} would share {shared[i]} tokens with the one before it, which has {before}");
            before = checked(shared[i] + (held?.Count(i) ?? 0) + offsets[i + 1] - offsets[i]);
            Length(before, heads);
        }
    }

    // Offsets into the working memory of one sequence are 32 bits wide.
    private static void Length(int tokens, HeadLayout heads)
    {
        if (tokens < 0)
            throw new ArgumentException($"a sequence would have {tokens} tokens");
        if ((tokens + 64L) * (heads.HeadDim + 64L) > int.MaxValue)
            throw new ArgumentException($"a sequence of {tokens} tokens is too long for heads of {heads.HeadDim} elements");
    }
}
