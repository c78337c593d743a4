using static TorchSharp.torch;

namespace SelfJudge.Modeling.Kernels;

/// <summary>What kernels keep of a matrix beside it.</summary>
internal interface IPreparedMatrix : IDisposable
{
    long Bytes { get; }
}

/// <summary>A matrix W [outputs, inputs] by which activations are multiplied, and what its kernels have made ready for that.</summary>
public sealed class WeightMatrix(Tensor weight)
{
    /// <summary>[outputs, inputs], float32 or, where it is frozen, bfloat16.</summary>
    public Tensor Weight { get; } = weight;

    /// <summary>Made by <see cref="IKernels.Prepare"/>; null where nothing is kept. It holds the weights as they were then.</summary>
    internal IPreparedMatrix? Prepared { get; set; }

    /// <summary>Gives back what was made ready. Whoever changes the weights calls this first.</summary>
    public void Release()
    {
        Prepared?.Dispose();
        Prepared = null;
    }
}
