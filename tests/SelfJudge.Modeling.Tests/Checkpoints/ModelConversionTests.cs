using System.Text.Json.Nodes;
using SelfJudge.Modeling.Checkpoints;
using SelfJudge.Modeling.Decoders;
using SelfJudge.Modeling.Tensors;
using SelfJudge.World;

namespace SelfJudge.Modeling.Tests.Checkpoints;

public sealed class ModelConversionTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("selfjudge-convert-").FullName;
    private readonly DecoderConfig _config = TestModels.Config(tied: false, vocab: Vocabulary.Words.Count);

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData(false, 8192)]
    [InlineData(true, 8192)]
    [InlineData(false, 1)]
    public void Shards_hold_what_fits_and_are_read_back_as_one(bool bf16, long maxBytes)
    {
        Convert(bf16, maxBytes);
        var sizes = ParameterLayout.Of(_config).Parameters.Select(p => (p.Name, Bytes: p.Size * (bf16 ? 2 : 4))).ToList();
        // Filled in order, a new file where the next tensor does not fit.
        var expected = new List<List<string>>();
        var held = long.MaxValue;
        foreach (var (name, bytes) in sizes)
        {
            if (held + bytes > maxBytes || held == long.MaxValue)
            {
                expected.Add([]);
                held = 0;
            }
            expected[^1].Add(name);
            held += bytes;
        }
        Assert.InRange(expected.Count, 3, sizes.Count);
        var index = JsonNode.Parse(File.ReadAllText(In("converted/model.safetensors.index.json")))!;
        Assert.Equal(sizes.Sum(s => s.Bytes), (long)index["metadata"]!["total_size"]!);
        Assert.Equal(sizes.Count, index["weight_map"]!.AsObject().Count);
        for (var i = 0; i < expected.Count; i++)
        {
            var file = $"model-{i + 1:00000}-of-{expected.Count:00000}.safetensors";
            Assert.Equal(expected[i].Order(), SafeTensors.ReadHeader(In($"converted/{file}")).Tensors.Keys.Order());
            Assert.All(expected[i], name => Assert.Equal(file, (string?)index["weight_map"]![name]));
        }
        Assert.False(File.Exists(In("converted/model.safetensors")));
        Assert.Equal(bf16 ? Weights("whole-bf16", bf16: true) : Weights("model"), Weights("converted"));
    }

    [Fact]
    public void What_fits_into_one_file_has_no_index()
    {
        Convert(bf16: false, ParameterLayout.Of(_config).Parameters.Sum(p => p.Size) * 4);
        Assert.True(File.Exists(In("converted/model.safetensors")));
        Assert.Empty(Directory.GetFiles(In("converted"), "*index*"));
    }

    private string In(string name) => Path.Combine(_folder, name);

    private void Convert(bool bf16, long maxBytes)
    {
        using var weights = DecoderWeights.Random(_config, 5);
        ModelFolder.Write(In("model"), _config, weights.Buffer.ToArrays(), WorldTokenizer.Create());
        ModelConversion.Convert(In("model"), null, merge: false, bf16, In("converted"), maxBytes);
    }

    private float[] Weights(string name, bool bf16 = false)
    {
        if (bf16)
            ModelConversion.Convert(In("model"), null, merge: false, bf16: true, In(name));
        using var weights = ModelFolder.ReadWeights(In(name), ModelFolder.ReadConfig(In(name)), Ops.Cpu);
        return Ops.ToArray(weights.Buffer.Flat);
    }
}
