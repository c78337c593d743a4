using SelfJudge.Modeling.Decoders;
using SelfJudge.Modeling.Tensors;
using static TorchSharp.torch;

namespace SelfJudge.Modeling.Learning;

/// <summary>
/// Log-probabilities of target tokens and their gradient, computed over blocks of positions, so that logits exist for
/// a block at a time and never for a whole batch: [positions, vocab] of a large vocabulary is larger than the model.
/// </summary>
public static class TokenLogProbs
{
    /// <summary>Elements of the largest block of logits: 32 MiB of float32. For each block the head is read once for the logits and once
    /// for their gradient, so few rows at a time would wait for memory.</summary>
    internal const long BlockElements = 8 << 20;

    /// <summary>log p(targets[i]) predicted by the hidden state of row rows[i], in nats.</summary>
    public static float[] Forward(DecoderModel model, Tensor hidden, int[] rows, int[] targets)
    {
        var result = new float[rows.Length];
        foreach (var (start, count, logits) in Blocks(model, hidden, rows.Length))
        {
            using var scope = Ops.Scope();
            model.LogitsInto(logits, Ops.Rows(hidden, Ops.FromArray(rows[start..(start + count)], hidden.device)));
            model.Kernels.TargetLogProbs(logits, targets[start..(start + count)]).CopyTo(result, start);
        }
        return result;
    }

    /// <summary>
    /// The gradient of Σ coefficients[i]·log p(targets[i]) with respect to the hidden states; that of the output
    /// matrix, where it is trained, is added to <paramref name="base"/>. Returns the log-probabilities too.
    /// </summary>
    public static (float[] LogProbs, Tensor DHidden) Backward(DecoderModel model, Tensor hidden, int[] rows, int[] targets,
        float[] coefficients, DecoderWeights? @base)
    {
        var result = new float[rows.Length];
        var dHidden = Ops.ZerosLike(hidden);
        foreach (var (start, count, logits) in Blocks(model, hidden, rows.Length))
        {
            using var scope = Ops.Scope();
            var end = start + count;
            var index = Ops.FromArray(rows[start..end], hidden.device);
            var selected = Ops.Rows(hidden, index);
            model.LogitsInto(logits, selected);
            model.Kernels.TargetLogProbsBackward(logits, targets[start..end], coefficients[start..end]).CopyTo(result, start);
            Ops.AddRowsInto(dHidden, index, model.LogitsBackward(logits));
            if (@base is not null)
                model.Kernels.AddWeightGradient(@base.Head.Weight, logits, selected);
        }
        return (result, dHidden);
    }

    // All blocks use the same memory: so much is mapped and cleared by the system whenever it is asked for anew.
    private static IEnumerable<(int Start, int Count, Tensor Logits)> Blocks(DecoderModel model, Tensor hidden, int rows)
    {
        var blocks = Math.Max(1, (rows + BlockRows(model.Config) - 1) / BlockRows(model.Config));
        var size = (rows + blocks - 1) / blocks;
        var logits = Ops.Empty(hidden.device, ScalarType.Float32, size, model.Config.VocabSize);
        for (var start = 0; start < rows; start += size)
        {
            var count = Math.Min(size, rows - start);
            yield return (start, count, logits.narrow(0, 0, count));
        }
    }

    private static int BlockRows(DecoderConfig config) => (int)Math.Max(1, BlockElements / config.VocabSize);
}
