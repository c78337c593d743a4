using SelfJudge.Modeling.Tensors;
using static TorchSharp.torch;

namespace SelfJudge.Modeling.Decoders;

public sealed partial class DecoderModel
{
    /// <summary>
    /// Adds the gradient of every trained parameter, given that of the hidden states [T, D]. Base weights are trained
    /// if <paramref name="base"/> is given, the adapter if <paramref name="adapterGradient"/> is.
    /// </summary>
    public void Backward(Tape tape, Tensor dHidden, DecoderWeights? @base, LoraAdapter? adapterGradient)
    {
        var dX = Ops.ZerosLike(dHidden);
        Kernels.RmsNormBackward(dHidden, tape.Last!, Wide(Weights.Norm), _eps, dX, @base?.Norm);
        for (var i = Weights.Layers.Count - 1; i >= 0; i--)
        {
            using var scope = Ops.Scope();
            var activations = tape.Checkpointing ? Recompute(i, tape.Inputs[i], tape.Batch) : tape.Layers[i];
            LayerBackward(i, activations, tape.Batch, dX, @base, adapterGradient);
        }
        if (@base is not null)
            Kernels.EmbedBackward(tape.Batch.Tokens, dX, @base.Embedding);
    }

    /// <summary>The activations of a layer as <see cref="Layer"/> had them: the same operations on the same numbers, hence the same
    /// bits.</summary>
    private LayerTape Recompute(int index, Tensor x, PackedBatch batch)
    {
        var activations = Activate(index, x, batch, Packed(batch), forGradient: true);
        foreach (var part in Adapter?.PartsOf(index, FusedProjection.Down) ?? [])
            activations.Down!.Add(part, Kernels.Times(activations.Activated, part.A));
        return activations;
    }

    // dX is the gradient of the layer's output on entry, of its input on return: the residual stream adds.
    private void LayerBackward(int index, LayerTape t, PackedBatch batch, Tensor dX, DecoderWeights? @base, LoraAdapter? lora)
    {
        var layer = Weights.Layers[index];
        var (gradient, down) = (@base?.Layers[index], t.Down!);
        using (Ops.Scope())
        {
            var dActivated = ProjectBackward(index, FusedProjection.Down, dX, t.Activated, down, gradient, lora);
            var dGateUp = Kernels.SwiGluBackward(dActivated, t.GateUp);
            var dMiddleNormed = ProjectBackward(index, FusedProjection.GateUp, dGateUp, t.MiddleNormed, down, gradient, lora);
            Kernels.RmsNormBackward(dMiddleNormed, t.Middle, Wide(layer.PostAttentionNorm), _eps, dX, gradient?.PostAttentionNorm);
        }
        using (Ops.Scope())
        {
            var dAttended = ProjectBackward(index, FusedProjection.Output, dX, t.Attended, down, gradient, lora);
            var dQkv = Kernels.AttendBackward(dAttended, t.Qkv, t.Attended, t.LogSumExp!, _heads[index], batch.Offsets);
            Kernels.Rotate(dQkv, _heads[index], batch.Positions, rotary, inverse: true);
            if (t.Unnormed is { } unnormed)
                Kernels.NormHeadsBackward(
                    dQkv, unnormed, _heads[index], Wide(layer.QueryNorm!), Wide(layer.KeyNorm!), _eps, gradient?.QueryNorm,
                        gradient?.KeyNorm);
            var dNormed = ProjectBackward(index, FusedProjection.Qkv, dQkv, t.Normed, down, gradient, lora);
            Kernels.RmsNormBackward(dNormed, t.Input, Wide(layer.InputNorm), _eps, dX, gradient?.InputNorm);
        }
    }
}
