using SelfJudge.Modeling.Kernels;
using SelfJudge.Modeling.Tensors;
using SelfJudge.Preferences.Randomness;
using static TorchSharp.torch;

namespace SelfJudge.Modeling.Llama;

/// <summary>The weights of a Llama model, or a gradient of the same shape.</summary>
public sealed class LlamaWeights : IDisposable
{
    public LlamaWeights(LlamaConfig config, Device device, ScalarType type = ScalarType.Float32)
        : this(config, new FlatBuffer(ParameterLayout.Of(config), device, type))
    {
    }

    private LlamaWeights(LlamaConfig config, FlatBuffer buffer)
    {
        Config = config;
        Buffer = buffer;
        IsNarrow = buffer.Flat.dtype != ScalarType.Float32;
        Embedding = buffer.View("model.embed_tokens.weight");
        Layers = [.. Enumerable.Range(0, config.NumHiddenLayers).Select(i => new LayerWeights(config, buffer, $"model.layers.{i}."))];
        Norm = buffer.View("model.norm.weight");
        Score = config.ScalarHead ? buffer.View(ParameterLayout.Score) : null;
        Head = new WeightMatrix(config.TieWordEmbeddings ? Embedding : buffer.View("lm_head.weight"));
    }

    public LlamaConfig Config { get; }
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

    /// <summary>A model of random weights: matrices normal with <see cref="LlamaConfig.InitializerRange"/>, those that write to the residual stream divided by sqrt(2·layers), norms 1. The same seed gives the same weights everywhere.</summary>
    public static LlamaWeights Random(LlamaConfig config, ulong seed) => Random(config, seed, Ops.Cpu, ScalarType.Float32);

    /// <summary>The same on a device, rounded to a type.</summary>
    public static LlamaWeights Random(LlamaConfig config, ulong seed, Device device, ScalarType type)
    {
        var weights = new LlamaWeights(config, device, type);
        var residual = config.InitializerRange / MathF.Sqrt(2f * config.NumHiddenLayers);
        foreach (var p in weights.Buffer.Layout.Parameters)
            weights.Buffer.Fill(p, 0, p.Size, Draw);
        return weights;

        void Draw(Parameter p, long first, Span<float> values)
        {
            if (!p.Decays)
                values.Fill(1f);
            else
                CounterRandom.FillNormal(values, Seeds.Derive(seed, p.Name),
                    p.Name.EndsWith("o_proj.weight", StringComparison.Ordinal) || p.Name.EndsWith("down_proj.weight", StringComparison.Ordinal) ? residual : config.InitializerRange);
        }
    }

    /// <summary>A zero buffer of the same shape, for gradients.</summary>
    public LlamaWeights NewLike() => new(Config, Buffer.NewLike());

    /// <summary>A copy with weights of its own, in another type if one is named.</summary>
    public LlamaWeights Clone(ScalarType? type = null)
    {
        var copy = type is { } other ? new LlamaWeights(Config, Buffer.Flat.device, other) : NewLike();
        using var scope = Ops.Scope();
        Ops.CopyInto(copy.Buffer.Flat, Buffer.Flat);
        return copy;
    }

    /// <summary>A float32 copy with a scalar head, which is zero where this has none: every score begins at 0.</summary>
    public LlamaWeights CloneWithScalarHead()
    {
        if (Config.ScalarHead)
            return Clone(ScalarType.Float32);
        var copy = new LlamaWeights(Config with { ScalarHead = true }, Buffer.Flat.device);
        using var scope = Ops.Scope();
        Ops.CopyInto(copy.Buffer.Flat.narrow(0, 0, Buffer.Layout.Size), Buffer.Flat); // the head is the layout's last
        return copy;
    }

    public void Dispose() => Buffer.Dispose();
}

/// <summary>The weights of one layer.</summary>
public sealed class LayerWeights(LlamaConfig config, FlatBuffer buffer, string prefix)
{
    public Tensor InputNorm { get; } = buffer.View(prefix + "input_layernorm.weight");
    public Tensor PostAttentionNorm { get; } = buffer.View(prefix + "post_attention_layernorm.weight");

    /// <summary>The four fused matrices, indexed by <see cref="FusedProjection"/>.</summary>
    public WeightMatrix[] Fused { get; } =
    [
        new(buffer.View(prefix + "self_attn.q_proj.weight", config.Heads.RowWidth)),
        new(buffer.View(prefix + "self_attn.o_proj.weight")),
        new(buffer.View(prefix + "mlp.gate_proj.weight", 2L * config.IntermediateSize)),
        new(buffer.View(prefix + "mlp.down_proj.weight")),
    ];

    public WeightMatrix this[FusedProjection projection] => Fused[(int)projection];
}
