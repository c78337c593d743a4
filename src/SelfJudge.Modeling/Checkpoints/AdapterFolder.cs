using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using SelfJudge.Modeling.Decoders;
using SelfJudge.Modeling.Files;
using SelfJudge.Modeling.Tensors;
using static TorchSharp.torch;

namespace SelfJudge.Modeling.Checkpoints;

/// <summary>A PEFT adapter folder: <c>adapter_config.json</c> and <c>adapter_model.safetensors</c>.</summary>
public static class AdapterFolder
{
    private const string ConfigFile = "adapter_config.json";
    private const string WeightsFile = "adapter_model.safetensors";

    // What PEFT saves whole for a sequence classifier: the scalar head under its names.
    private static readonly string[] ScalarHeads = ["score", "classifier"];

    // Keys that are read above, or that say nothing of what the adapter computes.
    private static readonly string[] Harmless =
    [
        "peft_type", "task_type", "auto_mapping", "peft_version", "base_model_name_or_path", "revision", "inference_mode", "r",
            "lora_alpha", "lora_dropout", "target_modules", "bias",
        "use_rslora", "init_lora_weights", "qalora_group_size", "megatron_core", "eva_config", "runtime_config",
    ];

    private const int MostLayers = 1024;

    private static readonly TimeSpan PatternTimeout = TimeSpan.FromMilliseconds(100);

    // What else of a model PEFT can adapt.
    private static readonly string[] OtherModules = ["lm_head", "model.embed_tokens", "score"];

    // Of any model: shapes play no part in names.
    private static readonly (string Name, Projection Projection)[] AllNames =
    [
        .. from projection in Projection.All(new DecoderConfig { VocabSize = 1, HiddenSize = 1, IntermediateSize = 1, NumHiddenLayers = 1,
            NumAttentionHeads = 1, NumKeyValueHeads = 1, HeadDim = 1, MaxPositionEmbeddings = 1 })
           from layer in Enumerable.Range(0, MostLayers)
           select (projection.NameIn(layer), projection),
    ];

    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };

    public static bool IsAdapter(string folder) => File.Exists(Path.Combine(folder, ConfigFile));

    /// <summary>The adapter's shape, and the base model that it was trained on as far as it says.</summary>
    /// <exception cref="InvalidDataException">It is missing, damaged, or uses what is not supported.</exception>
    public static (LoraConfig Config, string? BaseModel) ReadConfig(string folder)
    {
        var path = Path.Combine(folder, ConfigFile);
        if (!File.Exists(path))
            throw new InvalidDataException($"{folder} is not an adapter folder: it has no {ConfigFile}");
        return JsonFile.Read(path, json => (Parse(json), json.Text("base_model_name_or_path")));
    }

    /// <summary>Checks from the headers that an adapter fits a model. Allocates nothing for it.</summary>
    /// <exception cref="InvalidDataException">A file or tensor is missing, of another shape than the model asks for, of a type that is not
    /// supported, or unknown.</exception>
    public static void Check(string folder, DecoderConfig model)
    {
        using var tensors = OpenWeights(folder, model, ReadConfig(folder).Config);
        ModelFolder.CheckSeal(folder);
    }

    /// <exception cref="InvalidDataException">As <see cref="Check"/>; or a weight is not finite.</exception>
    public static LoraAdapter Read(string folder, DecoderConfig model, Device device)
    {
        var (config, _) = ReadConfig(folder);
        using var tensors = OpenWeights(folder, model, config);
        var adapter = new LoraAdapter(model, config, device);
        try
        {
            tensors.ReadInto(adapter.Buffer);
            return adapter;
        }
        catch
        {
            adapter.Dispose();
            throw;
        }
    }

    internal static CheckpointTensors OpenWeights(string folder, DecoderConfig model, LoraConfig config)
    {
        var path = Path.Combine(folder, WeightsFile);
        if (!File.Exists(path))
            throw new InvalidDataException($"{folder} holds no {WeightsFile}"
                + (File.Exists(Path.Combine(folder, "adapter_model.bin"))
                    ? "; adapter_model.bin is not supported: save the adapter with safe_serialization=True" : ""));
        var tensors = CheckpointTensors.OfFile(path);
        try
        {
            tensors.Check(ParameterLayout.Of(model, config), _ => false);
            return tensors;
        }
        catch (ArgumentException e)
        {
            tensors.Dispose();
            throw new InvalidDataException($"{Path.Combine(folder, ConfigFile)}: {e.Message}", e);
        }
        catch
        {
            tensors.Dispose();
            throw;
        }
    }

    private static LoraConfig Parse(JsonObject json)
    {
        var type = json.Text("peft_type");
        if (type != "LORA")
            throw new InvalidDataException($"peft_type is {type ?? "missing"}; supported is LORA");
        if (json.Text("bias") is not (null or "none"))
            throw new InvalidDataException($"bias {json["bias"]} is not supported");
        // Initialisations that change the base weights leave an adapter that does not fit the base as it was.
        if (json["init_lora_weights"] is JsonValue init && init.TryGetValue<string>(out var way)
            && way is not ("gaussian" or "orthogonal" or "eva"))
            throw new InvalidDataException($"init_lora_weights {way} is not supported: it changes the base weights");
        // Whatever else is switched on would change the result in a way that is not known here.
        var scalarHead = json.Text("task_type") == "SEQ_CLS" && json["modules_to_save"] is JsonArray saved && saved.Count > 0
            && saved.All(m => m is JsonValue v && v.TryGetValue<string>(out var name) && ScalarHeads.Contains(name));
        if (json.FirstOrDefault(p => !Harmless.Contains(p.Key) && JsonFile.IsSet(p.Value) && !(scalarHead && p.Key == "modules_to_save"))
            is { Key: { } unknown } feature)
            throw new InvalidDataException($"{unknown} is not supported (it is {JsonFile.Shown(feature.Value!)})");
        var targets = json["target_modules"] switch
        {
            JsonArray list => list.Select(t => t is JsonValue v && v.TryGetValue<string>(out var name) ? name
                : throw new InvalidDataException("target_modules is not a list of names")).Distinct().ToList(),
            JsonValue v when v.TryGetValue<string>(out var all) && all.Equals("all-linear", StringComparison.OrdinalIgnoreCase) =>
                [.. Projection.Modules],
            JsonValue v when v.TryGetValue<string>(out var pattern) => Matching(pattern),
            _ => throw new InvalidDataException("target_modules is neither a list of names nor a pattern"),
        };
        if (targets.Find(t => !AllNames.Any(n => Projection.Means(t, n.Name))) is { } other)
            throw new InvalidDataException(
                $"target module {other} is not supported; supported are {string.Join(", ", Projection.Modules)}");
        if (targets.Count == 0)
            throw new InvalidDataException("target_modules is empty");
        var rank = json.Value<int>("r") ?? throw new InvalidDataException("r is missing");
        if (rank < 1)
            throw new InvalidDataException($"r is {rank}; it must be 1 or more");
        var alpha = json.Value<float>("lora_alpha") ?? throw new InvalidDataException("lora_alpha is missing");
        if (!(alpha > 0 && float.IsFinite(alpha)))
            throw new InvalidDataException($"lora_alpha is {alpha}; it must be more than 0, or the adapter does nothing");
        return new LoraConfig(rank, alpha, targets, json.Value<bool>("use_rslora") ?? false, scalarHead);
    }

    // The names that a pattern means: PEFT holds it against the whole name of every module. Where it means a projection of
    // every layer, its end says so.
    private static List<string> Matching(string pattern)
    {
        try
        {
            var regex = new Regex($@"\A(?:{pattern})\z", RegexOptions.CultureInvariant, PatternTimeout);
            if (Array.Find(OtherModules, regex.IsMatch) is { } other)
                throw new InvalidDataException(
                    $"target_modules is the pattern {pattern}, which means {other} too; supported are "
                    + $"{string.Join(", ", Projection.Modules)}");
            var matched = AllNames.Where(n => regex.IsMatch(n.Name)).ToLookup(n => n.Projection);
            var targets = matched.SelectMany(p => p.Count() == MostLayers ? [$"{p.Key.Block}.{p.Key.Module}"] : p.Select(n => n.Name))
                .ToList();
            return targets.Count > 0 ? targets
                : throw new InvalidDataException($"target_modules is the pattern {pattern}, which means no projection");
        }
        catch (Exception e) when (e is RegexParseException or RegexMatchTimeoutException)
        {
            throw new InvalidDataException($"target_modules is the pattern {pattern}, which cannot be used: {e.Message}", e);
        }
    }

    /// <summary>Writes an adapter folder, which then exists whole or not at all.</summary>
    public static void Write(string folder, LoraConfig config, string baseModel, IReadOnlyList<NamedArray> weights) =>
        AtomicFolder.Write(folder, temporary =>
        {
            WriteFiles(temporary, config, baseModel, weights);
            FolderSeal.Write(temporary);
        });

    internal static void WriteFiles(string folder, LoraConfig config, string baseModel, IReadOnlyList<NamedArray> weights)
    {
        File.WriteAllText(Path.Combine(folder, ConfigFile), new JsonObject
        {
            ["peft_type"] = "LORA",
            ["task_type"] = config.ScalarHead ? "SEQ_CLS" : "CAUSAL_LM",
            ["base_model_name_or_path"] = baseModel,
            ["r"] = config.Rank,
            ["lora_alpha"] = config.Alpha,
            ["lora_dropout"] = 0.0,
            ["target_modules"] = new JsonArray([.. config.TargetModules.Select(m => (JsonNode)m)]),
            ["use_rslora"] = config.RankStabilized,
            ["use_dora"] = false,
            ["bias"] = "none",
            ["fan_in_fan_out"] = false,
            ["inference_mode"] = true,
            ["init_lora_weights"] = true,
            ["modules_to_save"] = config.ScalarHead ? new JsonArray("score") : null,
            ["layers_to_transform"] = null,
            ["layers_pattern"] = null,
            ["revision"] = null,
        }.ToJsonString(Indented));
        SafeTensors.Write(Path.Combine(folder, WeightsFile), weights);
    }
}
