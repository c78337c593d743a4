using System.Text.Json.Nodes;
using SelfJudge.Modeling.Checkpoints;
using SelfJudge.Modeling.Llama;
using SelfJudge.Modeling.Tensors;
using SelfJudge.Modeling.Tokenizers;
using SelfJudge.Preferences.World;

namespace SelfJudge.Modeling.Tests.Checkpoints;

public sealed class ModelFolderTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("selfjudge-model-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_model_that_is_written_is_read_again(bool tied)
    {
        using var weights = LlamaWeights.Random(TestModels.Config(tied), 1);
        Write(weights);
        var config = ModelFolder.ReadConfig(_folder);
        Assert.Equivalent(weights.Config, config);
        using var read = ModelFolder.ReadWeights(_folder, config, Ops.Cpu);
        Assert.Equal(Ops.ToArray(weights.Buffer.Flat), Ops.ToArray(read.Buffer.Flat));
        Assert.Equal([2, 3], ModelFolder.ReadTokenizer(_folder).Encode("<user> cat").Length == 2 ? [2, 3] : []);
    }

    [Fact]
    public void Shards_are_found_through_their_index()
    {
        using var weights = LlamaWeights.Random(TestModels.Config(), 1);
        Write(weights);
        Shard();
        using var read = ModelFolder.ReadWeights(_folder, weights.Config, Ops.Cpu);
        Assert.Equal(Ops.ToArray(weights.Buffer.Flat), Ops.ToArray(read.Buffer.Flat));
    }

    [Fact]
    public void A_shard_that_is_not_there_is_named()
    {
        using var weights = LlamaWeights.Random(TestModels.Config(), 1);
        Write(weights);
        Shard();
        File.Delete(Path.Combine(_folder, "model-00002-of-00002.safetensors"));
        Assert.Contains("names the shard model-00002-of-00002.safetensors, which is not there", Fails(() => ModelFolder.ReadWeights(_folder, weights.Config, Ops.Cpu)));
    }

    [Fact]
    public void A_missing_tensor_and_a_misshapen_one_are_named()
    {
        using var weights = LlamaWeights.Random(TestModels.Config(), 1);
        Write(weights);
        var untied = weights.Config with { TieWordEmbeddings = false };
        Assert.Contains("the tensor lm_head.weight is missing", Fails(() => ModelFolder.ReadWeights(_folder, untied, Ops.Cpu)));
        var wider = weights.Config with { IntermediateSize = 30 };
        Assert.Contains("tensor model.layers.0.mlp.gate_proj.weight has the shape [28, 20], the configuration asks for [30, 20]", Fails(() => ModelFolder.ReadWeights(_folder, wider, Ops.Cpu)));
    }

    [Theory]
    [InlineData("model_type", "\"mistral3\"", "model_type is mistral3; supported are llama and mistral")]
    [InlineData("hidden_size", "null", "hidden_size is missing")]
    [InlineData("quantization_config", "{\"quant_method\": \"gptq\"}", "the weights are quantized (quantization_config: \"gptq\"), which is not supported")]
    [InlineData("hidden_act", "\"gelu\"", "hidden_act is gelu; supported is silu")]
    [InlineData("sliding_window", "64", "sliding_window is 64, fewer than the 128 positions")]
    [InlineData("num_hidden_layers", "2000000000", "num_hidden_layers is 2000000000; it must be between 1 and 1024")]
    [InlineData("hidden_size", "-4", "hidden_size is -4; it must be between 1 and 16777216")]
    [InlineData("head_dim", "7", "head_dim is 7; rotary positions need an even one")]
    [InlineData("rope_scaling", "{\"rope_type\": \"linear\"}", "factor of the rope scaling is missing")]
    [InlineData("rope_scaling", "\"linear\"", "rope_scaling is \"linear\", which is no object")]
    [InlineData("rope_theta", "0", "rope_theta is 0; it must be more than 0")]
    [InlineData("eos_token_id", "[1, \"x\"]", "eos_token_id is [1,\"x\"], which is no list of integers")]
    [InlineData("attention_bias", "true", "attention_bias and mlp_bias are not supported")]
    [InlineData("num_key_value_heads", "3", "num_attention_heads (4) is not a multiple of num_key_value_heads (3)")]
    [InlineData("rope_scaling", "{\"rope_type\": \"yarn\", \"factor\": 2}", "rope scaling of type yarn is not supported; supported are linear and llama3")]
    [InlineData("vocab_size", "\"many\"", "config.json: vocab_size is \"many\", which is no integer of 32 bits")]
    public void A_configuration_that_is_not_supported_says_why(string key, string value, string message)
    {
        using var weights = LlamaWeights.Random(TestModels.Config(), 1);
        Write(weights);
        var path = Path.Combine(_folder, "config.json");
        var config = JsonNode.Parse(File.ReadAllText(path))!;
        config[key] = JsonNode.Parse(value);
        File.WriteAllText(path, config.ToJsonString());
        Assert.Contains(message, Fails(() => ModelFolder.ReadConfig(_folder)));
    }

    [Fact]
    public void Newer_and_older_spellings_are_read()
    {
        File.WriteAllText(Path.Combine(_folder, "config.json"), """
            {"model_type": "llama", "vocab_size": 10, "hidden_size": 8, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2,
             "rope_parameters": {"rope_type": "linear", "factor": 2.0, "rope_theta": 500000.0}, "eos_token_id": [3, 4], "dtype": "bfloat16"}
            """);
        var config = ModelFolder.ReadConfig(_folder);
        Assert.Equal((4, 2, 500000.0, "linear"), (config.HeadDim, config.NumKeyValueHeads, config.RopeTheta, config.RopeScaling!.Type));
        Assert.Equal([3, 4], config.EosTokenIds);
    }

    [Theory]
    [InlineData("{\"model_type\": \"llama\", \"model_type\": \"llama\"}")]
    [InlineData("{\"model_type\": ")]
    [InlineData("[1]")]
    [InlineData("")]
    public void A_damaged_configuration_is_one_error_that_names_the_file(string text)
    {
        File.WriteAllText(Path.Combine(_folder, "config.json"), text);
        Assert.StartsWith(Path.Combine(_folder, "config.json") + ": ", Fails(() => ModelFolder.ReadConfig(_folder)), StringComparison.Ordinal);
    }

    [Fact]
    public void A_mistral_without_a_sliding_window_is_a_llama_and_end_tokens_of_the_generation_configuration_count()
    {
        File.WriteAllText(Path.Combine(_folder, "config.json"), """
            {"model_type": "mistral", "vocab_size": 10, "hidden_size": 8, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "sliding_window": null, "eos_token_id": 2}
            """);
        File.WriteAllText(Path.Combine(_folder, "generation_config.json"), """{"eos_token_id": [2, 7]}""");
        Assert.Equal([2, 7], ModelFolder.ReadConfig(_folder).EosTokenIds);
    }

    [Fact]
    public void A_vast_vocabulary_is_refused_from_the_headers_and_never_allocated()
    {
        using var weights = LlamaWeights.Random(TestModels.Config(), 1);
        Write(weights);
        var vast = weights.Config with { VocabSize = 1 << 24, HiddenSize = 1 << 20 };
        Assert.Contains("tensor model.embed_tokens.weight has the shape [37, 20]", Fails(() => ModelFolder.ReadWeights(_folder, vast, Ops.Cpu)));
    }

    [Fact]
    public void A_weight_that_is_not_a_number_is_named_by_its_place()
    {
        using var weights = LlamaWeights.Random(TestModels.Config(), 1);
        Ops.Floats(weights.Norm)[3] = float.NaN;
        Write(weights);
        Assert.Contains("element 3 of tensor model.norm.weight is NaN; the checkpoint is damaged", Fails(() => ModelFolder.ReadWeights(_folder, weights.Config, Ops.Cpu)));
    }

    [Fact]
    public void Tensors_that_have_no_place_and_types_that_hold_no_weights_are_named()
    {
        using var weights = LlamaWeights.Random(TestModels.Config(), 1);
        Write(weights);
        var path = Path.Combine(_folder, "model.safetensors");
        SafeTensors.Write(path, [.. weights.Buffer.ToArrays(), new NamedArray("model.layers.0.self_attn.q_proj.bias", [24], new float[24])]);
        Assert.Contains("tensor model.layers.0.self_attn.q_proj.bias has no place in what is supported", Fails(() => ModelFolder.ReadWeights(_folder, weights.Config, Ops.Cpu)));
        SafeTensors.Write(path, [.. weights.Buffer.ToArrays(), new NamedArray("model.layers.0.self_attn.rotary_emb.inv_freq", [3], new float[3])]);
        ModelFolder.ReadWeights(_folder, weights.Config, Ops.Cpu).Dispose();
        SafeTensors.Write(path, weights.Buffer.ToArrays());
        var bytes = File.ReadAllBytes(path);
        var at = bytes.AsSpan().IndexOf("\"F32\""u8);
        "\"I32\""u8.CopyTo(bytes.AsSpan(at));
        File.WriteAllBytes(path, bytes);
        Assert.Contains("is of type I32; supported are F32, F16, BF16", Fails(() => ModelFolder.ReadWeights(_folder, weights.Config, Ops.Cpu)));
    }

    [Theory]
    [InlineData("{\"weight_map\": {\"model.norm.weight\": \"../other.safetensors\"}}", "names the shard ../other.safetensors; a shard lies beside its index")]
    [InlineData("{\"weight_map\": {\"model.norm.weight\": 3}}", "weight_map places model.norm.weight in no file")]
    [InlineData("{}", "weight_map is missing")]
    [InlineData("{", "model.safetensors.index.json: ")]
    public void A_damaged_index_is_named(string index, string message)
    {
        File.WriteAllText(Path.Combine(_folder, "model.safetensors.index.json"), index);
        Assert.Contains(message, Fails(() => ModelFolder.ReadWeights(_folder, TestModels.Config(), Ops.Cpu)));
    }

    [Fact]
    public void Weights_in_another_format_are_named()
    {
        File.WriteAllText(Path.Combine(_folder, "model.gguf"), "");
        Assert.Contains("found model.gguf, but other weight formats are not supported", Fails(() => ModelFolder.ReadWeights(_folder, TestModels.Config(), Ops.Cpu)));
    }

    [Fact]
    public void A_folder_without_a_model_is_named() => Assert.Contains("is not a model folder: it has no config.json", Fails(() => ModelFolder.ReadConfig(_folder)));

    [Fact]
    public void A_model_is_written_whole_or_not_at_all()
    {
        using var weights = LlamaWeights.Random(TestModels.Config(), 1);
        var target = Path.Combine(_folder, "out");
        Assert.Throws<NotSupportedException>(() => ModelFolder.Write(target, weights.Config, weights.Buffer.ToArrays(), new FailingTokenizer()));
        Assert.False(Directory.Exists(target));
        Assert.Empty(Directory.GetFileSystemEntries(_folder));
    }

    private void Write(LlamaWeights weights) =>
        ModelFolder.Write(_folder, weights.Config, weights.Buffer.ToArrays(), new WordLevelTokenizer(Vocabulary.Words, Vocabulary.SpecialTokens));

    private void Shard()
    {
        var single = Path.Combine(_folder, "model.safetensors");
        var map = new JsonObject();
        using (var reader = new SafeTensorsReader(single))
            foreach (var (i, half) in reader.Tensors.Values.Chunk((reader.Tensors.Count + 1) / 2).Index())
            {
                var name = $"model-0000{i + 1}-of-00002.safetensors";
                SafeTensors.Write(Path.Combine(_folder, name), [.. half.Select(t => new NamedArray(t.Name, t.Shape, reader.ReadFloats(t.Name)))]);
                foreach (var tensor in half)
                    map[tensor.Name] = name;
            }
        File.Delete(single);
        File.WriteAllText(Path.Combine(_folder, "model.safetensors.index.json"), new JsonObject { ["weight_map"] = map }.ToJsonString());
    }

    private static string Fails(Func<object> action) => Assert.Throws<InvalidDataException>(action).Message;

    private sealed class FailingTokenizer : TextTokenizer
    {
        public override IReadOnlyDictionary<string, int> SpecialTokens => new Dictionary<string, int>();
        public override int? BosToken => null;
        public override int EosToken => 0;
        public override int[] Encode(string text) => [];
        public override bool BeginsWithSpace => false;
        public override bool Contains(int id) => false;
        public override IEnumerable<TokenEntry> Entries => [];
        public override ReadOnlyMemory<byte> BytesOf(int id) => default;
        public override int? IdOf(string piece) => null;
        public override void Save(string folder) => throw new NotSupportedException();
    }
}
