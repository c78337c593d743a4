namespace SelfJudge.Modeling.Learning;

/// <summary>AdamW and what bounds a step.</summary>
/// <param name="ClipNorm">The gradient is scaled down to this norm; 0 leaves it as it is.</param>
/// <param name="MaxTokensPerBatch">Packed tokens that a worker passes through the model at once. A larger step is done in several such
/// batches whose gradients add up: gradient accumulation that changes nothing but memory.</param>
/// <param name="GradientCheckpointing">Keep only what enters each layer, and compute its activations again in the backward pass: the same
/// gradients in a fraction of the memory, for a third more time.</param>
public sealed record OptimizerOptions(double Beta1 = 0.9, double Beta2 = 0.999, double Epsilon = 1e-8, double WeightDecay = 0,
    double ClipNorm = 1.0, int MaxTokensPerBatch = 4096, bool GradientCheckpointing = false);
