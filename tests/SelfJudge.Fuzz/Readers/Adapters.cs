using System.Text;
using SelfJudge.Fuzz.Mutations;
using SelfJudge.Modeling.Checkpoints;
using SelfJudge.Modeling.Decoders;
using SelfJudge.Modeling.Native;
using SelfJudge.Modeling.Tensors;

namespace SelfJudge.Fuzz.Readers;

/// <summary>A PEFT adapter: its configuration and its weights.</summary>
internal sealed class Adapters : FuzzedReader
{
    private const string Config = "adapter_config.json", Weights = "adapter_model.safetensors";

    private readonly IReadOnlyList<IReadOnlyDictionary<string, byte[]>> _seeds =
    [
        Seed(new LoraConfig(2, 4, ["q_proj", "v_proj"])), Seed(new LoraConfig(3, 8, [.. Projection.Modules], RankStabilized: true)),
            Seed(new LoraConfig(2, 4, ["q_proj"], ScalarHead: true)),
    ];

    // What other versions of PEFT write besides.
    private static readonly string[] Vocabulary =
    [
        "peft_type", "LORA", "task_type", "CAUSAL_LM", "SEQ_CLS", "r", "lora_alpha", "lora_dropout", "target_modules", "all-linear",
            "exclude_modules", "bias", "none", "all", "lora_only", "modules_to_save", "score", "classifier", "rank_pattern",
            "alpha_pattern",
        "use_dora", "use_rslora", "init_lora_weights", "pissa", "gaussian", "layers_to_transform", "layers_pattern", "fan_in_fan_out",
            "megatron_config", "layer_replication", "trainable_token_indices", "q_proj", "k_proj", "v_proj", "o_proj", "gate_proj",
            "up_proj", "down_proj", "embed_tokens", "lm_head",
    ];

    public Adapters() => TorchRuntime.EnsureLoaded();

    public override string Name => "peft";

    public override FuzzInput Make(Random random)
    {
        var files = new Dictionary<string, byte[]>(_seeds[random.Next(_seeds.Count)]);
        if (random.Next(16) == 0)
            files.Remove(Weights);
        else if (random.Next(3) == 0)
            files[Weights] = SafeTensorsMutation.Mutate(random, [files[Weights]], Vocabulary);
        else
            files[Config] = Mutation.Json(random, [Encoding.UTF8.GetString(files[Config])], Vocabulary);
        return FuzzInput.Of(files);
    }

    public override bool Read(string folder, FuzzInput input)
    {
        var (config, _) = AdapterFolder.ReadConfig(folder);
        BrokenPromise.Unless(config.Rank > 0 && float.IsFinite(config.Scale), $"rank {config.Rank} and alpha {config.Alpha} were accepted");
        AdapterFolder.Check(folder, SmallModel.Config);
        AdapterFolder.Read(folder, SmallModel.Config, Ops.Cpu).Dispose();
        return true;
    }

    private static Dictionary<string, byte[]> Seed(LoraConfig config)
    {
        var folder = Directory.CreateTempSubdirectory("selfjudge-fuzz-seed-").FullName;
        AdapterFolder.WriteFiles(folder, config, "base", SmallModel.Tensors(ParameterLayout.Of(SmallModel.Config, config)));
        return SmallModel.TakeFiles(folder);
    }
}
