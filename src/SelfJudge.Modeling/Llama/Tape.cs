using static TorchSharp.torch;

namespace SelfJudge.Modeling.Llama;

/// <summary>What a forward pass keeps for its backward pass. Its tensors belong to the dispose scope of the pass.</summary>
public sealed class Tape(PackedBatch batch)
{
    public PackedBatch Batch { get; } = batch;
    internal List<LayerTape> Layers { get; } = [];

    /// <summary>[T, D] The residual stream before the final norm.</summary>
    internal Tensor? Last { get; set; }
}

/// <summary>The activations of one layer that its gradient needs.</summary>
internal sealed class LayerTape
{
    /// <summary>[T, D] The residual stream that enters the layer.</summary>
    public required Tensor Input { get; init; }

    /// <summary>[T, D] Its norm, which the q, k and v projections see.</summary>
    public required Tensor Normed { get; init; }

    /// <summary>[T, RowWidth] Queries and keys rotated, values.</summary>
    public required Tensor Qkv { get; init; }

    /// <summary>[T, Heads·HeadDim]</summary>
    public required Tensor Attended { get; init; }

    /// <summary>[T, Heads]</summary>
    public required Tensor LogSumExp { get; init; }

    /// <summary>[T, D] The residual stream after attention.</summary>
    public required Tensor Middle { get; init; }

    /// <summary>[T, D] Its norm, which the gate and up projections see.</summary>
    public required Tensor MiddleNormed { get; init; }

    /// <summary>[T, 2·Inner]</summary>
    public required Tensor GateUp { get; init; }

    /// <summary>[T, Inner]</summary>
    public required Tensor Activated { get; init; }

    /// <summary>x·Aᵀ [T, rank] of each adapted projection.</summary>
    public required Dictionary<LoraPart, Tensor> Down { get; init; }
}
