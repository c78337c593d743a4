using System.Text.Json.Nodes;
using SelfJudge.Modeling.Checkpoints;
using SelfJudge.Modeling.Learning;
using SelfJudge.Modeling.Llama;
using SelfJudge.Modeling.Tensors;
using SelfJudge.Modeling.Tokenizers;
using SelfJudge.Tests.Shared;
using SelfJudge.World;

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
    [InlineData("quantization", "{\"group_size\": 64, \"bits\": 4}", "the weights are quantized by MLX (quantization: {\"group_size\":64,\"bits\":4}), which is not supported: use the model's F32, F16 or BF16 files")]
    [InlineData("quantization_config", "{\"quant_method\": \"bitsandbytes\", \"load_in_4bit\": true}", "(quantization_config: \"bitsandbytes\")")]
    [InlineData("hidden_activation", "\"gelu_pytorch_tanh\"", "hidden_activation is gelu_pytorch_tanh; supported is silu")]
    [InlineData("architectures", "[\"LlamaForTokenClassification\"]", "architectures names LlamaForTokenClassification; supported are LlamaForCausalLM, LlamaForSequenceClassification")]
    [InlineData("architectures", "\"LlamaForCausalLM\"", "architectures is \"LlamaForCausalLM\", which is no list of names")]
    [InlineData("partial_rotary_factor", "0.5", "partial_rotary_factor is 0.5; supported is 1")]
    [InlineData("rope_parameters", "{\"rope_type\": \"default\", \"partial_rotary_factor\": 0.25}", "partial_rotary_factor is 0.25; supported is 1")]
    [InlineData("embedding_multiplier", "12.0", "embedding_multiplier is 12.0; supported is 1")]
    [InlineData("logits_scaling", "8", "logits_scaling is 8; supported is 1")]
    [InlineData("attention_multiplier", "0.0625", "attention_multiplier is 0.0625; supported is 0.408248")]
    [InlineData("query_pre_attn_scalar", "256", "query_pre_attn_scalar is 256; supported is 6")]
    [InlineData("final_logit_softcapping", "30.0", "final_logit_softcapping is 30.0, which is not supported")]
    [InlineData("attn_logit_softcapping", "50.0", "attn_logit_softcapping is 50.0, which is not supported")]
    [InlineData("use_qk_norm", "true", "use_qk_norm is true, which is not supported")]
    [InlineData("clip_qkv", "8", "clip_qkv is 8, which is not supported")]
    [InlineData("num_local_experts", "8", "num_local_experts is 8, which is not supported")]
    [InlineData("no_rope_layers", "[1, 0]", "no_rope_layers is [1,0], which is not supported")]
    [InlineData("position_embedding_type", "\"alibi\"", "position_embedding_type is alibi; supported is rope")]
    [InlineData("rms_norm_eps", "-1", "rms_norm_eps is -1; it must be 0 or more")]
    [InlineData("rope_scaling", "{\"rope_type\": \"dynamic\", \"factor\": 2}", "rope scaling of type dynamic is not supported; supported are linear and llama3")]
    [InlineData("rope_scaling", "{\"type\": \"longrope\", \"short_factor\": [1], \"long_factor\": [1]}", "rope scaling of type longrope is not supported")]
    [InlineData("rope_scaling", "{\"factor\": 8.0}", "factor of the rope scaling is not supported where its type is default")]
    [InlineData("rope_scaling", "{\"rope_type\": \"linear\", \"factor\": 2, \"attention_factor\": 1.2}", "attention_factor of the rope scaling is not supported where its type is linear")]
    [InlineData("rope_scaling", "{\"rope_type\": \"llama3\", \"factor\": 8, \"low_freq_factor\": 4, \"high_freq_factor\": 4, \"original_max_position_embeddings\": 64}", "high_freq_factor (4) of the rope scaling must be more than low_freq_factor (4)")]
    [InlineData("rope_parameters", "{\"full_attention\": {\"rope_type\": \"default\"}}", "full_attention of the rope scaling is not supported")]
    [InlineData("rope_parameters", "[]", "rope_parameters is [], which is no object")]
    [InlineData("num_hidden_layers", "2000000000", "num_hidden_layers is 2000000000; it must be between 1 and 1024")]
    [InlineData("hidden_size", "-4", "hidden_size is -4; it must be between 1 and 16777216")]
    [InlineData("head_dim", "7", "head_dim is 7; rotary positions need an even one")]
    [InlineData("rope_scaling", "{\"rope_type\": \"linear\"}", "factor of the rope scaling is missing")]
    [InlineData("rope_scaling", "\"linear\"", "rope_scaling is \"linear\", which is no object")]
    [InlineData("rope_theta", "0", "rope_theta is 0; it must be more than 0")]
    [InlineData("rope_theta", "1e-300", "rope_theta is 1E-300; it must be more than 0, and between 1E-30 and 1E+30")]
    [InlineData("eos_token_id", "[1, \"x\"]", "eos_token_id is [1,\"x\"], which is no list of integers")]
    [InlineData("eos_token_id", "37", "eos_token_id is 37; the model knows the ids 0 to 36 only (vocab_size 37)")]
    [InlineData("eos_token_id", "[2, -1]", "eos_token_id is [2,-1]; the model knows the ids 0 to 36 only")]
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

    [Theory]
    [InlineData("\"sliding_window\": 0", "sliding_window is 0; it must be between 1 and")]
    [InlineData("\"sliding_window\": -1", "sliding_window is -1; it must be between 1 and")]
    [InlineData("\"layer_types\": [\"full_attention\"]", "layer_types names 1 layers, num_hidden_layers is 2")]
    [InlineData("\"layer_types\": [\"full_attention\", \"chunked_attention\"]", "layer_types names \"chunked_attention\"; supported are full_attention and sliding_attention")]
    [InlineData("\"sliding_window\": null, \"layer_types\": [\"full_attention\", \"sliding_attention\"]", "layer_types names sliding_attention, and sliding_window is missing")]
    public void A_mistrals_window_that_is_none_says_why(string keys, string message)
    {
        File.WriteAllText(Path.Combine(_folder, "config.json"), $$"""
            {"model_type": "mistral", "vocab_size": 10, "hidden_size": 64, "intermediate_size": 16, "num_hidden_layers": 2, "num_attention_heads": 16, {{keys}}}
            """);
        Assert.Contains(message, Fails(() => ModelFolder.ReadConfig(_folder)));
    }

    /// <summary>What transformers takes for keys that a configuration leaves out, and which of a window's keys it reads for which model.</summary>
    [Theory]
    [InlineData("llama", "", 8, 2048, null)]
    [InlineData("mistral", "", 8, 131072, 4096)]
    [InlineData("mistral", ", \"num_key_value_heads\": null", 16, 131072, 4096)]
    [InlineData("mistral", ", \"num_key_value_heads\": 4, \"max_position_embeddings\": 32768, \"sliding_window\": 4096", 4, 32768, 4096)] // Mistral 7B v0.1's window
    [InlineData("mistral", ", \"sliding_window\": null, \"max_position_embeddings\": 32768", 8, 32768, null)]
    [InlineData("mistral", ", \"max_position_embeddings\": 4096", 8, 4096, null)]
    [InlineData("mistral", ", \"max_position_embeddings\": 4097", 8, 4097, 4096)]
    [InlineData("mistral", ", \"use_sliding_window\": false", 8, 131072, 4096)]
    [InlineData("mistral", ", \"layer_types\": [\"sliding_attention\", \"full_attention\"]", 8, 131072, 4096)]
    [InlineData("mistral", ", \"layer_types\": [\"full_attention\", \"full_attention\"]", 8, 131072, null)]
    [InlineData("llama", ", \"sliding_window\": 64", 8, 2048, null)]
    [InlineData("llama", ", \"sliding_window\": 64, \"use_sliding_window\": true, \"layer_types\": [\"sliding_attention\", \"sliding_attention\"]", 8, 2048, null)]
    public void A_window_and_what_is_left_out_are_as_in_transformers(string type, string keys, int keyValueHeads, int positions, int? window)
    {
        File.WriteAllText(Path.Combine(_folder, "config.json"), $$"""
            {"model_type": "{{type}}", "vocab_size": 10, "hidden_size": 64, "intermediate_size": 16, "num_hidden_layers": 2, "num_attention_heads": 16{{keys}}}
            """);
        var config = ModelFolder.ReadConfig(_folder);
        Assert.Equal((type == "llama" ? 16 : keyValueHeads, positions, window), (config.NumKeyValueHeads, config.MaxPositionEmbeddings, config.SlidingWindow));
        Assert.Equal((1e-6f, 10_000.0, false, 4), (config.RmsNormEps, config.RopeTheta, config.TieWordEmbeddings, config.HeadDim));
    }

    [Fact]
    public void Keys_that_change_no_number_are_passed_over()
    {
        File.WriteAllText(Path.Combine(_folder, "config.json"), """
            {"model_type": "llama", "architectures": ["LlamaForCausalLM"], "vocab_size": 10, "hidden_size": 8, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2,
             "pretraining_tp": 2, "use_cache": true, "attention_dropout": 0.1, "transformers_version": "5.0.0", "_name_or_path": "x", "pad_token_id": null, "a_note_of_mine": 7,
             "rope_scaling": null, "partial_rotary_factor": 1.0, "logits_scaling": 1, "attention_multiplier": 0.5, "final_logit_softcapping": null, "num_local_experts": 0, "head_dim": null, "dtype": "float16"}
            """);
        Assert.Equal((4, null), (ModelFolder.ReadConfig(_folder).HeadDim, ModelFolder.ReadConfig(_folder).RopeScaling));
    }

    [Theory]
    [InlineData(null)]
    [InlineData(new[] { true, false })]
    public void A_model_with_a_window_is_read_again_and_computes_what_plain_float64_does(bool[]? layers)
    {
        var config = TestModels.Config(headDim: 4) with { HiddenSize = 16, SlidingWindow = 5, SlidingLayers = layers };
        using var weights = LlamaWeights.Random(config, 3);
        Write(weights);
        Assert.Equivalent(config, ModelFolder.ReadConfig(_folder));
        var ids = TestModels.Tokens(40, 4);
        using var scope = Ops.Scope();
        var model = TestModels.Model(weights);
        var batch = new ResponseBatch([(ids[..1], ids[1..])]);
        var sum = batch.Sums(TokenLogProbs.Forward(model, model.Hidden(batch.Batch), batch.Rows, batch.Targets))[0];
        Assert.Equal(new DirectLlama(_folder).LogProb(ids, 1), sum, 1e-3);
        var unlimited = TestModels.Model(LlamaWeights.Random(config with { SlidingWindow = null }, 3));
        Assert.NotEqual(sum, batch.Sums(TokenLogProbs.Forward(unlimited, unlimited.Hidden(batch.Batch), batch.Rows, batch.Targets))[0], 1e-2);
        unlimited.Weights.Dispose();
    }

    /// <summary>What people have in the place of a file, in each of the places.</summary>
    [Theory]
    [InlineData("config.json")]
    [InlineData("model.safetensors")]
    [InlineData("tokenizer.json")]
    [InlineData("tokenizer.model")]
    [InlineData("generation_config.json")]
    public void A_pointer_in_the_place_of_a_file_is_named(string file)
    {
        using var weights = LlamaWeights.Random(TestModels.Config(vocab: Vocabulary.Words.Count), 1);
        Write(weights);
        File.WriteAllText(Path.Combine(_folder, file), "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 12345\n");
        Assert.Contains("it is a Git LFS pointer, not the file itself: fetch it with 'git lfs pull'", Fails(() => { ModelFolder.Check(_folder); return _folder; }));
        Assert.Contains(Path.Combine(_folder, file), Fails(() => { ModelFolder.Check(_folder); return _folder; }));
    }

    [Fact]
    public void A_configuration_of_the_tokenizer_is_read_as_carefully()
    {
        var path = Path.Combine(_folder, "tokenizer_config.json");
        File.WriteAllText(path, "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 1\n");
        Assert.Contains($"{path}: it is a Git LFS pointer", Fails(() => TokenizerSettings.Read(_folder)));
        File.WriteAllText(path, "{\"a\": " + new string('[', 200_000) + new string(']', 200_000) + "}");
        Assert.StartsWith($"{path}: ", Fails(() => TokenizerSettings.Read(_folder)), StringComparison.Ordinal);
        File.WriteAllText(path, "{}");
        File.WriteAllBytes(Path.Combine(_folder, "chat_template.jinja"), new byte[(4 << 20) + 1]);
        Assert.Contains("chat_template.jinja has 4,194,305 bytes: no template is that large", Fails(() => TokenizerSettings.Read(_folder)));
    }

    [Theory]
    [InlineData("<!DOCTYPE html><html>", "it is a web page, not the file itself")]
    [InlineData("GGUF\u0003", "it is a GGUF file, which is not supported")]
    [InlineData("PK\u0003\u0004", "it is a PyTorch or zip archive")]
    public void Another_file_in_the_place_of_the_weights_is_named(string content, string message)
    {
        File.WriteAllText(Path.Combine(_folder, "model.safetensors"), content);
        Assert.Contains(message, Fails(() => ModelFolder.ReadWeights(_folder, TestModels.Config(), Ops.Cpu)));
    }

    [Theory]
    [InlineData("model.layers.0.mlp.up_proj.qweight", "quantized by GPTQ or AWQ (tensor model.layers.0.mlp.up_proj.qweight)")]
    [InlineData("model.layers.0.mlp.up_proj.weight.absmax", "quantized by bitsandbytes")]
    [InlineData("model.layers.0.mlp.up_proj.scales", "quantized by MLX")]
    public void Quantized_weights_are_named(string tensor, string message)
    {
        SafeTensors.Write(Path.Combine(_folder, "model.safetensors"), [new NamedArray(tensor, [2], new float[2])]);
        Assert.Contains(message, Fails(() => ModelFolder.ReadWeights(_folder, TestModels.Config(), Ops.Cpu)));
    }

    [Theory]
    [InlineData("config.json")]
    [InlineData("tokenizer.json")]
    [InlineData("generation_config.json")]
    [InlineData("model.safetensors.index.json")]
    public void Nesting_without_end_is_one_error_that_names_the_file(string file)
    {
        using var weights = LlamaWeights.Random(TestModels.Config(vocab: Vocabulary.Words.Count), 1);
        Write(weights);
        if (file.EndsWith("index.json", StringComparison.Ordinal))
            File.Delete(Path.Combine(_folder, "model.safetensors"));
        File.WriteAllText(Path.Combine(_folder, file), "{\"a\": " + new string('[', 200_000) + new string(']', 200_000) + "}");
        Assert.StartsWith(Path.Combine(_folder, file) + ": ", Fails(() => { ModelFolder.Check(_folder); return _folder; }), StringComparison.Ordinal);
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
        File.WriteAllText(Path.Combine(_folder, "generation_config.json"), """{"eos_token_id": [2, 10]}""");
        Assert.Contains("generation_config.json: eos_token_id is [2,10]; the model knows the ids 0 to 9 only", Fails(() => ModelFolder.ReadConfig(_folder)), StringComparison.Ordinal);
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
        ModelFolder.Write(_folder, weights.Config, weights.Buffer.ToArrays(), WorldTokenizer.Create());

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
