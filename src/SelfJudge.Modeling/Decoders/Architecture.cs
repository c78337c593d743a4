namespace SelfJudge.Modeling.Decoders;

/// <summary>
/// A family of decoders as Hugging Face names it: what of a layer differs between families, which keys of a configuration
/// say so, and what is meant where a key is left out. All have RMSNorm, rotary positions, grouped-query attention and SwiGLU
/// (Touvron et al. 2023); a family is added by its descriptor here.
/// </summary>
public sealed record Architecture
{
    /// <summary><c>model_type</c> of a configuration.</summary>
    public required string ModelType { get; init; }

    /// <summary>What its classes are called by, before <c>ForCausalLM</c> and <c>ForSequenceClassification</c>.</summary>
    public required string ClassName { get; init; }

    /// <summary>Families that compute the same: whoever continues a model as one of these leaves the other's class in place.</summary>
    public IReadOnlyList<string> KindredClasses { get; init; } = [];

    /// <summary>Whether queries, keys and values have biases.</summary>
    public Presence QkvBias { get; init; }

    /// <summary>Whether the output projection of attention has a bias.</summary>
    public Presence OutputBias { get; init; }

    /// <summary>Whether queries and keys are normed, head by head, before they are rotated.</summary>
    public bool NormsQueriesAndKeys { get; init; }

    /// <summary>Which keys decide about a sliding window.</summary>
    public WindowKeys Window { get; init; }

    /// <summary><c>max_position_embeddings</c> where it is left out.</summary>
    public required int DefaultPositions { get; init; }

    /// <summary><c>sliding_window</c> where it is left out.</summary>
    public int? DefaultWindow { get; init; }

    /// <summary><c>num_key_value_heads</c> where it is left out; null for as many as there are heads.</summary>
    public int? DefaultKeyValueHeads { get; init; }

    /// <summary><c>head_dim</c> where it is left out; null for the hidden size divided by the heads.</summary>
    public int? DefaultHeadDim { get; init; }

    /// <summary>Llama 1, 2 and 3 (Touvron et al. 2023).</summary>
    public static Architecture Llama { get; } = new()
    {
        ModelType = "llama",
        ClassName = "Llama",
        KindredClasses = ["Mistral"],
        QkvBias = Presence.ByKey,
        OutputBias = Presence.ByKey,
        DefaultPositions = 2048,
    };

    /// <summary>A Llama whose tokens attend within a sliding window (Jiang et al. 2023).</summary>
    public static Architecture Mistral { get; } = new()
    {
        ModelType = "mistral",
        ClassName = "Mistral",
        KindredClasses = ["Llama"],
        Window = WindowKeys.Always,
        DefaultPositions = 131_072,
        DefaultWindow = 4096,
        DefaultKeyValueHeads = 8,
    };

    /// <summary>Qwen 1.5, 2 and 2.5: queries, keys and values have biases (Yang et al. 2024).</summary>
    public static Architecture Qwen2 { get; } = new()
    {
        ModelType = "qwen2",
        ClassName = "Qwen2",
        QkvBias = Presence.Always,
        Window = WindowKeys.Switched,
        DefaultPositions = 32_768,
        DefaultWindow = 4096,
        DefaultKeyValueHeads = 32,
    };

    /// <summary>Qwen 3: queries and keys are normed in the place of biases, and heads have a size of their own (Yang et al.
    /// 2025).</summary>
    public static Architecture Qwen3 { get; } = new()
    {
        ModelType = "qwen3",
        ClassName = "Qwen3",
        QkvBias = Presence.ByKey,
        OutputBias = Presence.ByKey,
        NormsQueriesAndKeys = true,
        Window = WindowKeys.Switched,
        DefaultPositions = 32_768,
        DefaultWindow = 4096,
        DefaultKeyValueHeads = 32,
        DefaultHeadDim = 128,
    };

    /// <summary>Every family that is read.</summary>
    public static IReadOnlyList<Architecture> All { get; } = [Llama, Mistral, Qwen2, Qwen3];
}

/// <summary>Whether the models of a family have some parameters.</summary>
public enum Presence
{
    Never,

    /// <summary>Where <c>attention_bias</c> is true.</summary>
    ByKey,

    Always,
}

/// <summary>How the configurations of a family speak of a sliding window.</summary>
public enum WindowKeys
{
    /// <summary>There is none, whatever the keys say.</summary>
    None,

    /// <summary><c>sliding_window</c>, in all layers or those that <c>layer_types</c> names.</summary>
    Always,

    /// <summary>
    /// <c>sliding_window</c> where <c>use_sliding_window</c> is true, in the layers that <c>layer_types</c> names, else in those from
    /// <c>max_window_layers</c> on.
    /// </summary>
    Switched,
}
