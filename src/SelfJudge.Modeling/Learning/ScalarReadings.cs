using SelfJudge.Modeling.Decoders;
using SelfJudge.Modeling.Tensors;
using static TorchSharp.torch;

namespace SelfJudge.Modeling.Learning;

/// <summary>Reads a scalar head, and takes its gradient.</summary>
public static class ScalarReadings
{
    /// <summary>r(x, y): the head's reading at the last token of each sequence.</summary>
    public static double[] Rewards(DecoderModel model, IReadOnlyList<ResponseSequence> sequences, CachedPrefixes? prefixes = null)
    {
        var shared = new SharedBatch([.. sequences.Select(s => (ReadOnlyMemory<int>)s.Ids())], prefixes);
        var rewards = Forward(model, model.HiddenOf(shared.Batch, shared.LastRows), [.. Enumerable.Range(0, shared.LastRows.Length)]);
        return Array.ConvertAll(shared.Readings, i => (double)rewards[i]);
    }

    /// <summary>The row of each sequence's last token.</summary>
    /// <exception cref="ArgumentException">A sequence has none: the row before it is another's.</exception>
    public static int[] LastRows(PackedBatch batch)
    {
        for (var i = 0; i < batch.Sequences; i++)
            if (batch.Offsets[i + 1] == batch.Offsets[i])
                throw new ArgumentException($"sequence {i} has no token that could be read");
        return [.. batch.Offsets.Skip(1).Select(o => o - 1)];
    }

    /// <summary>The head's reading of the hidden states of some rows.</summary>
    public static float[] Forward(DecoderModel model, Tensor hidden, int[] rows)
    {
        using var scope = Ops.Scope();
        return Ops.ToArray(Ops.MatMul(Ops.Rows(hidden, Ops.FromArray(rows, hidden.device)), Head(model).t()));
    }

    /// <summary>Adds the gradient of Σ coefficients[i]·reading(rows[i]) to that of the hidden states, and to that of the head.</summary>
    public static void BackwardInto(DecoderModel model, Tensor hidden, int[] rows, float[] coefficients, Tensor dHidden, Tensor dHead)
    {
        using var scope = Ops.Scope();
        var index = Ops.FromArray(rows, hidden.device);
        var slopes = Ops.FromArray(coefficients, hidden.device, rows.Length, 1);
        Ops.AddRowsInto(dHidden, index, Ops.MatMul(slopes, Head(model)));
        Ops.AddMatMulInto(dHead, slopes.t(), Ops.Rows(hidden, index));
    }

    // Hidden states are float32, whatever the base weights are held in.
    private static Tensor Head(DecoderModel model) =>
        model.Score is { } score ? Ops.To(score, ScalarType.Float32) : throw new InvalidOperationException("the model has no scalar head");
}
