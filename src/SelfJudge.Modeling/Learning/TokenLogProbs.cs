using SelfJudge.Modeling.Llama;
using SelfJudge.Modeling.Tensors;
using static TorchSharp.torch;

namespace SelfJudge.Modeling.Learning;

/// <summary>
/// Log-probabilities of target tokens and their gradient, computed over blocks of positions, so that logits exist for
/// a block at a time and never for a whole batch: [positions, vocab] of a large vocabulary is larger than the model.
/// </summary>
public static class TokenLogProbs
{
    /// <summary>Elements of the largest block of logits: 16 MiB of float32.</summary>
    private const long BlockElements = 4 << 20;

    /// <summary>log p(targets[i]) predicted by the hidden state of row rows[i], in nats.</summary>
    public static float[] Forward(LlamaModel model, Tensor hidden, int[] rows, int[] targets)
    {
        var result = new float[rows.Length];
        foreach (var (start, count) in Blocks(rows.Length, model.Config.VocabSize))
        {
            using var scope = Ops.Scope();
            var logits = model.Logits(Ops.Rows(hidden, Ops.FromArray(rows[start..(start + count)], hidden.device)));
            model.Kernels.TargetLogProbs(logits, targets[start..(start + count)]).CopyTo(result, start);
        }
        return result;
    }

    /// <summary>
    /// The gradient of Σ coefficients[i]·log p(targets[i]) with respect to the hidden states; that of the output
    /// matrix, where it is trained, is added to <paramref name="base"/>. Returns the log-probabilities too.
    /// </summary>
    public static (float[] LogProbs, Tensor DHidden) Backward(LlamaModel model, Tensor hidden, int[] rows, int[] targets, float[] coefficients, LlamaWeights? @base)
    {
        var result = new float[rows.Length];
        var dHidden = Ops.ZerosLike(hidden);
        foreach (var (start, count) in Blocks(rows.Length, model.Config.VocabSize))
        {
            using var scope = Ops.Scope();
            var end = start + count;
            var index = Ops.FromArray(rows[start..end], hidden.device);
            var selected = Ops.Rows(hidden, index);
            var logits = model.Logits(selected);
            model.Kernels.TargetLogProbs(logits, targets[start..end]).CopyTo(result, start);
            model.Kernels.TargetLogProbsBackward(logits, targets[start..end], coefficients[start..end]);
            Ops.AddRowsInto(dHidden, index, model.LogitsBackward(logits));
            if (@base is not null)
                model.Kernels.AddWeightGradient(@base.Head.Weight, logits, selected);
        }
        return (result, dHidden);
    }

    private static IEnumerable<(int Start, int Count)> Blocks(int rows, int vocab)
    {
        var size = (int)Math.Max(1, BlockElements / vocab);
        for (var start = 0; start < rows; start += size)
            yield return (start, Math.Min(size, rows - start));
    }
}
