using System.Text.Json.Nodes;
using SelfJudge.Modeling.Llama;

namespace SelfJudge.Modeling.Checkpoints;

/// <summary>A Hugging Face <c>config.json</c>, in the older and the newer spelling of its keys.</summary>
internal static class ModelConfigFile
{
    private const int MaxLayers = 1024, MaxDimension = 1 << 24; // far beyond any model: a damaged file must not ask for more than memory has

    private const string SequenceClassification = "LlamaForSequenceClassification";

    // Mistral without a sliding window is a Llama by another name.
    private static readonly string[] Architectures = ["llama", "mistral"];

    /// <exception cref="InvalidDataException">A key is missing, damaged, or asks for what is not supported; the message names the key.</exception>
    public static LlamaConfig Parse(JsonObject json)
    {
        var type = json.Text("model_type");
        if (!Architectures.Contains(type))
            throw new InvalidDataException($"model_type is {type ?? "missing"}; supported are {string.Join(" and ", Architectures)}");
        if (json["quantization_config"] is { } quantization)
            throw new InvalidDataException($"the weights are quantized (quantization_config: {(quantization as JsonObject)?["quant_method"]?.ToJsonString() ?? "of no named method"}), which is not supported: use the model's F32, F16 or BF16 files");
        if (json.Value<bool>("attention_bias") == true || json.Value<bool>("mlp_bias") == true)
            throw new InvalidDataException("attention_bias and mlp_bias are not supported");
        if ((json.Text("hidden_act") ?? "silu") is var activation and not ("silu" or "swish"))
            throw new InvalidDataException($"hidden_act is {activation}; supported is silu");
        int hidden = Dimension(json, "hidden_size"), heads = Dimension(json, "num_attention_heads");
        var keyValueHeads = json["num_key_value_heads"] is null ? heads : Dimension(json, "num_key_value_heads");
        if (heads % keyValueHeads != 0)
            throw new InvalidDataException($"num_attention_heads ({heads}) is not a multiple of num_key_value_heads ({keyValueHeads})");
        var headDim = json["head_dim"] is not null ? Dimension(json, "head_dim")
            : hidden % heads == 0 ? hidden / heads
            : throw new InvalidDataException($"hidden_size ({hidden}) is not a multiple of num_attention_heads ({heads}), and head_dim is missing");
        if (headDim % 2 != 0)
            throw new InvalidDataException($"head_dim is {headDim}; rotary positions need an even one");
        if ((long)heads * headDim > MaxDimension)
            throw new InvalidDataException($"num_attention_heads ({heads}) times head_dim ({headDim}) is more than {MaxDimension}");
        var positions = json["max_position_embeddings"] is null ? 2048 : Dimension(json, "max_position_embeddings");
        if (json.Value<int>("sliding_window") is { } window && window < positions && json.Value<bool>("use_sliding_window") != false)
            throw new InvalidDataException($"sliding_window is {window}, fewer than the {positions} positions; attention over a window is not supported: set sliding_window to null and max_position_embeddings to {window} to use the model within it");
        var rope = json["rope_parameters"] ?? json["rope_scaling"];
        if (rope is not (null or JsonObject))
            throw new InvalidDataException($"{(json["rope_parameters"] is null ? "rope_scaling" : "rope_parameters")} is {JsonFile.Shown(rope)}, which is no object");
        return new LlamaConfig
        {
            VocabSize = Dimension(json, "vocab_size"),
            HiddenSize = hidden,
            IntermediateSize = Dimension(json, "intermediate_size"),
            NumHiddenLayers = Dimension(json, "num_hidden_layers", MaxLayers),
            NumAttentionHeads = heads,
            NumKeyValueHeads = keyValueHeads,
            HeadDim = headDim,
            MaxPositionEmbeddings = positions,
            RmsNormEps = json.Value<float>("rms_norm_eps") ?? 1e-6f,
            RopeTheta = Positive((rope as JsonObject)?.Value<double>("rope_theta") ?? json.Value<double>("rope_theta") ?? 10_000, "rope_theta"),
            RopeScaling = ParseScaling(rope as JsonObject),
            TieWordEmbeddings = json.Value<bool>("tie_word_embeddings") ?? false,
            ScalarHead = json["architectures"] is JsonArray architectures && architectures.Any(a => a is JsonValue v && v.TryGetValue<string>(out var name) && name == SequenceClassification),
            BosTokenId = json.Value<int>("bos_token_id"),
            EosTokenIds = ParseEos(json),
            InitializerRange = json.Value<float>("initializer_range") ?? 0.02f,
        };
    }

    /// <summary>The end tokens that a configuration names: none, one, or a list.</summary>
    public static IReadOnlyList<int> ParseEos(JsonObject json) => json["eos_token_id"] switch
    {
        null => [],
        JsonArray several => [.. several.Select(id => id is JsonValue v && v.TryGetValue<int>(out var found) ? found : throw new InvalidDataException($"eos_token_id is {JsonFile.Shown(several)}, which is no list of integers"))],
        _ => [json.Value<int>("eos_token_id")!.Value],
    };

    private static RopeScaling? ParseScaling(JsonObject? rope)
    {
        var type = rope?.Text("rope_type") ?? rope?.Text("type");
        double Factor(string key) => Positive(rope!.Value<double>(key) ?? throw new InvalidDataException($"{key} of the rope scaling is missing"), key);
        return type switch
        {
            null or "default" => null,
            "linear" => new RopeScaling(type, Factor("factor")),
            "llama3" => new RopeScaling(type, Factor("factor"), Factor("low_freq_factor"), Factor("high_freq_factor"), Dimension(rope!, "original_max_position_embeddings")),
            _ => throw new InvalidDataException($"rope scaling of type {type} is not supported; supported are linear and llama3"),
        };
    }

    private static int Dimension(JsonObject json, string key, int most = MaxDimension) => json.Value<int>(key) switch
    {
        null => throw new InvalidDataException($"{key} is missing"),
        { } value when value >= 1 && value <= most => value,
        { } value => throw new InvalidDataException($"{key} is {value}; it must be between 1 and {most}"),
    };

    private static double Positive(double value, string key) => value > 0 && double.IsFinite(value) ? value : throw new InvalidDataException($"{key} is {value}; it must be more than 0");

    public static JsonObject Render(LlamaConfig config)
    {
        var json = RenderModel(config);
        if (config.ScalarHead)
            json["num_labels"] = 1;
        return json;
    }

    private static JsonObject RenderModel(LlamaConfig config) => new()
    {
        ["architectures"] = new JsonArray(config.ScalarHead ? SequenceClassification : "LlamaForCausalLM"),
        ["model_type"] = "llama",
        ["hidden_act"] = "silu",
        ["vocab_size"] = config.VocabSize,
        ["hidden_size"] = config.HiddenSize,
        ["intermediate_size"] = config.IntermediateSize,
        ["num_hidden_layers"] = config.NumHiddenLayers,
        ["num_attention_heads"] = config.NumAttentionHeads,
        ["num_key_value_heads"] = config.NumKeyValueHeads,
        ["head_dim"] = config.HeadDim,
        ["max_position_embeddings"] = config.MaxPositionEmbeddings,
        ["rms_norm_eps"] = config.RmsNormEps,
        ["rope_theta"] = config.RopeTheta,
        ["rope_scaling"] = config.RopeScaling is not { } scaling ? null : scaling.Type == "linear"
            ? new JsonObject { ["rope_type"] = "linear", ["factor"] = scaling.Factor }
            : new JsonObject
            {
                ["rope_type"] = scaling.Type,
                ["factor"] = scaling.Factor,
                ["low_freq_factor"] = scaling.LowFreqFactor,
                ["high_freq_factor"] = scaling.HighFreqFactor,
                ["original_max_position_embeddings"] = scaling.OriginalMaxPositionEmbeddings,
            },
        ["attention_bias"] = false,
        ["mlp_bias"] = false,
        ["tie_word_embeddings"] = config.TieWordEmbeddings,
        ["bos_token_id"] = config.BosTokenId,
        ["eos_token_id"] = EosOf(config),
        ["initializer_range"] = config.InitializerRange,
        ["torch_dtype"] = "float32",
    };

    /// <summary>A <c>generation_config.json</c>.</summary>
    public static JsonObject RenderGeneration(LlamaConfig config) => new()
    {
        ["bos_token_id"] = config.BosTokenId,
        ["eos_token_id"] = EosOf(config),
        ["do_sample"] = true,
    };

    private static JsonNode? EosOf(LlamaConfig config) => config.EosTokenIds.Count switch
    {
        0 => null,
        1 => config.EosTokenIds[0],
        _ => new JsonArray([.. config.EosTokenIds.Select(id => (JsonNode)id)]),
    };
}
