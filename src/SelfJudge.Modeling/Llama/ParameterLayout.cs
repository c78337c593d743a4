
namespace SelfJudge.Modeling.Llama;

/// <summary>One named parameter and where it lies in a flat buffer.</summary>
/// <param name="Name">Its name in a Hugging Face checkpoint or a PEFT adapter.</param>
/// <param name="Decays">Whether weight decay applies: to matrices, not to norm weights.</param>
public sealed record Parameter(string Name, long[] Shape, long Offset, bool Decays)
{
    public long Size => Shape.Aggregate(1L, (a, b) => a * b);
}

/// <summary>
/// Names, shapes and places of parameters in one flat buffer. With all of them in one buffer, gradients, optimizer
/// state, clipping, cloning and saving are single operations.
/// </summary>
public sealed class ParameterLayout
{
    private readonly List<Parameter> _parameters = [];
    private readonly Dictionary<string, Parameter> _byName = new(StringComparer.Ordinal);

    /// <summary>The scalar head's name in a Hugging Face checkpoint for sequence classification.</summary>
    public const string Score = "score.weight";

    /// <summary>The scalar head's name in a PEFT adapter for sequence classification.</summary>
    public const string AdapterScore = "base_model.model.score.weight";

    public IReadOnlyList<Parameter> Parameters => _parameters;

    public Parameter this[string name] => _byName[name];

    /// <summary>Elements of the flat buffer: the parameter count.</summary>
    public long Size { get; private set; }

    /// <summary>
    /// All parameters of a model. Matrices that share an input follow each other (q, k, v; gate, up), so that one view
    /// of the buffer is their fused matrix and one product serves them.
    /// </summary>
    public static ParameterLayout Of(LlamaConfig config)
    {
        var layout = new ParameterLayout();
        long hidden = config.HiddenSize, inner = config.IntermediateSize;
        layout.Add("model.embed_tokens.weight", config.VocabSize, hidden);
        for (var i = 0; i < config.NumHiddenLayers; i++)
        {
            var layer = $"model.layers.{i}.";
            layout.Add(layer + "input_layernorm.weight", hidden);
            layout.Add(layer + "self_attn.q_proj.weight", config.Heads.QueryWidth, hidden);
            layout.Add(layer + "self_attn.k_proj.weight", config.Heads.KeyValueWidth, hidden);
            layout.Add(layer + "self_attn.v_proj.weight", config.Heads.KeyValueWidth, hidden);
            layout.Add(layer + "self_attn.o_proj.weight", hidden, config.Heads.QueryWidth);
            layout.Add(layer + "post_attention_layernorm.weight", hidden);
            layout.Add(layer + "mlp.gate_proj.weight", inner, hidden);
            layout.Add(layer + "mlp.up_proj.weight", inner, hidden);
            layout.Add(layer + "mlp.down_proj.weight", hidden, inner);
        }
        layout.Add("model.norm.weight", hidden);
        if (!config.TieWordEmbeddings)
            layout.Add("lm_head.weight", config.VocabSize, hidden);
        if (config.ScalarHead)
            layout.Add(Score, 1, hidden);
        return layout;
    }

    /// <summary>The A and B matrices of an adapter, layer by layer, with PEFT's names; then its scalar head, where it has one.</summary>
    /// <exception cref="ArgumentException">The adapter would do nothing, or one of its targets is not in the model.</exception>
    public static ParameterLayout Of(LlamaConfig config, LoraConfig lora)
    {
        var layout = new ParameterLayout();
        if (lora.Rank < 1 || !(lora.Alpha > 0 && float.IsFinite(lora.Scale)))
            throw new ArgumentException($"an adapter of rank {lora.Rank} and alpha {lora.Alpha} does nothing: both must be more than 0");
        var projections = Projection.All(config);
        if (lora.TargetModules.FirstOrDefault(t => !Enumerable.Range(0, config.NumHiddenLayers).Any(i => projections.Any(p => p.IsNamed(i, t)))) is { } nothing)
            throw new ArgumentException($"the adapter's target {nothing} is no projection of the model; they are {string.Join(", ", Projection.Modules)}");
        for (var i = 0; i < config.NumHiddenLayers; i++)
            foreach (var projection in projections.Where(p => lora.Targets(i, p)))
            {
                layout.Add(LoraAdapter.NameOf(i, projection, "A"), lora.Rank, projection.Inputs);
                layout.Add(LoraAdapter.NameOf(i, projection, "B"), projection.Outputs, lora.Rank);
            }
        if (lora.ScalarHead)
            layout.Add(AdapterScore, 1, config.HiddenSize);
        return layout;
    }

    /// <summary>The stretches of the buffer to which weight decay applies, neighbours merged.</summary>
    public IReadOnlyList<(long Start, long Length)> DecayRanges()
    {
        var ranges = new List<(long Start, long Length)>();
        foreach (var p in _parameters.Where(p => p.Decays))
            if (ranges.Count > 0 && ranges[^1].Start + ranges[^1].Length == p.Offset)
                ranges[^1] = (ranges[^1].Start, ranges[^1].Length + p.Size);
            else
                ranges.Add((p.Offset, p.Size));
        return ranges;
    }

    private void Add(string name, params long[] shape)
    {
        var parameter = new Parameter(name, shape, Size, Decays: shape.Length > 1);
        _parameters.Add(parameter);
        _byName.Add(name, parameter);
        Size += parameter.Size;
    }
}
