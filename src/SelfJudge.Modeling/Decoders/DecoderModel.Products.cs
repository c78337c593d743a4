using SelfJudge.Modeling.Kernels;
using SelfJudge.Modeling.Tensors;
using static TorchSharp.torch;

namespace SelfJudge.Modeling.Decoders;

public sealed partial class DecoderModel
{
    /// <summary>
    /// Makes one worker's share of the matrices ready for products with few rows, as generation has them. Until
    /// <see cref="Release"/> the weights must not change.
    /// </summary>
    public void Prepare(int worker, int workers)
    {
        // The largest first, each to the worker that has least: of most models the head is as large as all layers together.
        var loads = new long[workers];
        foreach (var matrix in Matrices.OrderByDescending(m => m.Weight.NumberOfElements))
        {
            var least = Array.IndexOf(loads, loads.Min());
            loads[least] += matrix.Weight.NumberOfElements;
            if (least == worker)
                Kernels.Prepare(matrix);
        }
    }

    /// <summary>Gives back what <see cref="Prepare"/> made. Nothing is left to do where nothing was made.</summary>
    public void Release()
    {
        foreach (var matrix in Matrices)
            matrix.Release();
    }

    /// <summary>Bytes of what <see cref="Prepare"/> made.</summary>
    internal long PreparedBytes => Matrices.Sum(m => m.Prepared?.Bytes ?? 0);

    private IEnumerable<WeightMatrix> Matrices =>
        [.. Weights.Layers.SelectMany(l => l.Fused), Weights.Head, .. Adapter?.Parts.SelectMany(p => new[] { p.A, p.B }) ?? []];

    /// <summary>Logits [rows, vocab] of hidden states [rows, D].</summary>
    public Tensor Logits(Tensor hidden)
    {
        var logits = Ops.Empty(hidden.device, ScalarType.Float32, hidden.size(0), Config.VocabSize);
        LogitsInto(logits, hidden);
        return logits;
    }

    /// <summary>The same into memory that is there.</summary>
    public void LogitsInto(Tensor logits, Tensor hidden) => Kernels.LogitsInto(logits, hidden, Weights.Head);

    /// <summary>The gradient [rows, D] of <see cref="Logits"/> with respect to the hidden states.</summary>
    public Tensor LogitsBackward(Tensor dLogits) => Kernels.TimesBackward(dLogits, Weights.Head);

    /// <summary>x·Wᵀ, plus the bias and the adapter's part where there are, plus <paramref name="residual"/> where given. Keeps x·Aᵀ in
    /// <paramref name="down"/>.</summary>
    private Tensor Project(int layer, FusedProjection fused, Tensor x, Dictionary<LoraPart, Tensor>? down, Tensor? residual = null)
    {
        var y = Kernels.Times(x, Weights.Layers[layer][fused], residual);
        if (Weights.Layers[layer].Biases[(int)fused] is { } bias)
            Kernels.AddBias(y, Wide(bias));
        if (Adapter is null)
            return y;
        foreach (var part in Adapter.PartsOf(layer, fused))
        {
            var xA = Kernels.Times(x, part.A);
            Kernels.AddTimes(Columns(y, part), xA, part.B, Adapter.Config.Scale);
            down?.Add(part, xA);
        }
        return y;
    }

    /// <summary>The gradient of <see cref="Project"/> with respect to x; adds that of what is trained of the matrices and biases.</summary>
    private Tensor ProjectBackward(
        int layer, FusedProjection fused, Tensor dY, Tensor x, Dictionary<LoraPart, Tensor> down, LayerWeights? @base, LoraAdapter? lora)
    {
        var dX = Kernels.TimesBackward(dY, Weights.Layers[layer][fused]);
        if (@base is not null)
            Kernels.AddWeightGradient(@base[fused].Weight, dY, x);
        if (@base?.Biases[(int)fused] is { } dBias)
            Kernels.AddBiasGradient(dBias, dY);
        if (Adapter is null)
            return dX;
        var scale = Adapter.Config.Scale;
        foreach (var (part, gradient) in Adapter.PartsOf(layer, fused).Zip((lora ?? Adapter).PartsOf(layer, fused)))
        {
            var dPart = Columns(dY, part);
            var dDown = Kernels.TimesBackward(dPart, part.B);
            if (lora is not null)
            {
                Kernels.AddWeightGradient(gradient.B.Weight, dPart, down[part], scale);
                Kernels.AddWeightGradient(gradient.A.Weight, dDown, x, scale);
            }
            Kernels.AddTimesBackward(dX, dDown, part.A, scale);
        }
        return dX;
    }

    private static Tensor Columns(Tensor y, LoraPart part) => y.narrow(1, part.Projection.Start, part.Projection.Outputs);
}
