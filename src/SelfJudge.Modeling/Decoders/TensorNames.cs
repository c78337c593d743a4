namespace SelfJudge.Modeling.Decoders;

/// <summary>What Hugging Face checkpoints and PEFT adapters call the parameters of these families.</summary>
internal static class TensorNames
{
    public const string Embedding = "model.embed_tokens.weight";
    public const string FinalNorm = "model.norm.weight";
    public const string Head = "lm_head.weight";

    /// <summary>The scalar head of a checkpoint for sequence classification.</summary>
    public const string Score = "score.weight";

    /// <summary>The scalar head of an adapter for sequence classification.</summary>
    public const string AdapterScore = "base_model.model.score.weight";

    public static string InputNorm(int layer) => $"{Layer(layer)}.input_layernorm.weight";

    public static string PostAttentionNorm(int layer) => $"{Layer(layer)}.post_attention_layernorm.weight";

    public static string QueryNorm(int layer) => $"{Layer(layer)}.self_attn.q_norm.weight";

    public static string KeyNorm(int layer) => $"{Layer(layer)}.self_attn.k_norm.weight";

    /// <summary>A projection's module; its matrix is the <c>weight</c> of it.</summary>
    public static string Module(int layer, Projection projection) => $"{Layer(layer)}.{projection.Block}.{projection.Module}";

    public static string Matrix(int layer, Projection projection) => $"{Module(layer, projection)}.weight";

    public static string Bias(int layer, Projection projection) => $"{Module(layer, projection)}.bias";

    /// <summary>One of the two matrices that an adapter has beside a projection, <c>A</c> or <c>B</c>.</summary>
    public static string Adapter(int layer, Projection projection, string matrix) =>
        $"base_model.model.{Module(layer, projection)}.lora_{matrix}.weight";

    private static string Layer(int layer) => $"model.layers.{layer}";
}
