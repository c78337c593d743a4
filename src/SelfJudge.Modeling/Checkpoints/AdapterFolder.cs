using System.Text.Json;
using System.Text.Json.Nodes;
using SelfJudge.Modeling.Llama;
using static TorchSharp.torch;

namespace SelfJudge.Modeling.Checkpoints;

/// <summary>A PEFT adapter folder: <c>adapter_config.json</c> and <c>adapter_model.safetensors</c>.</summary>
public static class AdapterFolder
{
    private const string ConfigFile = "adapter_config.json";
    private const string WeightsFile = "adapter_model.safetensors";

    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };

    public static bool IsAdapter(string folder) => File.Exists(Path.Combine(folder, ConfigFile));

    /// <summary>The adapter's shape, and the base model that it was trained on as far as it says.</summary>
    /// <exception cref="InvalidDataException">It is missing, damaged, or uses what is not supported.</exception>
    public static (LoraConfig Config, string? BaseModel) ReadConfig(string folder)
    {
        var path = Path.Combine(folder, ConfigFile);
        if (!File.Exists(path))
            throw new InvalidDataException($"{folder} is not an adapter folder: it has no {ConfigFile}");
        try
        {
            var json = JsonNode.Parse(File.ReadAllText(path)) as JsonObject ?? throw new InvalidDataException("not a JSON object");
            var type = (string?)json["peft_type"];
            if (type != "LORA")
                throw new InvalidDataException($"peft_type is {type ?? "missing"}; supported is LORA");
            if ((bool?)json["use_dora"] == true)
                throw new InvalidDataException("use_dora is not supported");
            if (json["modules_to_save"] is JsonArray { Count: > 0 })
                throw new InvalidDataException("modules_to_save is not supported");
            if ((string?)json["bias"] is not (null or "none"))
                throw new InvalidDataException($"bias {json["bias"]} is not supported");
            var targets = (json["target_modules"] as JsonArray)?.Select(t => (string)t!).ToList() ?? throw new InvalidDataException("target_modules is not a list");
            if (targets.Find(t => !Projection.Modules.Contains(t)) is { } unknown)
                throw new InvalidDataException($"target module {unknown} is not supported; supported are {string.Join(", ", Projection.Modules)}");
            return (new LoraConfig(
                (int?)json["r"] ?? throw new InvalidDataException("r is missing"),
                (float?)json["lora_alpha"] ?? throw new InvalidDataException("lora_alpha is missing"),
                targets,
                (bool?)json["use_rslora"] ?? false), (string?)json["base_model_name_or_path"]);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or FormatException or InvalidDataException)
        {
            throw new InvalidDataException($"{path}: {e.Message}", e);
        }
    }

    /// <exception cref="InvalidDataException">A tensor is missing or has another shape than the model asks for.</exception>
    public static LoraAdapter Read(string folder, LlamaConfig model, Device device)
    {
        var (config, _) = ReadConfig(folder);
        var path = Path.Combine(folder, WeightsFile);
        if (!File.Exists(path))
            throw new InvalidDataException($"{folder} holds no {WeightsFile}");
        var adapter = new LoraAdapter(model, config, device);
        try
        {
            using var reader = new SafeTensorsReader(path);
            foreach (var parameter in adapter.Buffer.Layout.Parameters)
                ModelFolder.ReadParameter(reader, parameter, parameter.Name, adapter.Buffer);
            return adapter;
        }
        catch
        {
            adapter.Dispose();
            throw;
        }
    }

    /// <summary>Writes an adapter folder, which then exists whole or not at all.</summary>
    public static void Write(string folder, LoraConfig config, string baseModel, IReadOnlyList<NamedArray> weights) =>
        AtomicFolder.Write(folder, temporary => WriteFiles(temporary, config, baseModel, weights));

    internal static void WriteFiles(string folder, LoraConfig config, string baseModel, IReadOnlyList<NamedArray> weights)
    {
        File.WriteAllText(Path.Combine(folder, ConfigFile), new JsonObject
        {
            ["peft_type"] = "LORA",
            ["task_type"] = "CAUSAL_LM",
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
            ["modules_to_save"] = null,
            ["layers_to_transform"] = null,
            ["layers_pattern"] = null,
            ["revision"] = null,
        }.ToJsonString(Indented));
        SafeTensors.Write(Path.Combine(folder, WeightsFile), weights);
    }
}
