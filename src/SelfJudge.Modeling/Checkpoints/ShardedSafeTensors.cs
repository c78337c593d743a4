using System.Text.Json;
using System.Text.Json.Nodes;

namespace SelfJudge.Modeling.Checkpoints;

/// <summary>Weights as Hugging Face divides them: <c>model-00001-of-00003.safetensors</c> and so on, and
/// <c>model.safetensors.index.json</c>, which says where each tensor is.</summary>
internal static class ShardedSafeTensors
{
    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };

    /// <summary>Writes tensors in their order. What fits into one file becomes <c>model.safetensors</c>, without an index.</summary>
    /// <param name="maxBytes">Bytes of tensors in one file; a tensor that has more gets a file of its own.</param>
    public static void Write(string folder, IReadOnlyList<TensorSource> tensors, bool bf16, long maxBytes)
    {
        long Bytes(TensorSource tensor) => tensor.Elements * (bf16 ? 2 : 4);
        var shards = new List<List<TensorSource>> { new() };
        var held = 0L;
        foreach (var tensor in tensors)
        {
            if (held > 0 && Bytes(tensor) > maxBytes - held)
            {
                shards.Add([]);
                held = 0;
            }
            shards[^1].Add(tensor);
            held += Bytes(tensor);
        }
        if (shards.Count == 1)
        {
            SafeTensors.Write(Path.Combine(folder, "model.safetensors"), tensors, bf16);
            return;
        }
        var places = new JsonObject();
        foreach (var (i, shard) in shards.Index())
        {
            var name = $"model-{i + 1:00000}-of-{shards.Count:00000}.safetensors";
            SafeTensors.Write(Path.Combine(folder, name), shard, bf16);
            foreach (var tensor in shard)
                places[tensor.Name] = name;
        }
        var index = new JsonObject { ["metadata"] = new JsonObject { ["total_size"] = tensors.Sum(Bytes) }, ["weight_map"] = places };
        File.WriteAllText(Path.Combine(folder, "model.safetensors.index.json"), index.ToJsonString(Indented));
    }
}
