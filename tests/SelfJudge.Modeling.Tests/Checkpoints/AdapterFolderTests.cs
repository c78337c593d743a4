using System.Text.Json.Nodes;
using SelfJudge.Modeling.Checkpoints;
using SelfJudge.Modeling.Tensors;

namespace SelfJudge.Modeling.Tests.Checkpoints;

public sealed class AdapterFolderTests : IDisposable
{
    private readonly string _folder = Path.Combine(Path.GetTempPath(), "selfjudge-adapter-" + Guid.NewGuid().ToString("N"));

    public AdapterFolderTests()
    {
        using var adapter = TestModels.Adapter(TestModels.Config());
        AdapterFolder.Write(_folder, adapter.Config, "some/base", adapter.Buffer.ToArrays());
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void An_adapter_that_is_written_is_read_again()
    {
        using var adapter = TestModels.Adapter(TestModels.Config());
        using var read = AdapterFolder.Read(_folder, TestModels.Config(), Ops.Cpu);
        Assert.Equal(Ops.ToArray(adapter.Buffer.Flat), Ops.ToArray(read.Buffer.Flat));
        Assert.Equal((3, 6f, 2f), (read.Config.Rank, read.Config.Alpha, read.Config.Scale));
        Assert.Equal("some/base", AdapterFolder.ReadConfig(_folder).BaseModel);
    }

    [Fact]
    public void Keys_and_shapes_are_pefts()
    {
        using var reader = new SafeTensorsReader(Path.Combine(_folder, "adapter_model.safetensors"));
        Assert.Equal([3, 20], reader.Tensors["base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight"].Shape);
        Assert.Equal([24, 3], reader.Tensors["base_model.model.model.layers.0.self_attn.q_proj.lora_B.weight"].Shape);
        Assert.Equal([20, 3], reader.Tensors["base_model.model.model.layers.1.mlp.down_proj.lora_B.weight"].Shape);
        Assert.Equal(2 * 7 * 2, reader.Tensors.Count);
    }

    [Theory]
    [InlineData("peft_type", "\"IA3\"", "peft_type is IA3; supported is LORA")]
    [InlineData("use_dora", "true", "use_dora is not supported")]
    [InlineData("modules_to_save", "[\"lm_head\"]", "modules_to_save is not supported")]
    [InlineData("bias", "\"all\"", "bias all is not supported")]
    [InlineData("target_modules", "[\"q_proj\", \"embed_tokens\"]", "target module embed_tokens is not supported")]
    [InlineData("r", "null", "r is missing")]
    public void What_is_not_supported_is_named(string key, string value, string message)
    {
        var path = Path.Combine(_folder, "adapter_config.json");
        var config = JsonNode.Parse(File.ReadAllText(path))!;
        config[key] = JsonNode.Parse(value);
        File.WriteAllText(path, config.ToJsonString());
        Assert.Contains(message, Assert.Throws<InvalidDataException>(() => AdapterFolder.ReadConfig(_folder)).Message);
    }

    [Fact]
    public void An_adapter_for_other_shapes_is_refused() =>
        Assert.Contains("has the shape [3, 20], the configuration asks for [3, 24]",
            Assert.Throws<InvalidDataException>(() => AdapterFolder.Read(_folder, TestModels.Config() with { HiddenSize = 24 }, Ops.Cpu)).Message);

    [Fact]
    public void Rank_stabilised_scaling_divides_by_the_root_of_the_rank() => Assert.Equal(8 / 2f, new SelfJudge.Modeling.Llama.LoraConfig(4, 8, ["q_proj"], RankStabilized: true).Scale);
}
