using System.Numerics.Tensors;
using System.Text.Json;
using System.Text.Json.Nodes;
using SelfJudge.Modeling.Decoders;
using SelfJudge.Modeling.Files;
using SelfJudge.Modeling.Tensors;

namespace SelfJudge.Modeling.Checkpoints;

/// <summary>Writes models as Hugging Face folders, a tensor's block at a time: it needs no more memory than the adapter and a
/// block.</summary>
public static class ModelConversion
{
    private static readonly string[] TokenizerFiles =
        ["tokenizer.json", "tokenizer.model", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json",
            "chat_template.jinja", "vocab.json", "merges.txt"];

    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };

    /// <summary>Writes a folder that transformers loads; it then exists whole or not at all.</summary>
    /// <param name="model">The model folder.</param>
    /// <param name="adapter">An adapter's folder, or null. Merged: W + scale·B·A. Else it goes into <c>adapter/</c> of the target, standing
    /// on the target.</param>
    /// <param name="bf16">Write BF16, rounded to nearest, instead of F32.</param>
    /// <param name="maxShardBytes">More weights than that are divided among several files; see <see cref="ShardedSafeTensors"/>.</param>
    /// <exception cref="InvalidDataException">A folder is damaged, not supported, or the two do not fit.</exception>
    public static void Convert(string model, string? adapter, bool merge, bool bf16, string target, long maxShardBytes = long.MaxValue)
    {
        ModelFolder.CheckSeal(model);
        if (adapter is not null)
            ModelFolder.CheckSeal(adapter);
        var config = ModelFolder.ReadConfig(model);
        using var weights = ModelFolder.OpenWeights(model, config);
        var lora = adapter is null ? null : AdapterFolder.ReadConfig(adapter).Config;
        using var adapterWeights = lora is null ? null : AdapterFolder.OpenWeights(adapter!, config, lora);
        var adapterArrays = lora is null ? [] : ParameterLayout.Of(config, lora).Parameters.Select(p => ReadWhole(adapterWeights!, p))
            .ToList();
        var deltas = lora is not null && merge ? Deltas(config, lora, adapterArrays) : [];
        AtomicFolder.Write(target, temporary =>
        {
            WriteConfig(model, config, bf16, temporary);
            foreach (var file in TokenizerFiles.Where(f => File.Exists(Path.Combine(model, f))))
                File.Copy(Path.Combine(model, file), Path.Combine(temporary, file));
            ShardedSafeTensors.Write(temporary,
                [.. ParameterLayout.Of(config).Parameters.Select(p => new TensorSource(p.Name, p.Shape, (first, block) =>
            {
                weights.Read(p.Name, first, block);
                if (deltas.TryGetValue(p.Name, out var delta))
                    delta.AddTo(first, block);
            }))], bf16, maxShardBytes);
            if (lora is not null && !merge)
            {
                var folder = Directory.CreateDirectory(Path.Combine(temporary, "adapter")).FullName;
                AdapterFolder.WriteFiles(folder, lora, Path.GetFullPath(target), adapterArrays);
            }
        });
    }

    private static NamedArray ReadWhole(CheckpointTensors tensors, Parameter parameter)
    {
        var values = new float[parameter.Size];
        tensors.Read(parameter.Name, 0, values);
        return new NamedArray(parameter.Name, parameter.Shape, values);
    }

    private static Dictionary<string, Delta> Deltas(DecoderConfig config, LoraConfig lora, List<NamedArray> arrays)
    {
        var byName = arrays.ToDictionary(a => a.Name, StringComparer.Ordinal);
        return (from layer in Enumerable.Range(0, config.NumHiddenLayers)
                from projection in Projection.All(config)
                where lora.Targets(layer, projection)
                let a = byName[TensorNames.Adapter(layer, projection, "A")].Values
                let b = byName[TensorNames.Adapter(layer, projection, "B")].Values
                select (TensorNames.Matrix(layer, projection), new Delta(a, b, lora.Rank, projection.Inputs, lora.Scale)))
               .ToDictionary(StringComparer.Ordinal);
    }

    // The original file with the new type in it, so that nothing that others may read from it is lost.
    private static void WriteConfig(string model, DecoderConfig config, bool bf16, string folder)
    {
        var json = JsonFile.Read(Path.Combine(model, "config.json"), j => j);
        json["architectures"] ??= new JsonArray(ModelConfigFile.ClassOf(config));
        json[json.ContainsKey("dtype") ? "dtype" : "torch_dtype"] = bf16 ? "bfloat16" : "float32";
        File.WriteAllText(Path.Combine(folder, "config.json"), json.ToJsonString(Indented));
        var generation = Path.Combine(model, "generation_config.json");
        if (File.Exists(generation))
            File.Copy(generation, Path.Combine(folder, "generation_config.json"));
        else
            File.WriteAllText(Path.Combine(folder, "generation_config.json"),
                ModelConfigFile.RenderGeneration(config).ToJsonString(Indented));
        // Without this file transformers guesses the tokenizer's class, and not always well.
        if (File.Exists(Path.Combine(model, "tokenizer.model")) && !File.Exists(Path.Combine(model, "tokenizer_config.json")))
            File.WriteAllText(Path.Combine(folder, "tokenizer_config.json"), new JsonObject
            {
                ["tokenizer_class"] = "LlamaTokenizer",
                ["bos_token"] = "<s>",
                ["eos_token"] = "</s>",
                ["unk_token"] = "<unk>",
                ["add_bos_token"] = true,
                ["add_eos_token"] = false,
                ["clean_up_tokenization_spaces"] = false,
                ["model_max_length"] = config.MaxPositionEmbeddings,
            }.ToJsonString(Indented));
    }

    /// <summary>scale·B·A of one projection: A [rank, inputs], B [outputs, rank].</summary>
    private sealed record Delta(float[] A, float[] B, int Rank, int Inputs, float Scale)
    {
        /// <summary>Adds whole rows, from the element <paramref name="first"/> on.</summary>
        public void AddTo(long first, Span<float> rows)
        {
            for (var at = 0; at < rows.Length; at += Inputs)
            {
                var row = (int)((first + at) / Inputs);
                var target = rows.Slice(at, Inputs);
                for (var k = 0; k < Rank; k++)
                    TensorPrimitives.MultiplyAdd(A.AsSpan(k * Inputs, Inputs), Scale * B[row * Rank + k], target, target);
            }
        }
    }
}
