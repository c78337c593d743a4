using SelfJudge.Modeling.Decoders;
using SelfJudge.Modeling.Tensors;

namespace SelfJudge.Modeling.Checkpoints;

/// <summary>What training has changed, in managed memory: the trained parameters and the optimizer's state.</summary>
/// <param name="Lora">The adapter's shape; null where all weights are trained.</param>
/// <param name="Version">The policy's version.</param>
/// <param name="OptimizerSteps">Steps that Adam's bias correction counts.</param>
public sealed record TrainingSnapshot(LoraConfig? Lora, IReadOnlyList<NamedArray> Weights, IReadOnlyList<NamedArray> Mean,
    IReadOnlyList<NamedArray> Variance, long Version, long OptimizerSteps);
