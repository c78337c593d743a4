using SelfJudge.Modeling.Kernels;
using SelfJudge.Modeling.Tensors;
using SelfJudge.Preferences.Randomness;
using static TorchSharp.torch;

namespace SelfJudge.Modeling.Decoders;

/// <summary>The shape of a low-rank adapter (Hu et al. 2021), in PEFT's words.</summary>
/// <param name="TargetModules">Which projections: their names in the model, whole (<c>model.layers.0.mlp.up_proj</c>), or their ends
/// (<c>mlp.up_proj</c>, or any of <see cref="Projection.Modules"/>).</param>
/// <param name="RankStabilized">Scale by alpha/sqrt(rank) (rsLoRA) instead of alpha/rank.</param>
/// <param name="ScalarHead">Whether it brings a scalar head, whole, beside the low-rank matrices.</param>
public sealed record LoraConfig(int Rank, float Alpha, IReadOnlyList<string> TargetModules, bool RankStabilized = false,
    bool ScalarHead = false)
{
    /// <summary>Whether a projection of a layer is adapted.</summary>
    public bool Targets(int layer, Projection projection) => TargetModules.Any(t => projection.IsNamed(layer, t));

    public float Scale => Alpha / (RankStabilized ? MathF.Sqrt(Rank) : Rank);
}

/// <summary>
/// A low-rank adapter: y = x·Wᵀ + scale·(x·Aᵀ)·Bᵀ for its target projections. It is applied beside the base weights and
/// never merged into them, so that one set of base weights serves policy, reference and judge without drift.
/// </summary>
public sealed class LoraAdapter : IDisposable
{
    private readonly ILookup<(int Layer, FusedProjection Fused), LoraPart> _parts;

    public LoraAdapter(DecoderConfig model, LoraConfig config, Device device)
        : this(model, config, new FlatBuffer(ParameterLayout.Of(model, config), device))
    {
    }

    private LoraAdapter(DecoderConfig model, LoraConfig config, FlatBuffer buffer)
    {
        Model = model;
        Config = config;
        Buffer = buffer;
        Score = config.ScalarHead ? buffer.View(TensorNames.AdapterScore) : null;
        _parts = (from layer in Enumerable.Range(0, model.NumHiddenLayers)
                  from projection in Projection.All(model)
                  where config.Targets(layer, projection)
                  select (Key: (layer, projection.Fused), Part: new LoraPart(projection, buffer, layer)))
                 .ToLookup(x => x.Key, x => x.Part);
    }

    public DecoderConfig Model { get; }
    public LoraConfig Config { get; }
    public FlatBuffer Buffer { get; }

    /// <summary>The scalar head [1, hidden], where the adapter brings one.</summary>
    public Tensor? Score { get; }

    /// <summary>All adapted projections.</summary>
    public IEnumerable<LoraPart> Parts => _parts.SelectMany(p => p);

    /// <summary>The adapted projections within one fused matrix of a layer.</summary>
    public IEnumerable<LoraPart> PartsOf(int layer, FusedProjection fused) => _parts[(layer, fused)];

    /// <summary>A new adapter that changes nothing yet: A uniform in ±1/sqrt(inputs) as PEFT draws it, B and a scalar head zero.</summary>
    public static LoraAdapter Random(DecoderConfig model, LoraConfig config, Device device, ulong seed)
    {
        var adapter = new LoraAdapter(model, config, device);
        using var scope = Ops.Scope();
        foreach (var p in adapter.Buffer.Layout.Parameters.Where(p => p.Role == ParameterRole.AdapterDown))
        {
            var values = new float[p.Size];
            CounterRandom.FillUniform(values, Seeds.Derive(seed, p.Name), 1f / MathF.Sqrt(p.Shape[1]));
            Ops.CopyInto(adapter.Buffer.View(p.Name), Ops.FromArray(values, device, p.Shape));
        }
        return adapter;
    }

    /// <summary>A copy with matrices of its own.</summary>
    public LoraAdapter Clone()
    {
        var copy = NewLike();
        using var scope = Ops.Scope();
        Ops.CopyInto(copy.Buffer.Flat, Buffer.Flat);
        return copy;
    }

    public LoraAdapter NewLike() => new(Model, Config, Buffer.NewLike());

    public void Dispose() => Buffer.Dispose();
}

/// <summary>The two matrices of one adapted projection: A [rank, inputs], B [outputs, rank].</summary>
public sealed class LoraPart
{
    internal LoraPart(Projection projection, FlatBuffer buffer, int layer)
    {
        Projection = projection;
        A = new WeightMatrix(buffer.View(TensorNames.Adapter(layer, projection, "A")));
        B = new WeightMatrix(buffer.View(TensorNames.Adapter(layer, projection, "B")));
    }

    public Projection Projection { get; }
    public WeightMatrix A { get; }
    public WeightMatrix B { get; }
}
