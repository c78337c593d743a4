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
    [InlineData("r", "0", "r is 0; it must be 1 or more")]
    [InlineData("rank_pattern", "{\"q_proj\": 4}", "rank_pattern is not supported (it is {\"q_proj\":4})")]
    [InlineData("layers_to_transform", "[0]", "layers_to_transform is not supported")]
    [InlineData("fan_in_fan_out", "true", "fan_in_fan_out is not supported")]
    [InlineData("a_feature_of_tomorrow", "1.5", "a_feature_of_tomorrow is not supported (it is 1.5)")]
    [InlineData("init_lora_weights", "\"pissa\"", "init_lora_weights pissa is not supported: it changes the base weights")]
    [InlineData("target_modules", "\".*proj\"", "target_modules is the pattern \".*proj\"; supported is a list of names")]
    public void What_is_not_supported_is_named(string key, string value, string message)
    {
        var path = Path.Combine(_folder, "adapter_config.json");
        var config = JsonNode.Parse(File.ReadAllText(path))!;
        config[key] = JsonNode.Parse(value);
        File.WriteAllText(path, config.ToJsonString());
        Assert.Contains(message, Assert.Throws<InvalidDataException>(() => AdapterFolder.ReadConfig(_folder)).Message);
    }

    [Fact]
    public void A_tensor_of_an_adapter_that_is_not_asked_for_is_named()
    {
        var path = Path.Combine(_folder, "adapter_config.json");
        File.WriteAllText(path, File.ReadAllText(path).Replace("\"q_proj\",", "", StringComparison.Ordinal));
        Assert.Contains("self_attn.q_proj.lora_A.weight has no place in what is supported", Assert.Throws<InvalidDataException>(() => AdapterFolder.Check(_folder, TestModels.Config())).Message);
    }

    [Fact]
    public void An_adapter_for_other_shapes_is_refused() =>
        Assert.Contains("has the shape [3, 20], the configuration asks for [3, 24]",
            Assert.Throws<InvalidDataException>(() => AdapterFolder.Read(_folder, TestModels.Config() with { HiddenSize = 24 }, Ops.Cpu)).Message);

    [Fact]
    public void Rank_stabilised_scaling_divides_by_the_root_of_the_rank() => Assert.Equal(8 / 2f, new SelfJudge.Modeling.Llama.LoraConfig(4, 8, ["q_proj"], RankStabilized: true).Scale);
}
