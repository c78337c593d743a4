using System.Text.Json.Nodes;
using SelfJudge.Modeling.Decoders;
using SelfJudge.Modeling.Files;

namespace SelfJudge.Modeling.Checkpoints;

/// <summary>A Hugging Face <c>config.json</c>, in the older and the newer spelling of its keys.</summary>
internal static class ModelConfigFile
{
    // far beyond any model: a damaged file must not ask for more than memory has
    private const int MaxLayers = 1024, MaxDimension = 1 << 24;

    private const int DefaultMaxWindowLayers = 28; // of every family that has the key

    private const string SequenceClassification = "ForSequenceClassification";

    private static readonly string[] Heads = ["ForCausalLM", SequenceClassification, "Model"];

    // Of this family's kin: factors that change nothing where they are 1 ...
    private static readonly string[] Factors =
    [
        "embedding_multiplier", "residual_multiplier", "logits_scaling", "logit_scale", "scale_emb", "embedding_scale",
            "lm_head_multiplier", "key_multiplier",
        "attention_in_multiplier", "attention_out_multiplier", "partial_rotary_factor", "rotary_pct", "rotary_percent",
    ];

    // ... and what changes nothing where it is absent, null, false, 0 or empty.
    private static readonly string[] Switches =
    [
        "mlp_bias", "qkv_bias", "use_bias", "bias", "add_bias_linear", "use_qk_norm", "qk_norm", "qk_layernorm", "use_qk_layernorm",
            "final_logit_softcapping", "attn_logit_softcapping",
        "logits_soft_cap", "clip_qkv", "alibi", "use_alibi", "parallel_attn", "use_parallel_residual", "no_rope_layers",
            "no_rope_layer_interval", "num_local_experts", "num_experts",
        "n_routed_experts", "num_experts_per_tok", "attention_chunk_size", "attn_temperature_tuning", "sliding_window_pattern",
            "rope_interleaved", "rope_interleave",
        "is_encoder_decoder", "add_cross_attention", "cross_attention_layers", "kv_lora_rank", "q_lora_rank", "rope_local_base_freq",
            "dual_chunk_attention_config", "use_mrope", "scale_depth",
        "dim_model_base", "scale_attn_by_inverse_layer_idx", "compression_config",
    ];

    /// <exception cref="InvalidDataException">A key is missing, damaged, or asks for what is not supported; the message names the
    /// key.</exception>
    public static DecoderConfig Parse(JsonObject json)
    {
        var type = json.Text("model_type");
        var family = Architecture.All.FirstOrDefault(f => f.ModelType == type)
            ?? throw new InvalidDataException(
                $"model_type is {type ?? "missing"}; supported are {string.Join(", ", Architecture.All.Select(f => f.ModelType))}");
        CheckQuantization(json);
        var isClassifier = ArchitectureOf(json, family).EndsWith(SequenceClassification, StringComparison.Ordinal);
        var attentionBias = json.Value<bool>("attention_bias") ?? false;
        if (attentionBias && family.QkvBias == Presence.Never)
            throw new InvalidDataException($"attention_bias is true, and a {family.ModelType} has no biases");
        foreach (var key in new[] { "hidden_act", "hidden_activation" })
            if ((json.Text(key) ?? "silu") is var activation and not ("silu" or "swish"))
                throw new InvalidDataException($"{key} is {activation}; supported is silu");
        int hidden = Dimension(json, "hidden_size"), heads = Dimension(json, "num_attention_heads");
        var keyValueHeads = json["num_key_value_heads"] is not null ? Dimension(json, "num_key_value_heads")
            : !json.ContainsKey("num_key_value_heads") && family.DefaultKeyValueHeads is { } usual && heads % usual == 0 ? usual : heads;
        if (heads % keyValueHeads != 0)
            throw new InvalidDataException($"num_attention_heads ({heads}) is not a multiple of num_key_value_heads ({keyValueHeads})");
        var headDim = json["head_dim"] is not null ? Dimension(json, "head_dim")
            : family.DefaultHeadDim is { } size ? size
            : hidden % heads == 0 ? hidden / heads
            : throw new InvalidDataException(
                $"hidden_size ({hidden}) is not a multiple of num_attention_heads ({heads}), and head_dim is missing");
        if (headDim % 2 != 0)
            throw new InvalidDataException($"head_dim is {headDim}; rotary positions need an even one");
        if ((long)heads * headDim > MaxDimension)
            throw new InvalidDataException($"num_attention_heads ({heads}) times head_dim ({headDim}) is more than {MaxDimension}");
        CheckKin(json, headDim);
        var positions = json["max_position_embeddings"] is null ? family.DefaultPositions : Dimension(json, "max_position_embeddings");
        var layers = Dimension(json, "num_hidden_layers", MaxLayers);
        var (window, slidingLayers) = ParseWindow(json, family, positions, layers);
        var rope = RopeOf(json);
        return new DecoderConfig
        {
            Architecture = family,
            VocabSize = Dimension(json, "vocab_size"),
            HiddenSize = hidden,
            IntermediateSize = Dimension(json, "intermediate_size"),
            NumHiddenLayers = layers,
            NumAttentionHeads = heads,
            NumKeyValueHeads = keyValueHeads,
            HeadDim = headDim,
            MaxPositionEmbeddings = positions,
            SlidingWindow = window,
            SlidingLayers = slidingLayers,
            RmsNormEps = NotNegative(json.Value<float>("rms_norm_eps") ?? 1e-6f, "rms_norm_eps"),
            RopeTheta = Positive(rope?.Value<double>("rope_theta") ?? json.Value<double>("rope_theta") ?? 10_000, "rope_theta"),
            RopeScaling = ParseScaling(rope),
            AttentionBias = attentionBias && family.QkvBias == Presence.ByKey,
            TieWordEmbeddings = json.Value<bool>("tie_word_embeddings") ?? false,
            ScalarHead = isClassifier,
            BosTokenId = json.Value<int>("bos_token_id"),
            EosTokenIds = ParseEos(json, Dimension(json, "vocab_size")),
            InitializerRange = NotNegative(json.Value<float>("initializer_range") ?? 0.02f, "initializer_range"),
        };
    }

    private static void CheckQuantization(JsonObject json)
    {
        const string Instead = "which is not supported: use the model's F32, F16 or BF16 files";
        if (json["quantization"] is { } mlx)
            throw new InvalidDataException($"the weights are quantized by MLX (quantization: {JsonFile.Shown(mlx)}), {Instead}");
        if (json["quantization_config"] is { } quantization)
            throw new InvalidDataException(
                $"the weights are quantized (quantization_config: "
                + $"{(quantization as JsonObject)?["quant_method"]?.ToJsonString() ?? "of no named method"}), {Instead}");
    }

    // The class that the model was saved as; a language model where none is named.
    private static string ArchitectureOf(JsonObject json, Architecture family)
    {
        var named = json["architectures"] switch
        {
            null => [],
            JsonArray list when list.All(a => a is JsonValue v && v.TryGetValue<string>(out _)) =>
                list.Select(a => a!.GetValue<string>()).ToList(),
            var other => throw new InvalidDataException($"architectures is {JsonFile.Shown(other)}, which is no list of names"),
        };
        var known = family.KindredClasses.Append(family.ClassName).SelectMany(c => Heads.Select(h => c + h)).ToList();
        return named.Find(a => !known.Contains(a)) is { } unknown
            ? throw new InvalidDataException(
                $"architectures names {unknown}; supported are "
                + $"{string.Join(", ", Heads.Where(h => h != "Model").Select(h => family.ClassName + h))}")
            : named.FirstOrDefault() ?? "";
    }

    // What other models of the same build compute besides. transformers reads none of it for a Llama or a Mistral; a
    // checkpoint that asks for it was made for other code.
    private static void CheckKin(JsonObject json, int headDim)
    {
        foreach (var key in Factors)
            CheckFactor(json, key, 1);
        CheckFactor(json, "attention_multiplier", 1 / Math.Sqrt(headDim));
        CheckFactor(json, "query_pre_attn_scalar", headDim);
        if (Array.Find(Switches, k => JsonFile.IsSet(json[k])) is { } on)
            throw new InvalidDataException($"{on} is {JsonFile.Shown(json[on]!)}, which is not supported");
        if ((json.Text("position_embedding_type") ?? "rope") is var positions and not ("rope" or "rotary"))
            throw new InvalidDataException($"position_embedding_type is {positions}; supported is rope");
    }

    private static void CheckFactor(JsonObject json, string key, double neutral)
    {
        if (json.Value<double>(key) is { } factor && !(Math.Abs(factor - neutral) <= 1e-6 * neutral))
            throw new InvalidDataException($"{key} is {JsonFile.Shown(json[key]!)}; supported is {neutral:0.######}");
    }

    // A token sees itself and the window - 1 before it. A window of all positions is none. A Mistral with layer_types is loaded by
    // transformers as a Ministral, which goes by them.
    private static (int? Window, IReadOnlyList<bool>? Layers) ParseWindow(JsonObject json, Architecture family, int positions, int layers)
    {
        if (family.Window == WindowKeys.None)
            return (null, null);
        var isOn = family.Window == WindowKeys.Always || json.Value<bool>("use_sliding_window") == true;
        var window = !isOn ? null
            : !json.ContainsKey("sliding_window") ? family.DefaultWindow
            : json["sliding_window"] is null ? null : Dimension(json, "sliding_window");
        List<bool>? sliding = json["layer_types"] switch
        {
            null => family.Window == WindowKeys.Switched && window is not null
                ? FromLayer(json.Value<int>("max_window_layers") ?? DefaultMaxWindowLayers, layers) : null,
            JsonArray types => [.. types.Select(t =>
                t is JsonValue v && v.TryGetValue<string>(out var name) && name is "full_attention" or "sliding_attention"
                    ? name == "sliding_attention"
                : throw new InvalidDataException(
                    $"layer_types names {t?.ToJsonString() ?? "null"}; supported are full_attention and sliding_attention"))],
            var other => throw new InvalidDataException($"layer_types is {JsonFile.Shown(other)}, which is no list"),
        };
        if (sliding is not null && sliding.Count != layers)
            throw new InvalidDataException($"layer_types names {sliding.Count} layers, num_hidden_layers is {layers}");
        if (window is null && sliding?.Contains(true) == true)
            throw new InvalidDataException(
                $"layer_types names sliding_attention, and {(isOn ? "sliding_window is missing" : "use_sliding_window is not true")}");
        if (window >= positions || sliding?.Contains(true) == false)
            return (null, null);
        return (window, window is null || sliding?.Contains(false) != true ? null : sliding);
    }

    private static List<bool> FromLayer(int first, int layers) => [.. Enumerable.Range(0, layers).Select(i => i >= first)];

    // In newer files rope_parameters, in older ones rope_scaling.
    private static JsonObject? RopeOf(JsonObject json)
    {
        foreach (var key in new[] { "rope_parameters", "rope_scaling" })
            if (json[key] is { } value and not JsonObject)
                throw new InvalidDataException($"{key} is {JsonFile.Shown(value)}, which is no object");
        if (json["rope_parameters"] is { } newer && json["rope_scaling"] is { } older && !JsonNode.DeepEquals(newer, older))
            throw new InvalidDataException("rope_parameters and rope_scaling contradict each other: leave one of them out");
        return (json["rope_parameters"] ?? json["rope_scaling"]) as JsonObject;
    }

    /// <summary>The end tokens that a configuration names: none, one, or a list.</summary>
    public static IReadOnlyList<int> ParseEos(JsonObject json, int vocabulary)
    {
        IReadOnlyList<int> ids = json["eos_token_id"] switch
        {
            null => [],
            JsonArray several => [.. several.Select(id =>
                id is JsonValue v && v.TryGetValue<int>(out var found) ? found
                    : throw new InvalidDataException($"eos_token_id is {JsonFile.Shown(several)}, which is no list of integers"))],
            _ => [json.Value<int>("eos_token_id")!.Value],
        };
        return ids.All(id => id >= 0 && id < vocabulary) ? ids
            : throw new InvalidDataException(
                $"eos_token_id is {JsonFile.Shown(json["eos_token_id"]!)}; the model knows the ids 0 to {vocabulary - 1} only (vocab_size "
                + $"{vocabulary})");
    }

    private static RopeScaling? ParseScaling(JsonObject? rope)
    {
        if (rope is null)
            return null;
        var type = rope.Text("rope_type") ?? rope.Text("type") ?? "default";
        double Factor(string key) =>
            Positive(rope.Value<double>(key) ?? throw new InvalidDataException($"{key} of the rope scaling is missing"), key);
        string[] own = type switch
        {
            "default" => [],
            "linear" => ["factor"],
            "llama3" => ["factor", "low_freq_factor", "high_freq_factor"],
            _ => throw new InvalidDataException($"rope scaling of type {type} is not supported; supported are linear and llama3"),
        };
        CheckFactor(rope, "partial_rotary_factor", 1);
        if (rope.FirstOrDefault(p => p.Value is not null && !own.Contains(p.Key)
            && p.Key is not ("rope_type" or "type" or "rope_theta" or "partial_rotary_factor" or "original_max_position_embeddings"))
            is { Key: { } unknown })
            throw new InvalidDataException($"{unknown} of the rope scaling is not supported where its type is {type}");
        switch (type)
        {
            case "linear":
                return new RopeScaling(type, Factor("factor"));
            case "llama3":
                var (low, high) = (Factor("low_freq_factor"), Factor("high_freq_factor"));
                return high > low ? new RopeScaling(type, Factor("factor"), low, high, Dimension(rope, "original_max_position_embeddings"))
                    : throw new InvalidDataException(
                        $"high_freq_factor ({high}) of the rope scaling must be more than low_freq_factor ({low})");
            default:
                return null;
        }
    }

    private static int Dimension(JsonObject json, string key, int most = MaxDimension) => json.Value<int>(key) switch
    {
        null => throw new InvalidDataException($"{key} is missing"),
        { } value when value >= 1 && value <= most => value,
        { } value => throw new InvalidDataException($"{key} is {value}; it must be between 1 and {most}"),
    };

    // Far beyond any model on either side, and such that every frequency made of them is a number.
    private static double Positive(double value, string key) => value is >= 1e-30 and <= 1e30 ? value
        : throw new InvalidDataException($"{key} is {value}; it must be more than 0{(value > 0 ? ", and between 1E-30 and 1E+30" : "")}");

    private static float NotNegative(float value, string key) =>
        value >= 0 && float.IsFinite(value) ? value : throw new InvalidDataException($"{key} is {value}; it must be 0 or more");

    public static JsonObject Render(DecoderConfig config)
    {
        var json = RenderModel(config);
        if (config.ScalarHead)
            json["num_labels"] = 1;
        if (config.Architecture.Window != WindowKeys.None)
            json["sliding_window"] = config.SlidingWindow;
        else if (config.SlidingWindow is not null)
            throw new ArgumentException($"a {config.Architecture.ModelType} has no sliding window");
        if (config.Architecture.Window == WindowKeys.Switched)
        {
            json["use_sliding_window"] = config.SlidingWindow is not null;
            // Older versions of transformers know no layer_types.
            json["max_window_layers"] = config.SlidingWindow is null ? config.NumHiddenLayers
                : config.SlidingLayers?.TakeWhile(sliding => !sliding).Count() ?? 0;
        }
        if (config.SlidingLayers is { } layers)
            json["layer_types"] = new JsonArray(
                [.. layers.Select(sliding => (JsonNode)(sliding ? "sliding_attention" : "full_attention"))]);
        return json;
    }

    private static JsonObject RenderModel(DecoderConfig config) => new()
    {
        ["architectures"] = new JsonArray(ClassOf(config)),
        ["model_type"] = config.Architecture.ModelType,
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
        ["attention_bias"] = config.AttentionBias,
        ["mlp_bias"] = false,
        ["tie_word_embeddings"] = config.TieWordEmbeddings,
        ["bos_token_id"] = config.BosTokenId,
        ["eos_token_id"] = EosOf(config),
        ["initializer_range"] = config.InitializerRange,
        ["torch_dtype"] = "float32",
    };

    /// <summary>The class of transformers that a model is.</summary>
    public static string ClassOf(DecoderConfig config) =>
        config.Architecture.ClassName + (config.ScalarHead ? SequenceClassification : "ForCausalLM");

    /// <summary>A <c>generation_config.json</c>.</summary>
    public static JsonObject RenderGeneration(DecoderConfig config) => new()
    {
        ["bos_token_id"] = config.BosTokenId,
        ["eos_token_id"] = EosOf(config),
        ["do_sample"] = true,
    };

    private static JsonNode? EosOf(DecoderConfig config) => config.EosTokenIds.Count switch
    {
        0 => null,
        1 => config.EosTokenIds[0],
        _ => new JsonArray([.. config.EosTokenIds.Select(id => (JsonNode)id)]),
    };
}
