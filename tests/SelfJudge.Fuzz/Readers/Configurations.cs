using System.Text.Json.Nodes;
using SelfJudge.Fuzz.Mutations;
using SelfJudge.Modeling.Checkpoints;
using SelfJudge.Modeling.Decoders;

namespace SelfJudge.Fuzz.Readers;

/// <summary>A model's <c>config.json</c>, and the <c>generation_config.json</c> beside it.</summary>
internal sealed class Configurations : FuzzedReader
{
    private const int ComputableHead = 4096;

    private static readonly string[] Seeds =
    [
        ModelConfigFile.Render(SmallModel.Config).ToJsonString(),
        ModelConfigFile.Render(SmallModel.Config with { RopeScaling = new RopeScaling("llama3", 8), EosTokenIds = [2, 3],
            TieWordEmbeddings = true }).ToJsonString(),
        """{"architectures":["MistralForCausalLM"],"model_type":"mistral","hidden_act":"silu","hidden_size":32,"intermediate_size":64,"num_attention_heads":4,"num_hidden_layers":2,"num_key_value_heads":2,"rms_norm_eps":1e-05,"max_position_embeddings":128,"sliding_window":64,"vocab_size":100,"rope_theta":10000.0,"torch_dtype":"bfloat16","bos_token_id":1,"eos_token_id":2}""",
        """{"architectures":["LlamaForCausalLM"],"model_type":"llama","hidden_act":"silu","hidden_size":32,"intermediate_size":64,"num_attention_heads":4,"num_hidden_layers":2,"rms_norm_eps":1e-05,"max_position_embeddings":128,"vocab_size":100,"rope_parameters":{"rope_type":"llama3","rope_theta":500000.0,"factor":8.0,"low_freq_factor":1.0,"high_freq_factor":4.0,"original_max_position_embeddings":64},"pretraining_tp":1,"attention_bias":false,"attention_dropout":0.0,"mlp_bias":false,"dtype":"float32","use_cache":true,"pad_token_id":null,"eos_token_id":[1,2]}""",
        """{"architectures":["LlamaForSequenceClassification"],"model_type":"llama","hidden_size":16,"intermediate_size":16,"num_attention_heads":2,"num_hidden_layers":1,"head_dim":8,"vocab_size":10,"num_labels":1,"rope_scaling":{"type":"linear","factor":2.0}}""",
    ];

    private const string Generation = """{"bos_token_id":1,"eos_token_id":[2,3],"do_sample":true,"temperature":0.6,"top_p":0.9}""";

    private static readonly string[] Vocabulary =
    [
        .. TextMutation.Words([.. Seeds, Generation]), "quantization_config", "quant_method", "partial_rotary_factor", "yarn", "dynamic",
            "longrope", "gelu", "qwen2", "gemma", "layer_types", "full_attention", "sliding_attention", "attention_multiplier",
            "logits_scaling", "qkv_bias", "id2label",
    ];

    public override string Name => "config";

    public override FuzzInput Make(Random random) => FuzzInput.Of(random.Next(4) == 0
        ? [("config.json", Mutation.Json(random, Seeds, Vocabulary)),
            ("generation_config.json", Mutation.Json(random, [Generation], Vocabulary))]
        : [("config.json", Mutation.Json(random, Seeds, Vocabulary))]);

    public override bool Read(string folder, FuzzInput input)
    {
        var config = ModelFolder.ReadConfig(folder);
        BrokenPromise.Unless(float.IsFinite(config.RmsNormEps) && config.RmsNormEps >= 0,
            $"rms_norm_eps of {config.RmsNormEps} was accepted");
        if (config.HeadDim <= ComputableHead)
            BrokenPromise.Unless(RotaryFrequencies.Compute(config).All(f => double.IsFinite(f) && f >= 0),
                "rotary frequencies are not finite");
        var rendered = ModelConfigFile.Render(config).ToJsonString();
        BrokenPromise.Unless(rendered == ModelConfigFile.Render(ModelConfigFile.Parse(JsonNode.Parse(rendered)!.AsObject())).ToJsonString(),
            "written and read again it is another");
        return true;
    }
}
