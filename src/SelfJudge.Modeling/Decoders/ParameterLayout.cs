namespace SelfJudge.Modeling.Decoders;

/// <summary>
/// Names, shapes and places of parameters in one flat buffer. With all of them in one buffer, gradients, optimizer
/// state, clipping, cloning and saving are single operations.
/// </summary>
public sealed class ParameterLayout
{
    private readonly List<Parameter> _parameters = [];
    private readonly Dictionary<string, Parameter> _byName = new(StringComparer.Ordinal);

    public IReadOnlyList<Parameter> Parameters => _parameters;

    public Parameter this[string name] => _byName[name];

    /// <summary>Elements of the flat buffer: the parameter count.</summary>
    public long Size { get; private set; }

    /// <summary>
    /// All parameters of a model. Matrices that share an input follow each other (q, k, v; gate, up), so that one view
    /// of the buffer is their fused matrix and one product serves them; so do their biases.
    /// </summary>
    public static ParameterLayout Of(DecoderConfig config)
    {
        var layout = new ParameterLayout();
        long hidden = config.HiddenSize;
        var projections = Projection.All(config).ToLookup(p => p.Fused);
        layout.Add(TensorNames.Embedding, ParameterRole.Embedding, config.VocabSize, hidden);
        for (var i = 0; i < config.NumHiddenLayers; i++)
        {
            layout.Add(TensorNames.InputNorm(i), ParameterRole.Norm, hidden);
            AddFused(i, FusedProjection.Qkv, ParameterRole.Matrix);
            if (config.Architecture.NormsQueriesAndKeys)
            {
                layout.Add(TensorNames.QueryNorm(i), ParameterRole.Norm, config.HeadDim);
                layout.Add(TensorNames.KeyNorm(i), ParameterRole.Norm, config.HeadDim);
            }
            AddFused(i, FusedProjection.Output, ParameterRole.ResidualMatrix);
            layout.Add(TensorNames.PostAttentionNorm(i), ParameterRole.Norm, hidden);
            AddFused(i, FusedProjection.GateUp, ParameterRole.Matrix);
            AddFused(i, FusedProjection.Down, ParameterRole.ResidualMatrix);
        }
        layout.Add(TensorNames.FinalNorm, ParameterRole.Norm, hidden);
        if (!config.TieWordEmbeddings)
            layout.Add(TensorNames.Head, ParameterRole.Head, config.VocabSize, hidden);
        if (config.ScalarHead)
            layout.Add(TensorNames.Score, ParameterRole.ScalarHead, 1, hidden);
        return layout;

        void AddFused(int layer, FusedProjection fused, ParameterRole role)
        {
            foreach (var projection in projections[fused])
                layout.Add(TensorNames.Matrix(layer, projection), role, projection.Outputs, projection.Inputs);
            if (!config.HasBias(fused))
                return;
            foreach (var projection in projections[fused])
                layout.Add(TensorNames.Bias(layer, projection), ParameterRole.Bias, projection.Outputs);
        }
    }

    /// <summary>The A and B matrices of an adapter, layer by layer, with PEFT's names; then its scalar head, where it has one.</summary>
    /// <exception cref="ArgumentException">The adapter would do nothing, or one of its targets is not in the model.</exception>
    public static ParameterLayout Of(DecoderConfig config, LoraConfig lora)
    {
        var layout = new ParameterLayout();
        if (lora.Rank < 1 || !(lora.Alpha > 0 && float.IsFinite(lora.Scale)))
            throw new ArgumentException($"an adapter of rank {lora.Rank} and alpha {lora.Alpha} does nothing: both must be more than 0");
        var projections = Projection.All(config);
        if (lora.TargetModules.FirstOrDefault(t =>
            !Enumerable.Range(0, config.NumHiddenLayers).Any(i => projections.Any(p => p.IsNamed(i, t)))) is { } nothing)
            throw new ArgumentException(
                $"the adapter's target {nothing} is no projection of the model; they are {string.Join(", ", Projection.Modules)}");
        for (var i = 0; i < config.NumHiddenLayers; i++)
            foreach (var projection in projections.Where(p => lora.Targets(i, p)))
            {
                layout.Add(TensorNames.Adapter(i, projection, "A"), ParameterRole.AdapterDown, lora.Rank, projection.Inputs);
                layout.Add(TensorNames.Adapter(i, projection, "B"), ParameterRole.AdapterUp, projection.Outputs, lora.Rank);
            }
        if (lora.ScalarHead)
            layout.Add(TensorNames.AdapterScore, ParameterRole.ScalarHead, 1, config.HiddenSize);
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

    private void Add(string name, ParameterRole role, params long[] shape)
    {
        var parameter = new Parameter(name, role, shape, Size);
        _parameters.Add(parameter);
        _byName.Add(name, parameter);
        Size += parameter.Size;
    }
}
