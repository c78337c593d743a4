using System.Text.Json;
using System.Text.Json.Nodes;
using SelfJudge.Modeling.Llama;
using SelfJudge.Modeling.Tensors;
using SelfJudge.Modeling.Tokenizers;
using SelfJudge.Preferences.Templates;
using static TorchSharp.torch;

namespace SelfJudge.Modeling.Checkpoints;

/// <summary>A Hugging Face model folder: <c>config.json</c>, safetensors weights whole or in shards, tokenizer files.</summary>
public static class ModelFolder
{
    private const string ConfigFile = "config.json";
    private const string WeightsFile = "model.safetensors";
    private const string IndexFile = "model.safetensors.index.json";

    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };

    /// <exception cref="InvalidDataException">The configuration is missing, damaged, or of another architecture.</exception>
    public static LlamaConfig ReadConfig(string folder)
    {
        var path = Path.Combine(folder, ConfigFile);
        if (!File.Exists(path))
            throw new InvalidDataException($"{folder} is not a model folder: it has no {ConfigFile}");
        try
        {
            return ParseConfig(JsonNode.Parse(File.ReadAllText(path)) as JsonObject ?? throw new InvalidDataException("not a JSON object"));
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or FormatException or InvalidDataException)
        {
            throw new InvalidDataException($"{path}: {e.Message}", e);
        }
    }

    /// <summary>Reads weights as float32 onto a device, a tensor at a time.</summary>
    /// <exception cref="InvalidDataException">A tensor is missing, misshapen or of a type that is not supported; the message names it.</exception>
    public static LlamaWeights ReadWeights(string folder, LlamaConfig config, Device device)
    {
        var weights = new LlamaWeights(config, device);
        try
        {
            foreach (var shard in weights.Buffer.Layout.Parameters.GroupBy(p => ShardOf(folder, p.Name)))
            {
                using var reader = new SafeTensorsReader(shard.Key);
                foreach (var parameter in shard)
                    ReadParameter(reader, parameter, parameter.Name, weights.Buffer);
            }
            return weights;
        }
        catch
        {
            weights.Dispose();
            throw;
        }
    }

    /// <summary>The tokenizer that a folder holds.</summary>
    /// <exception cref="InvalidDataException">It holds none that is supported.</exception>
    public static TextTokenizer ReadTokenizer(string folder)
    {
        string json = Path.Combine(folder, "tokenizer.json"), model = Path.Combine(folder, "tokenizer.model");
        if (File.Exists(model))
            return SentencePieceText.Load(model);
        if (File.Exists(json))
            return TokenizerSettings.ReadJson(json, TokenizerJson.TypeOf) == "WordLevel" ? WordLevelTokenizer.Load(json) : BytePairTokenizer.Load(json);
        throw new InvalidDataException($"{folder} holds no tokenizer: neither tokenizer.model nor tokenizer.json");
    }

    /// <summary>The tokens at which <c>generation_config.json</c> stops; none where it is not there or names none.</summary>
    /// <exception cref="InvalidDataException">It is damaged.</exception>
    public static IReadOnlyList<int> ReadGenerationEos(string folder)
    {
        var path = Path.Combine(folder, "generation_config.json");
        return !File.Exists(path) ? [] : TokenizerSettings.ReadJson<IReadOnlyList<int>>(path, json => !json.TryGetProperty("eos_token_id", out var eos) || eos.ValueKind == JsonValueKind.Null ? []
            : eos.ValueKind == JsonValueKind.Array ? [.. eos.EnumerateArray().Select(id => id.GetInt32())] : [eos.GetInt32()]);
    }

    /// <summary>The dialogue template that a model was taught, as far as its <c>chat_template</c> shows it.</summary>
    /// <exception cref="InvalidDataException">It has none, or one that is not known; the message says what to do.</exception>
    public static DialogueTemplate ReadDialogueTemplate(string folder)
    {
        const string What = "name the dialogue template with --template (in a recipe: model.dialogue_template)";
        var chatTemplate = TokenizerSettings.Read(folder).ChatTemplate ?? throw new InvalidDataException($"{folder} has no chat_template in its tokenizer_config.json: {What}; known are {DialogueTemplate.Known}");
        return DialogueTemplate.Recognise(chatTemplate) ?? throw new InvalidDataException($"{folder}: its chat_template is none of those known: {What}; known are {DialogueTemplate.Known}");
    }

    /// <summary>Writes a whole model folder, which then exists whole or not at all.</summary>
    public static void Write(string folder, LlamaConfig config, IReadOnlyList<NamedArray> weights, TextTokenizer tokenizer) =>
        AtomicFolder.Write(folder, temporary =>
        {
            WriteFiles(temporary, config, weights);
            File.WriteAllText(Path.Combine(temporary, "generation_config.json"), new JsonObject
            {
                ["bos_token_id"] = config.BosTokenId,
                ["eos_token_id"] = EosOf(config),
                ["do_sample"] = true,
            }.ToJsonString(Indented));
            tokenizer.Save(temporary);
        });

    /// <summary>Writes configuration and weights into a folder that is there.</summary>
    internal static void WriteFiles(string folder, LlamaConfig config, IReadOnlyList<NamedArray> weights)
    {
        File.WriteAllText(Path.Combine(folder, ConfigFile), RenderConfig(config).ToJsonString(Indented));
        SafeTensors.Write(Path.Combine(folder, WeightsFile), weights);
    }

    /// <summary>Copies one parameter from a file into its place, checking name and shape.</summary>
    internal static void ReadParameter(SafeTensorsReader reader, Parameter parameter, string name, FlatBuffer buffer)
    {
        if (!reader.Tensors.TryGetValue(name, out var entry))
            throw new InvalidDataException($"{reader.Path}: the tensor {name} is missing");
        if (!entry.Shape.SequenceEqual(parameter.Shape))
            throw new InvalidDataException($"{reader.Path}: tensor {name} has the shape [{string.Join(", ", entry.Shape)}], the configuration asks for [{string.Join(", ", parameter.Shape)}]");
        reader.ReadFloats(name, (first, values) =>
        {
            using var scope = Ops.Scope();
            Ops.CopyInto(buffer.Flat.narrow(0, parameter.Offset + first, values.Length), Ops.FromArray(values.ToArray(), buffer.Flat.device));
        });
    }

    private static string ShardOf(string folder, string tensor)
    {
        var single = Path.Combine(folder, WeightsFile);
        if (File.Exists(single))
            return single;
        var index = Path.Combine(folder, IndexFile);
        if (!File.Exists(index))
            throw new InvalidDataException($"{folder} holds neither {WeightsFile} nor {IndexFile}; other weight formats are not supported");
        var shard = (string?)JsonNode.Parse(File.ReadAllText(index))?["weight_map"]?[tensor] ?? throw new InvalidDataException($"{index}: the tensor {tensor} is missing from its weight_map");
        var path = Path.Combine(folder, shard);
        return File.Exists(path) ? path : throw new InvalidDataException($"{index} names the shard {shard}, which is not there");
    }

    private static LlamaConfig ParseConfig(JsonObject json)
    {
        int Required(string key) => (int?)json[key] ?? throw new InvalidDataException($"{key} is missing");
        var type = (string?)json["model_type"];
        if (type is not "llama")
            throw new InvalidDataException($"model_type is {type ?? "missing"}; supported is llama");
        if (json["quantization_config"] is not null)
            throw new InvalidDataException("the weights are quantized (quantization_config), which is not supported");
        if ((bool?)json["attention_bias"] == true || (bool?)json["mlp_bias"] == true)
            throw new InvalidDataException("attention_bias and mlp_bias are not supported");
        int hidden = Required("hidden_size"), heads = Required("num_attention_heads");
        var rope = json["rope_parameters"] as JsonObject ?? json["rope_scaling"] as JsonObject;
        var keyValueHeads = (int?)json["num_key_value_heads"] ?? heads;
        if (keyValueHeads <= 0 || heads % keyValueHeads != 0)
            throw new InvalidDataException($"num_attention_heads ({heads}) is not a multiple of num_key_value_heads ({keyValueHeads})");
        return new LlamaConfig
        {
            VocabSize = Required("vocab_size"),
            HiddenSize = hidden,
            IntermediateSize = Required("intermediate_size"),
            NumHiddenLayers = Required("num_hidden_layers"),
            NumAttentionHeads = heads,
            NumKeyValueHeads = keyValueHeads,
            HeadDim = (int?)json["head_dim"] ?? hidden / heads,
            MaxPositionEmbeddings = (int?)json["max_position_embeddings"] ?? 2048,
            RmsNormEps = (float?)json["rms_norm_eps"] ?? 1e-6f,
            RopeTheta = (double?)rope?["rope_theta"] ?? (double?)json["rope_theta"] ?? 10_000,
            RopeScaling = ParseScaling(rope),
            TieWordEmbeddings = (bool?)json["tie_word_embeddings"] ?? false,
            BosTokenId = (int?)json["bos_token_id"],
            EosTokenIds = json["eos_token_id"] switch
            {
                null => [],
                JsonArray several => [.. several.Select(id => (int)id!)],
                var one => [(int)one],
            },
            InitializerRange = (float?)json["initializer_range"] ?? 0.02f,
        };
    }

    private static RopeScaling? ParseScaling(JsonObject? rope)
    {
        var type = (string?)(rope?["rope_type"] ?? rope?["type"]);
        return type switch
        {
            null or "default" => null,
            "linear" => new RopeScaling(type, (double)rope!["factor"]!),
            "llama3" => new RopeScaling(type, (double)rope!["factor"]!, (double)rope["low_freq_factor"]!, (double)rope["high_freq_factor"]!, (int)rope["original_max_position_embeddings"]!),
            _ => throw new InvalidDataException($"rope scaling of type {type} is not supported; supported are linear and llama3"),
        };
    }

    private static JsonObject RenderConfig(LlamaConfig config) => new()
    {
        ["architectures"] = new JsonArray("LlamaForCausalLM"),
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

    private static JsonNode? EosOf(LlamaConfig config) => config.EosTokenIds.Count switch
    {
        0 => null,
        1 => config.EosTokenIds[0],
        _ => new JsonArray([.. config.EosTokenIds.Select(id => (JsonNode)id)]),
    };
}
