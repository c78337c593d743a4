using static TorchSharp.torch;

namespace SelfJudge.Modeling.Decoders;

/// <summary>What a forward pass keeps for its backward pass. Its tensors belong to the dispose scope of the pass.</summary>
/// <param name="checkpointing">Keep only what enters each layer; the backward pass computes the rest again (Chen et al. 2016).</param>
public sealed class Tape(PackedBatch batch, bool checkpointing = false)
{
    public PackedBatch Batch { get; } = batch;
    internal bool Checkpointing { get; } = checkpointing;

    /// <summary>Per layer its activations; with checkpointing there are none.</summary>
    internal List<LayerTape> Layers { get; } = [];

    /// <summary>[T, D] per layer: the residual stream that enters it. Only with checkpointing.</summary>
    internal List<Tensor> Inputs { get; } = [];

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

    /// <summary>[T, (Heads + KeyValueHeads)·HeadDim] Queries and keys before their norms; null where they have none, or no gradient is
    /// asked for.</summary>
    public required Tensor? Unnormed { get; init; }

    /// <summary>[T, RowWidth] Queries and keys rotated, values.</summary>
    public required Tensor Qkv { get; init; }

    /// <summary>[T, Heads·HeadDim]</summary>
    public required Tensor Attended { get; init; }

    /// <summary>[T, Heads]; null where no gradient can be taken.</summary>
    public required Tensor? LogSumExp { get; init; }

    /// <summary>[T, D] The residual stream after attention.</summary>
    public required Tensor Middle { get; init; }

    /// <summary>[T, D] Its norm, which the gate and up projections see.</summary>
    public required Tensor MiddleNormed { get; init; }

    /// <summary>[T, 2·Inner]</summary>
    public required Tensor GateUp { get; init; }

    /// <summary>[T, Inner]</summary>
    public required Tensor Activated { get; init; }

    /// <summary>x·Aᵀ [T, rank] of each adapted projection; null where no gradient is asked for.</summary>
    public required Dictionary<LoraPart, Tensor>? Down { get; init; }

    public IEnumerable<Tensor> Made =>
    [
        Normed, Qkv, Attended, Middle, MiddleNormed, GateUp, Activated,
        .. new[] { Unnormed, LogSumExp }.OfType<Tensor>(), .. Down?.Values.AsEnumerable() ?? [],
    ];
}
