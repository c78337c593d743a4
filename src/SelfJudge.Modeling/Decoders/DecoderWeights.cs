using SelfJudge.Modeling.Kernels;
using SelfJudge.Modeling.Tensors;
using SelfJudge.Preferences.Randomness;
using static TorchSharp.torch;

namespace SelfJudge.Modeling.Decoders;

/// <summary>The weights of a decoder, or a gradient of the same shape.</summary>
public sealed class DecoderWeights : IDisposable
{
    public DecoderWeights(DecoderConfig config, Device device, ScalarType type = ScalarType.Float32)
        : this(config, new FlatBuffer(ParameterLayout.Of(config), device, type))
    {
    }

    private DecoderWeights(DecoderConfig config, FlatBuffer buffer)
    {
        Config = config;
        Buffer = buffer;
        IsNarrow = buffer.Flat.dtype != ScalarType.Float32;
        Embedding = buffer.View(TensorNames.Embedding);
        Layers = [.. Enumerable.Range(0, config.NumHiddenLayers).Select(i => new LayerWeights(config, buffer, i))];
        Norm = buffer.View(TensorNames.FinalNorm);
        Score = config.ScalarHead ? buffer.View(TensorNames.Score) : null;
        Head = new WeightMatrix(config.TieWordEmbeddings ? Embedding : buffer.View(TensorNames.Head));
    }

    public DecoderConfig Config { get; }
    public FlatBuffer Buffer { get; }

    /// <summary>Whether they are held in fewer bits than float32: then they can be computed with, and not be trained.</summary>
    public bool IsNarrow { get; }

    /// <summary>[vocab, hidden]</summary>
    public Tensor Embedding { get; }
    public IReadOnlyList<LayerWeights> Layers { get; }

    /// <summary>[hidden]</summary>
    public Tensor Norm { get; }

    /// <summary>The scalar head [1, hidden], where the model has one.</summary>
    public Tensor? Score { get; }

    /// <summary>[vocab, hidden]; the embedding itself where the two are tied.</summary>
    public WeightMatrix Head { get; }

    /// <summary>A model of random weights: matrices normal with <see cref="DecoderConfig.InitializerRange"/>, those that write to the
    /// residual stream divided by sqrt(2·layers), norms 1, biases 0. The same seed gives the same weights everywhere.</summary>
    public static DecoderWeights Random(DecoderConfig config, ulong seed) => Random(config, seed, Ops.Cpu, ScalarType.Float32);

    /// <summary>The same on a device, rounded to a type.</summary>
    public static DecoderWeights Random(DecoderConfig config, ulong seed, Device device, ScalarType type)
    {
        var weights = new DecoderWeights(config, device, type);
        foreach (var p in weights.Buffer.Layout.Parameters)
            weights.Buffer.Fill(p, 0, p.Size, Draw);
        return weights;

        void Draw(Parameter p, long first, Span<float> values)
        {
            if (p.Role is ParameterRole.Norm or ParameterRole.Bias)
                values.Fill(p.Role == ParameterRole.Norm ? 1f : 0f);
            else
                CounterRandom.FillNormal(values, Seeds.Derive(seed, p.Name), Deviation(p.Role));
        }

        float Deviation(ParameterRole role) =>
            role == ParameterRole.ResidualMatrix ? config.InitializerRange / MathF.Sqrt(2f * config.NumHiddenLayers)
                : config.InitializerRange;
    }

    /// <summary>A zero buffer of the same shape, for gradients.</summary>
    public DecoderWeights NewLike() => new(Config, Buffer.NewLike());

    /// <summary>A copy with weights of its own, in another type if one is named.</summary>
    public DecoderWeights Clone(ScalarType? type = null)
    {
        var copy = type is { } other ? new DecoderWeights(Config, Buffer.Flat.device, other) : NewLike();
        using var scope = Ops.Scope();
        Ops.CopyInto(copy.Buffer.Flat, Buffer.Flat);
        return copy;
    }

    /// <summary>A float32 copy with a scalar head, which is zero where this has none: every score begins at 0.</summary>
    public DecoderWeights CloneWithScalarHead()
    {
        if (Config.ScalarHead)
            return Clone(ScalarType.Float32);
        var copy = new DecoderWeights(Config with { ScalarHead = true }, Buffer.Flat.device);
        using var scope = Ops.Scope();
        Ops.CopyInto(copy.Buffer.Flat.narrow(0, 0, Buffer.Layout.Size), Buffer.Flat); // the head is the layout's last
        return copy;
    }

    public void Dispose() => Buffer.Dispose();
}

/// <summary>The weights of one layer.</summary>
public sealed class LayerWeights(DecoderConfig config, FlatBuffer buffer, int layer)
{
    public Tensor InputNorm { get; } = buffer.View(TensorNames.InputNorm(layer));
    public Tensor PostAttentionNorm { get; } = buffer.View(TensorNames.PostAttentionNorm(layer));

    /// <summary>[head dim] The norms of queries and of keys; null where they have none.</summary>
    public Tensor? QueryNorm { get; } = config.Architecture.NormsQueriesAndKeys ? buffer.View(TensorNames.QueryNorm(layer)) : null;
    public Tensor? KeyNorm { get; } = config.Architecture.NormsQueriesAndKeys ? buffer.View(TensorNames.KeyNorm(layer)) : null;

    /// <summary>The four fused matrices, indexed by <see cref="FusedProjection"/>.</summary>
    public WeightMatrix[] Fused { get; } =
        [.. Fuse(config).Select(parts => new WeightMatrix(buffer.View(TensorNames.Matrix(layer, parts.First()), Outputs(parts))))];

    /// <summary>[outputs] Their biases; null where one has none.</summary>
    public Tensor?[] Biases { get; } =
        [.. Fuse(config).Select(parts => config.HasBias(parts.Key) ? buffer.View(TensorNames.Bias(layer, parts.First()), Outputs(parts))
            : null)];

    public WeightMatrix this[FusedProjection projection] => Fused[(int)projection];

    private static IEnumerable<IGrouping<FusedProjection, Projection>> Fuse(DecoderConfig config) =>
        Projection.All(config).GroupBy(p => p.Fused);

    private static long Outputs(IEnumerable<Projection> parts) => parts.Sum(p => (long)p.Outputs);
}
