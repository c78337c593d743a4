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
    [InlineData("lora_alpha", "0", "lora_alpha is 0; it must be more than 0")]
    [InlineData("lora_alpha", "1e300", "lora_alpha is")]
    [InlineData("alpha_pattern", "{\"q_proj\": 4}", "alpha_pattern is not supported")]
    [InlineData("trainable_token_indices", "[3]", "trainable_token_indices is not supported")]
    [InlineData("exclude_modules", "[\"q_proj\"]", "exclude_modules is not supported")]
    [InlineData("lora_bias", "true", "lora_bias is not supported")]
    [InlineData("target_modules", "[\"q_projj\"]", "target module q_projj is not supported; supported are q_proj")]
    [InlineData("target_modules", "[\"proj\"]", "target module proj is not supported")]
    [InlineData("target_modules", "[\"\"]", "target module  is not supported")]
    [InlineData("target_modules", "\".*\"", "target_modules is the pattern .*, which means lm_head too")]
    [InlineData("target_modules", "\"q_proj\"", "target_modules is the pattern q_proj, which means no projection")]
    [InlineData("target_modules", "\"(\"", "target_modules is the pattern (, which cannot be used")]
    [InlineData("target_modules", "7", "target_modules is neither a list of names nor a pattern")]
    public void What_is_not_supported_is_named(string key, string value, string message)
    {
        var path = Path.Combine(_folder, "adapter_config.json");
        var config = JsonNode.Parse(File.ReadAllText(path))!;
        config[key] = JsonNode.Parse(value);
        File.WriteAllText(path, config.ToJsonString());
        Assert.Contains(message, Assert.Throws<InvalidDataException>(() => AdapterFolder.ReadConfig(_folder)).Message);
    }

    /// <summary>As PEFT takes them: a name is a module's own or the end of it, a text is held against the whole of it, or means
    /// all.</summary>
    [Theory]
    [InlineData("\"all-linear\"", 14)]
    [InlineData("\".*proj\"", 14)]
    [InlineData("\".*\\\\.self_attn\\\\.(q|v)_proj\"", 4)]
    [InlineData("\"model\\\\.layers\\\\.1\\\\..*_proj\"", 7)]
    [InlineData("[\"self_attn.q_proj\", \"mlp.up_proj\"]", 4)]
    [InlineData("[\"model.layers.1.mlp.down_proj\", \"layers.0.self_attn.o_proj\"]", 2)]
    public void Targets_mean_what_they_mean_to_peft(string targets, int projections)
    {
        var path = Path.Combine(_folder, "adapter_config.json");
        var config = JsonNode.Parse(File.ReadAllText(path))!;
        config["target_modules"] = JsonNode.Parse(targets);
        File.WriteAllText(path, config.ToJsonString());
        Assert.Equal(2 * projections, SelfJudge.Modeling.Decoders.ParameterLayout.Of(TestModels.Config(),
            AdapterFolder.ReadConfig(_folder).Config).Parameters.Count);
    }

    [Fact]
    public void A_layer_that_the_model_does_not_have_is_named()
    {
        var path = Path.Combine(_folder, "adapter_config.json");
        var config = JsonNode.Parse(File.ReadAllText(path))!;
        config["target_modules"] = new JsonArray("model.layers.2.mlp.up_proj");
        File.WriteAllText(path, config.ToJsonString());
        Assert.Contains("adapter_config.json: the adapter's target model.layers.2.mlp.up_proj is no projection of the model",
            Assert.Throws<InvalidDataException>(() => AdapterFolder.Check(_folder, TestModels.Config())).Message);
    }

    [Fact]
    public void An_adapter_of_a_pattern_is_read_written_and_read_again()
    {
        var (config, pattern) = (TestModels.Config(),
            new SelfJudge.Modeling.Decoders.LoraConfig(2, 4, ["self_attn.q_proj", "model.layers.1.mlp.up_proj"]));
        using var adapter = SelfJudge.Modeling.Decoders.LoraAdapter.Random(config, pattern, Ops.Cpu, 5);
        var folder = Path.Combine(_folder, "again");
        AdapterFolder.Write(folder, adapter.Config, "some/base", adapter.Buffer.ToArrays());
        using var read = AdapterFolder.Read(folder, config, Ops.Cpu);
        Assert.Equal(Ops.ToArray(adapter.Buffer.Flat), Ops.ToArray(read.Buffer.Flat));
        Assert.Equal(3 * 2, read.Buffer.Layout.Parameters.Count);
    }

    [Theory]
    [InlineData("q_projj", 4, 8f, "the adapter's target q_projj is no projection of the model; they are q_proj, k_proj")]
    [InlineData("q_proj", 0, 8f, "an adapter of rank 0 and alpha 8 does nothing")]
    [InlineData("q_proj", 4, 0f, "an adapter of rank 4 and alpha 0 does nothing")]
    [InlineData("q_proj", 4, float.NaN, "an adapter of rank 4 and alpha NaN does nothing")]
    public void A_new_adapter_that_would_train_nothing_is_refused(string target, int rank, float alpha, string message) =>
        Assert.Contains(message, Assert.Throws<ArgumentException>(() =>
            SelfJudge.Modeling.Decoders.LoraAdapter.Random(TestModels.Config(),
                new SelfJudge.Modeling.Decoders.LoraConfig(rank, alpha, [target]), Ops.Cpu, 1)).Message, StringComparison.Ordinal);

    [Fact]
    public void A_tensor_of_an_adapter_that_is_not_asked_for_is_named()
    {
        var path = Path.Combine(_folder, "adapter_config.json");
        File.WriteAllText(path, File.ReadAllText(path).Replace("\"q_proj\",", "", StringComparison.Ordinal));
        Assert.Contains("self_attn.q_proj.lora_A.weight has no place in what is supported",
            Assert.Throws<InvalidDataException>(() => AdapterFolder.Check(_folder, TestModels.Config())).Message);
    }

    [Fact]
    public void An_adapter_for_other_shapes_is_refused() =>
        Assert.Contains("has the shape [3, 20], the configuration asks for [3, 24]",
            Assert.Throws<InvalidDataException>(() =>
                AdapterFolder.Read(_folder, TestModels.Config() with { HiddenSize = 24 }, Ops.Cpu)).Message);

    [Fact]
    public void Rank_stabilised_scaling_divides_by_the_root_of_the_rank() =>
        Assert.Equal(8 / 2f, new SelfJudge.Modeling.Decoders.LoraConfig(4, 8, ["q_proj"], RankStabilized: true).Scale);
}
