using System.Numerics.Tensors;
using System.Text.Json.Nodes;
using SelfJudge.Modeling.Decoders;
using SelfJudge.Modeling.Files;

namespace SelfJudge.Modeling.Checkpoints;

/// <summary>
/// The tensors of a checkpoint, memory-mapped: of one safetensors file, or of the shards that an index names. What they
/// are is checked from the headers, before anything is allocated for them.
/// </summary>
internal sealed class CheckpointTensors : IDisposable
{
    private const string WeightsFile = "model.safetensors";
    private const string IndexFile = "model.safetensors.index.json";
    private const long LargestBlock = 1 << 24; // the bytes of a whole tensor may be more than a span can hold
    private const long TransferBlock = 1 << 20;

    private static readonly string[] FloatTypes = ["F32", "F16", "BF16"];

    // What quantized weights bring beside themselves, or in their place.
    private static readonly (string Suffix, string By)[] QuantizedBy =
    [
        (".qweight", "GPTQ or AWQ"),
        (".absmax", "bitsandbytes"),
        (".SCB", "bitsandbytes"),
        (".scales", "MLX"),
        (".weight_scale", "compressed-tensors or FP8"),
        (".weight_scale_inv", "FP8"),
        (".weight_packed", "compressed-tensors"),
    ];

    private readonly string _origin;
    private readonly List<SafeTensorsReader> _files = [];
    private readonly Dictionary<string, SafeTensorsReader> _fileOf = new(StringComparer.Ordinal);

    private CheckpointTensors(string origin) => _origin = origin;

    /// <summary>The weights of a Hugging Face model folder.</summary>
    /// <exception cref="InvalidDataException">There are none in this format, a shard is missing, or a file is damaged.</exception>
    public static CheckpointTensors OfModel(string folder)
    {
        string single = Path.Combine(folder, WeightsFile), index = Path.Combine(folder, IndexFile);
        if (File.Exists(single))
            return OfFile(single);
        if (!File.Exists(index))
        {
            var found = Directory.Exists(folder) ? Directory.GetFiles(folder).Select(f => Path.GetFileName(f)!).Where(IsOtherFormat)
                .Order(StringComparer.Ordinal).ToList() : [];
            throw new InvalidDataException($"{folder} holds neither {WeightsFile} nor {IndexFile}; "
                + (found.Count == 0 ? "other weight formats are not supported"
                    : $"found {string.Join(", ", found)}, but other weight formats are not supported: "
                        + "save the model with safe_serialization=True"));
        }
        var map = JsonFile.Read(index, json => (json["weight_map"] as JsonObject ?? throw new InvalidDataException("weight_map is missing"))
            .Select(p => (Tensor: p.Key, Shard: p.Value is JsonValue v && v.TryGetValue<string>(out var name) ? name
                : throw new InvalidDataException($"weight_map places {p.Key} in no file")))
            .ToList());
        var tensors = new CheckpointTensors(index);
        try
        {
            foreach (var shard in map.GroupBy(m => m.Shard, StringComparer.Ordinal))
            {
                if (shard.Key != Path.GetFileName(shard.Key))
                    throw new InvalidDataException($"{index} names the shard {shard.Key}; a shard lies beside its index");
                var path = Path.Combine(folder, shard.Key);
                var reader = File.Exists(path) ? new SafeTensorsReader(path)
                    : throw new InvalidDataException($"{index} names the shard {shard.Key}, which is not there");
                tensors._files.Add(reader);
                foreach (var (name, _) in shard)
                    tensors._fileOf[name] = reader.Tensors.ContainsKey(name) ? reader
                        : throw new InvalidDataException($"{path}: the tensor {name} is missing, though {IndexFile} places it there");
            }
            return tensors;
        }
        catch
        {
            tensors.Dispose();
            throw;
        }
    }

    /// <summary>One safetensors file.</summary>
    public static CheckpointTensors OfFile(string path)
    {
        var tensors = new CheckpointTensors(path);
        var reader = new SafeTensorsReader(path);
        tensors._files.Add(reader);
        foreach (var name in reader.Tensors.Keys)
            tensors._fileOf[name] = reader;
        return tensors;
    }

    /// <summary>Asks for exactly the tensors of a layout, each of its shape and of a type that holds weights.</summary>
    /// <param name="mayBeExtra">Tensors that are passed over where they are there.</param>
    /// <exception cref="InvalidDataException">One is missing, has another shape or type, or has no place in the layout.</exception>
    public void Check(ParameterLayout layout, Predicate<string> mayBeExtra)
    {
        foreach (var name in _fileOf.Keys.Order(StringComparer.Ordinal))
            if (Array.Find(QuantizedBy, q => name.EndsWith(q.Suffix, StringComparison.Ordinal)) is { By: { } by })
                throw new InvalidDataException(
                    $"{_fileOf[name].Path}: the weights are quantized by {by} (tensor {name}), which is not supported: use the model's "
                    + $"F32, F16 or BF16 files");
        foreach (var parameter in layout.Parameters)
        {
            if (!_fileOf.TryGetValue(parameter.Name, out var file))
                throw new InvalidDataException($"{_origin}: the tensor {parameter.Name} is missing");
            var entry = file.Tensors[parameter.Name];
            if (!entry.Shape.SequenceEqual(parameter.Shape))
                throw new InvalidDataException(
                    $"{file.Path}: tensor {parameter.Name} has the shape [{string.Join(", ", entry.Shape)}], the configuration asks for "
                    + $"[{string.Join(", ", parameter.Shape)}]");
            if (!FloatTypes.Contains(entry.DType))
                throw new InvalidDataException(
                    $"{file.Path}: tensor {parameter.Name} is of type {entry.DType}; supported are {string.Join(", ", FloatTypes)}");
        }
        var known = layout.Parameters.Select(p => p.Name).ToHashSet(StringComparer.Ordinal);
        if (_fileOf.Keys.Order(StringComparer.Ordinal).FirstOrDefault(name => !known.Contains(name) && !mayBeExtra(name)) is { } extra)
            throw new InvalidDataException(
                $"{_fileOf[extra].Path}: tensor {extra} has no place in what is supported; without it the results would be wrong");
    }

    /// <summary>Copies every parameter of a buffer from the map into its place. Nothing else is held meanwhile, but for a block where the
    /// buffer is elsewhere than in host memory.</summary>
    /// <exception cref="InvalidDataException">A weight is not finite: everything computed from it would be NaN.</exception>
    public void ReadInto(FlatBuffer buffer)
    {
        // What is not read in place goes through a block: a small one, so that it costs nothing beside the model.
        var size = buffer.IsHostFloat32 ? LargestBlock : TransferBlock;
        foreach (var parameter in buffer.Layout.Parameters)
            for (long first = 0; first < parameter.Size; first += size)
                buffer.Fill(parameter, first, Math.Min(size, parameter.Size - first), (p, at, block) => Read(p.Name, at, block));
    }

    /// <summary>Elements of a tensor from <paramref name="first"/> on, checked to be finite.</summary>
    public void Read(string name, long first, Span<float> target)
    {
        var file = _fileOf[name];
        file.ReadFloats(name, first, target);
        // The largest magnitude is NaN or infinite exactly where an element is.
        if (target.Length == 0 || float.IsFinite(TensorPrimitives.MaxMagnitude<float>(target)))
            return;
        var at = 0;
        while (float.IsFinite(target[at]))
            at++;
        throw new InvalidDataException($"{file.Path}: element {first + at} of tensor {name} is {target[at]}; the checkpoint is damaged");
    }

    public void Dispose() => _files.ForEach(f => f.Dispose());

    private static bool IsOtherFormat(string file) =>
        Path.GetExtension(file) is ".bin" or ".gguf" or ".ggml" or ".pth" or ".pt" or ".h5" or ".msgpack" or ".onnx" or ".safetensors";
}
