using System.Text;
using SelfJudge.Fuzz.Mutations;
using SelfJudge.Modeling.Checkpoints;
using SelfJudge.Modeling.Decoders;
using SelfJudge.Modeling.Native;
using SelfJudge.Modeling.Tensors;

namespace SelfJudge.Fuzz.Readers;

/// <summary>The weights of a model folder, in one file or in shards with their index.</summary>
internal sealed class SafeTensorsFiles : FuzzedReader
{
    private const string Whole = "model.safetensors", Index = "model.safetensors.index.json";

    private readonly IReadOnlyList<IReadOnlyDictionary<string, byte[]>> _seeds =
        [Seed(bf16: false, shards: false), Seed(bf16: true, shards: false), Seed(bf16: false, shards: true)];
    private readonly string[] _words;

    public SafeTensorsFiles()
    {
        TorchRuntime.EnsureLoaded();
        _words = [.. Words([_seeds[2][Index]]), "dtype", "shape", "data_offsets", "F32", "F16", "BF16", "I64", "F8_E4M3", "U8", "BOOL",
            "F64", "format", "pt"];
    }

    public override string Name => "safetensors";

    public override FuzzInput Make(Random random)
    {
        var seed = _seeds[random.Next(_seeds.Count)];
        var files = new Dictionary<string, byte[]>(seed);
        var changed = seed.Keys.ElementAt(random.Next(seed.Count));
        if (seed.Count > 1 && random.Next(16) == 0)
            files.Remove(changed);
        else
            files[changed] = changed == Index ? Mutation.Json(random, [Encoding.UTF8.GetString(seed[Index])], _words)
                : SafeTensorsMutation.Mutate(random, [seed[changed]], _words);
        return FuzzInput.Of(files);
    }

    public override bool Read(string folder, FuzzInput input)
    {
        foreach (var file in input.Files.Keys.Where(f => f != Index))
            using (var reader = new SafeTensorsReader(Path.Combine(folder, file)))
                foreach (var tensor in reader.Tensors.Values)
                {
                    BrokenPromise.Unless(tensor.Start >= 8 && tensor.Start + tensor.Length <= input.Files[file].Length,
                        $"tensor {tensor.Name} lies outside the file");
                    if (tensor.DType is "F32" or "F16" or "BF16")
                        BrokenPromise.Unless(reader.ReadFloats(tensor.Name).Length == tensor.Length / (tensor.DType == "F32" ? 4 : 2),
                            $"tensor {tensor.Name} has another number of elements");
                }
        ModelFolder.CheckWeights(folder, SmallModel.Config);
        ModelFolder.ReadWeights(folder, SmallModel.Config, Ops.Cpu).Dispose();
        return true;
    }

    private static Dictionary<string, byte[]> Seed(bool bf16, bool shards)
    {
        var folder = Directory.CreateTempSubdirectory("selfjudge-fuzz-seed-").FullName;
        ShardedSafeTensors.Write(folder,
            [.. SmallModel.Tensors(ParameterLayout.Of(SmallModel.Config))
            .Select(t => new TensorSource(t.Name, t.Shape, (first, target) => t.Values.AsSpan((int)first, target.Length).CopyTo(target)))],
            bf16, shards ? 1500 : long.MaxValue);
        return SmallModel.TakeFiles(folder);
    }
}
