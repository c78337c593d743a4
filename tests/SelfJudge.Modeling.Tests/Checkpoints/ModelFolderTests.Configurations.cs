using System.Text.Json.Nodes;
using SelfJudge.Modeling.Checkpoints;
using SelfJudge.Modeling.Decoders;

namespace SelfJudge.Modeling.Tests.Checkpoints;

public sealed partial class ModelFolderTests
{
    [Theory]
    [InlineData("model_type", "\"mistral3\"", "model_type is mistral3; supported are llama, mistral, qwen2, qwen3")]
    [InlineData("hidden_size", "null", "hidden_size is missing")]
    [InlineData("quantization_config", "{\"quant_method\": \"gptq\"}",
        "the weights are quantized (quantization_config: \"gptq\"), which is not supported")]
    [InlineData("hidden_act", "\"gelu\"", "hidden_act is gelu; supported is silu")]
    [InlineData("quantization", "{\"group_size\": 64, \"bits\": 4}",
        "the weights are quantized by MLX (quantization: {\"group_size\":64,\"bits\":4}), which is not supported: use the model's F32, "
        + "F16 or BF16 files")]
    [InlineData("quantization_config", "{\"quant_method\": \"bitsandbytes\", \"load_in_4bit\": true}",
        "(quantization_config: \"bitsandbytes\")")]
    [InlineData("hidden_activation", "\"gelu_pytorch_tanh\"", "hidden_activation is gelu_pytorch_tanh; supported is silu")]
    [InlineData("architectures", "[\"LlamaForTokenClassification\"]",
        "architectures names LlamaForTokenClassification; supported are LlamaForCausalLM, LlamaForSequenceClassification")]
    [InlineData("architectures", "\"LlamaForCausalLM\"", "architectures is \"LlamaForCausalLM\", which is no list of names")]
    [InlineData("partial_rotary_factor", "0.5", "partial_rotary_factor is 0.5; supported is 1")]
    [InlineData("rope_parameters", "{\"rope_type\": \"default\", \"partial_rotary_factor\": 0.25}",
        "partial_rotary_factor is 0.25; supported is 1")]
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
    [InlineData("rope_scaling", "{\"rope_type\": \"dynamic\", \"factor\": 2}",
        "rope scaling of type dynamic is not supported; supported are linear and llama3")]
    [InlineData("rope_scaling", "{\"type\": \"longrope\", \"short_factor\": [1], \"long_factor\": [1]}",
        "rope scaling of type longrope is not supported")]
    [InlineData("rope_scaling", "{\"factor\": 8.0}", "factor of the rope scaling is not supported where its type is default")]
    [InlineData("rope_scaling", "{\"rope_type\": \"linear\", \"factor\": 2, \"attention_factor\": 1.2}",
        "attention_factor of the rope scaling is not supported where its type is linear")]
    [InlineData("rope_scaling",
        "{\"rope_type\": \"llama3\", \"factor\": 8, \"low_freq_factor\": 4, \"high_freq_factor\": 4, "
        + "\"original_max_position_embeddings\": 64}", "high_freq_factor (4) of the rope scaling must be more than low_freq_factor (4)")]
    [InlineData("rope_parameters", "{\"full_attention\": {\"rope_type\": \"default\"}}",
        "full_attention of the rope scaling is not supported")]
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
    [InlineData("mlp_bias", "true", "mlp_bias is true, which is not supported")]
    [InlineData("architectures", "[\"Qwen2ForCausalLM\"]",
        "architectures names Qwen2ForCausalLM; supported are LlamaForCausalLM, LlamaForSequenceClassification")]
    [InlineData("num_key_value_heads", "3", "num_attention_heads (4) is not a multiple of num_key_value_heads (3)")]
    [InlineData("rope_scaling", "{\"rope_type\": \"yarn\", \"factor\": 2}",
        "rope scaling of type yarn is not supported; supported are linear and llama3")]
    [InlineData("vocab_size", "\"many\"", "config.json: vocab_size is \"many\", which is no integer of 32 bits")]
    public void A_configuration_that_is_not_supported_says_why(string key, string value, string message)
    {
        using var weights = DecoderWeights.Random(TestModels.Config(), 1);
        Write(weights);
        var path = Path.Combine(_folder, "config.json");
        var config = JsonNode.Parse(File.ReadAllText(path))!;
        config[key] = JsonNode.Parse(value);
        File.WriteAllText(path, config.ToJsonString());
        Assert.Contains(message, Fails(() => ModelFolder.ReadConfig(_folder)));
    }

    [Theory]
    [InlineData("\"attention_bias\": true", "attention_bias is true, and a mistral has no biases")]
    [InlineData("\"sliding_window\": 0", "sliding_window is 0; it must be between 1 and")]
    [InlineData("\"sliding_window\": -1", "sliding_window is -1; it must be between 1 and")]
    [InlineData("\"layer_types\": [\"full_attention\"]", "layer_types names 1 layers, num_hidden_layers is 2")]
    [InlineData("\"layer_types\": [\"full_attention\", \"chunked_attention\"]",
        "layer_types names \"chunked_attention\"; supported are full_attention and sliding_attention")]
    [InlineData("\"sliding_window\": null, \"layer_types\": [\"full_attention\", \"sliding_attention\"]",
        "layer_types names sliding_attention, and sliding_window is missing")]
    public void A_mistrals_window_that_is_none_says_why(string keys, string message)
    {
        File.WriteAllText(Path.Combine(_folder, "config.json"), $$"""
            {"model_type": "mistral", "vocab_size": 10, "hidden_size": 64, "intermediate_size": 16, "num_hidden_layers": 2, "num_attention_heads": 16, {{keys}}}
            """);
        Assert.Contains(message, Fails(() => ModelFolder.ReadConfig(_folder)));
    }

    /// <summary>What transformers takes for keys that a configuration leaves out, and which of a window's keys it reads for which
    /// model.</summary>
    [Theory]
    [InlineData("llama", "", 8, 2048, null)]
    [InlineData("mistral", "", 8, 131072, 4096)]
    [InlineData("mistral", ", \"num_key_value_heads\": null", 16, 131072, 4096)]
    // Mistral 7B v0.1's window
    [InlineData("mistral", ", \"num_key_value_heads\": 4, \"max_position_embeddings\": 32768, \"sliding_window\": 4096", 4, 32768, 4096)]
    [InlineData("mistral", ", \"sliding_window\": null, \"max_position_embeddings\": 32768", 8, 32768, null)]
    [InlineData("mistral", ", \"max_position_embeddings\": 4096", 8, 4096, null)]
    [InlineData("mistral", ", \"max_position_embeddings\": 4097", 8, 4097, 4096)]
    [InlineData("mistral", ", \"use_sliding_window\": false", 8, 131072, 4096)]
    [InlineData("mistral", ", \"layer_types\": [\"sliding_attention\", \"full_attention\"]", 8, 131072, 4096)]
    [InlineData("mistral", ", \"layer_types\": [\"full_attention\", \"full_attention\"]", 8, 131072, null)]
    [InlineData("llama", ", \"sliding_window\": 64", 8, 2048, null)]
    [InlineData("llama", ", \"sliding_window\": 64, \"use_sliding_window\": true, \"layer_types\": [\"sliding_attention\", "
        + "\"sliding_attention\"]", 8, 2048, null)]
    public void A_window_and_what_is_left_out_are_as_in_transformers(string type, string keys, int keyValueHeads, int positions,
        int? window)
    {
        File.WriteAllText(Path.Combine(_folder, "config.json"), $$"""
            {"model_type": "{{type}}", "vocab_size": 10, "hidden_size": 64, "intermediate_size": 16, "num_hidden_layers": 2, "num_attention_heads": 16{{keys}}}
            """);
        var config = ModelFolder.ReadConfig(_folder);
        Assert.Equal((type == "llama" ? 16 : keyValueHeads, positions, window),
            (config.NumKeyValueHeads, config.MaxPositionEmbeddings, config.SlidingWindow));
        Assert.Equal((1e-6f, 10_000.0, false, 4), (config.RmsNormEps, config.RopeTheta, config.TieWordEmbeddings, config.HeadDim));
    }

    /// <summary>A Qwen's window is switched on, and then holds from a layer on.</summary>
    [Theory]
    [InlineData("", null, null)]
    [InlineData(", \"sliding_window\": 16", null, null)]
    [InlineData(", \"use_sliding_window\": true", null, null)] // from layer 28 on
    [InlineData(", \"use_sliding_window\": true, \"sliding_window\": 16, \"max_window_layers\": 1", 16, new[] { false, true })]
    [InlineData(", \"use_sliding_window\": true, \"max_window_layers\": 0", 4096, null)]
    [InlineData(", \"use_sliding_window\": true, \"sliding_window\": null, \"max_window_layers\": 0", null, null)]
    [InlineData(
        ", \"use_sliding_window\": true, \"sliding_window\": 16, \"max_window_layers\": 0, \"layer_types\": [\"sliding_attention\", "
            + "\"full_attention\"]",
        16, new[] { true, false })]
    public void A_qwens_window_is_as_in_transformers(string keys, int? window, bool[]? layers)
    {
        foreach (var (type, headDim) in new[] { ("qwen2", 4), ("qwen3", 128) })
        {
            var config = ReadQwen(type, keys);
            Assert.Equal((headDim, 32, 32_768), (config.HeadDim, config.NumKeyValueHeads, config.MaxPositionEmbeddings));
            Assert.Equal((1e-6f, 10_000.0), (config.RmsNormEps, config.RopeTheta));
            Assert.Equal(window, config.SlidingWindow);
            Assert.Equal(layers, config.SlidingLayers);
        }
    }

    [Theory]
    [InlineData(", \"layer_types\": [\"full_attention\", \"sliding_attention\"]",
        "layer_types names sliding_attention, and use_sliding_window is not true")]
    [InlineData(", \"use_mrope\": true", "use_mrope is true, which is not supported")]
    [InlineData(", \"mlp_bias\": true", "mlp_bias is true, which is not supported")]
    [InlineData(", \"rope_scaling\": {\"rope_type\": \"yarn\", \"factor\": 4}",
        "rope scaling of type yarn is not supported; supported are linear and llama3")]
    [InlineData(", \"architectures\": [\"LlamaForCausalLM\"]", "architectures names LlamaForCausalLM; supported are Qwen")]
    [InlineData(", \"num_experts\": 8", "num_experts is 8, which is not supported")]
    public void What_a_qwen_asks_for_and_is_not_supported_is_named(string keys, string message)
    {
        foreach (var type in new[] { "qwen2", "qwen3" })
            Assert.Contains(message, Fails(() => ReadQwen(type, keys)));
    }

    [Theory]
    [InlineData("qwen2", "", true, false)]
    [InlineData("qwen2", ", \"attention_bias\": true", true, false)]
    [InlineData("qwen3", "", false, false)]
    [InlineData("qwen3", ", \"attention_bias\": true", true, true)]
    [InlineData("llama", ", \"attention_bias\": true", true, true)]
    public void Biases_are_where_the_family_has_them(string type, string keys, bool qkv, bool output)
    {
        var config = ReadQwen(type, keys);
        bool[] expected = [qkv, output, false, false];
        Assert.Equal(expected, Enum.GetValues<FusedProjection>().Select(config.HasBias));
    }

    private DecoderConfig ReadQwen(string type, string keys)
    {
        File.WriteAllText(Path.Combine(_folder, "config.json"), $$"""
            {"model_type": "{{type}}", "vocab_size": 10, "hidden_size": 128, "intermediate_size": 16, "num_hidden_layers": 2,
             "num_attention_heads": 32{{keys}}}
            """);
        return ModelFolder.ReadConfig(_folder);
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
}
