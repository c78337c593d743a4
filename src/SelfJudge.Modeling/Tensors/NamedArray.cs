namespace SelfJudge.Modeling.Tensors;

/// <summary>A tensor in managed memory, row-major.</summary>
public sealed record NamedArray(string Name, long[] Shape, float[] Values);
