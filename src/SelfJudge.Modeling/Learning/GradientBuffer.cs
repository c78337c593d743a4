using SelfJudge.Modeling.Decoders;
using SelfJudge.Modeling.Tensors;
using static TorchSharp.torch;

namespace SelfJudge.Modeling.Learning;

/// <summary>A worker's gradient of what is trained of a model: of its adapter if it has one, else of its base weights.</summary>
internal sealed class GradientBuffer(DecoderModel model) : IDisposable
{
    /// <summary>Of the base weights; null where they are frozen.</summary>
    public DecoderWeights? Base { get; } = model.Adapter is null ? model.Weights.NewLike() : null;

    /// <summary>Of the adapter; null where there is none.</summary>
    public LoraAdapter? Adapter { get; } = model.Adapter?.NewLike();

    public FlatBuffer Buffer => Adapter?.Buffer ?? Base!.Buffer;

    /// <summary>Of the scalar head.</summary>
    public Tensor Score => Adapter?.Score ?? Base?.Score ?? throw new InvalidOperationException("the model has no scalar head to train");

    public void Clear()
    {
        using var scope = Ops.Scope();
        Ops.Zero(Buffer.Flat);
    }

    public void Dispose()
    {
        Base?.Dispose();
        Adapter?.Dispose();
    }
}
