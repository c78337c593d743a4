using SelfJudge.Modeling.Hosting;
using SelfJudge.Modeling.Planning;
using SelfJudge.Preferences.Data;
using SelfJudge.Preferences.Recipes;
using SelfJudge.Preferences.Templates;
using SelfJudge.Runs.Planning;
using SelfJudge.Tests.Shared;
using SelfJudge.World;

namespace SelfJudge.Runs.Tests.Planning;

public sealed class RunPlannerTests : IDisposable
{
    // Llama-2-7B.
    private const string Config = """
        {"model_type": "llama", "hidden_size": 4096, "intermediate_size": 11008, "num_hidden_layers": 32, "num_attention_heads": 32, "num_key_value_heads": 32,
         "max_position_embeddings": 4096, "vocab_size": 32000, "bos_token_id": 1, "eos_token_id": 2}
        """;

    private const string World = """
        data: {world_pairs: 10}
        model: {init: {hidden_size: 16, intermediate_size: 24, layers: 2, heads: 2, key_value_heads: 2, max_positions: 128}}
        sampling: {max_new_tokens: 6}
        stages:

        """;

    private static readonly PlanTarget Cpu = new("cpu", 4, 1L << 40, new ModelHostOptions { Workers = 2 });
    private static readonly PlanTarget Cuda = new("cuda:0", 2, 80_000_000_000, new ModelHostOptions());

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Without_data_every_sequence_is_as_long_as_it_may_be()
    {
        var plan = await Plan("{name: JSFT, method: jsft, learning_rate: 1, epochs: 1, policy_examples: 42, judge_pairs: 43, adapter: {}, "
            + "optimizer: {gradient_checkpointing: true}}");
        var stage = plan.Stages[0];
        Assert.Equal((6_738_415_616, 6_742_609_920, 4_194_304), (plan.Parameters, stage.Held, stage.Trained));
        Assert.Equal(new BatchPlan(128, 2048, 4096, 128 * 2048, 0, 0, 0), stage.Batch);
        Assert.Equal(2 * 6_738_415_616 + 16L * 4_194_304
            + ModelMemory.Training(new()
            {
                VocabSize = 32000,
                HiddenSize = 4096,
                IntermediateSize = 11008,
                NumHiddenLayers = 32,
                NumAttentionHeads = 32,
                NumKeyValueHeads = 32,
                HeadDim = 128,
                MaxPositionEmbeddings = 4096
            }, new(8, 16, ["q_proj", "v_proj"]),
            4096, checkpointing: true), stage.DeviceBytes);
        Assert.Equal((true, 12L * 4_194_304, 4L * 4_194_304), (stage.Fits, stage.CheckpointBytes, stage.OutputBytes));
        Assert.Empty(stage.Remedies);
        Assert.Null(stage.Measured);
        Assert.Contains(plan.Notes, n => n.Contains("the data is not at hand"));
        Assert.Contains(plan.Notes, n => n.StartsWith("nothing was measured", StringComparison.Ordinal));
    }

    [Fact]
    public async Task What_does_not_fit_comes_with_what_would_make_it_less()
    {
        var stage = (await Plan("{name: JSFT, method: jsft, learning_rate: 1, epochs: 1, policy_examples: 42, judge_pairs: 43}",
            Cuda with { FrozenBytes = 4 })).Stages[0];
        Assert.False(stage.Fits);
        Assert.Equal(["an adapter", "optimizer.gradient_checkpointing", "optimizer.max_tokens_per_batch", "--dtype bfloat16"],
            stage.Remedies.Select(r => r.Setting.Split(':')[0]));
        Assert.Equal(stage.DeviceBytes - 2 * 6_738_415_616, stage.Remedies[3].DeviceBytes);
        Assert.Equal(stage.Remedies.Select(r => r.DeviceBytes).Order(), stage.Remedies.Select(r => r.DeviceBytes));
    }

    // 64 prompts of 2 samples with 2048 tokens of a mebibyte: far beyond 80 GB.
    [Fact]
    public async Task A_cache_that_does_not_fit_says_how_many_sequences_would()
    {
        var stages = "{name: Self-Judge, method: self-judge, learning_rate: 1, epochs: 3, prompts: 64, adapter: {}, optimizer: "
            + "{gradient_checkpointing: true}}";
        var stage = (await Plan(stages)).Stages[0];
        Assert.Equal(new BatchPlan(128, 2048, 4096, 128 * 2048, 64 * 2 * 768, 128 * 2048, 128), stage.Batch);
        Assert.False(stage.Fits);
        var setting = stage.Remedies.Single(r => r.Setting.StartsWith("model.max_active_sequences", StringComparison.Ordinal));
        Assert.True(setting.DeviceBytes <= Cuda.Memory);
        var bounded = (await Plan(stages, model: $", max_active_sequences: {setting.Setting.Split(' ')[1]}")).Stages[0];
        Assert.Equal((true, setting.DeviceBytes), (bounded.Fits, bounded.DeviceBytes));
    }

    [Fact]
    public async Task Shapes_are_those_of_the_longest_data()
    {
        // Of each word a token: <user> 30 dogs <assistant> 5 dogs </s>, and <judge> 30 A 5 B 1 better overall, the judge token and the end
        // token.
        var data = new Rows([Row(2, 3, 1), Row(30, 5, 1), Row(4, 2, 2)]);
        var plan = await new RunPlanner(RecipeFile.Parse(World + """
              - {name: SFT, method: sft, learning_rate: 1, steps: 4, policy_examples: 2}
              - {name: JSFT, method: jsft, learning_rate: 1, steps: 4, judge_pairs: 1}
              - {name: DPO, method: dpo, learning_rate: 1, steps: 4, prompts: 2, from: JSFT}
              - {name: Self-Judge, method: self-judge, learning_rate: 1, steps: 4, prompts: 2, from: JSFT}
            """, "r.yaml"), data, Cpu).Plan(dryRun: false, _ => { }, default);
        Assert.Equal([2, 2, 4, 4], plan.Stages.Select(s => s.Batch.Sequences));
        // 32 + 5 + 1; 1 + 30 + 1 + 5 + 1 + 1 + 2 + 2; as SFT; 32 + 6 sampled
        Assert.Equal([38, 43, 38, 38], plan.Stages.Select(s => s.Batch.Longest));
        // Each of two workers has one of the two longest: <user> 4 <assistant> 2 </s> is 9 tokens; <judge> … twice 43; pairs of 70 + 8 and
        // 12 + 6.
        Assert.Equal([38 + 9, 86, 38 + 34 + 9 + 9, 2 * (38 + 12)], plan.Stages.Select(s => s.Batch.Packed));
        Assert.Equal("policy weights of SFT, policy weights of JSFT, policy weights of DPO",
            string.Join(", ", plan.Stages[3].Memory.Select(m => m.Role).Where(r => r.Contains(" of ", StringComparison.Ordinal))));
        Assert.Null(plan.Seconds);
    }

    [Fact]
    public async Task A_dry_run_makes_every_kind_of_stage_and_leaves_nothing()
    {
        var told = new List<string>();
        var plan = await new RunPlanner(RecipeFile.Parse(World + """
              - {name: SFT, method: sft, learning_rate: 1, steps: 4, policy_examples: 2}
              - {name: JSFT, method: jsft, learning_rate: 1, steps: 4, policy_examples: 2, judge_pairs: 1, adapter: {}}
              - {name: DPO, method: dpo, learning_rate: 1, steps: 4, prompts: 2, from: JSFT}
              - {name: Off-policy, method: off-policy, learning_rate: 1, steps: 4, prompts: 2, samples: 3, triplets: all-matches, from: SFT}
              - {name: Self-Judge, method: self-judge, learning_rate: 1, steps: 10, prompts: 2, from: SFT, adapter: {}}
            """, "r.yaml"), new WorldTrainingData(10, 1), Cpu).Plan(dryRun: true, told.Add, default);
        Assert.Equal(["SFT", "JSFT", "DPO", "Off-policy", "Self-Judge"], told.Select(t => t.Split(' ')[^1]));
        // What starts from an adapter and adds none trains that one on.
        Assert.Equal(plan.Stages[1].Trained, plan.Stages[2].Trained);
        Assert.All(plan.Stages, s =>
        {
            Assert.True(s.Measured!.StepSeconds > 0 && s.Measured.TrainingSeconds > 0);
            Assert.Equal(s.Batch.SampledPerStep > 0, s.Measured.SamplingSeconds > 0 && s.Measured.JudgingSeconds > 0);
            Assert.True(s.Measured.PeakBytes is null or > 1_000_000);
        });
        Assert.Equal(plan.Stages.Sum(s => s.Steps * s.Measured!.StepSeconds), plan.Seconds!.Value, 1e-9);
    }

    [Fact]
    public async Task Data_without_a_row_to_learn_from_is_refused() =>
        Assert.Contains("stage SFT has nothing to learn from", (await Assert.ThrowsAsync<DataException>(() =>
            new RunPlanner(RecipeFile.Parse(World + "  - {name: SFT, method: sft, learning_rate: 1, steps: 4, policy_examples: 2}",
                "r.yaml"), new Rows([]), Cpu).Plan(dryRun: true, _ => { }, default))).Message);

    private Task<RunPlan> Plan(string stage, PlanTarget? target = null, string model = "")
    {
        File.WriteAllText(_folder.In("config.json"), Config);
        var recipe = RecipeFile.Parse($$"""
            data: {pairs: none.jsonl}
            model: {path: {{_folder.Path}}, dialogue_template: paper, max_length: 2048{{model}}}
            judge: {templates: [hh-helpful]}
            sampling: {max_new_tokens: 768}
            stages: [{{stage}}]
            """, "r.yaml");
        return new RunPlanner(recipe, null, target ?? Cuda).Plan(dryRun: true, _ => { }, default);
    }

    private static PreferenceExample Row(int prompt, int chosen, int rejected) =>
        new([new Turn(Role.User, Dogs(prompt))], Dogs(chosen), Dogs(rejected));

    private static string Dogs(int count) => string.Join(' ', Enumerable.Repeat("dog", count));

    private sealed class Rows(IReadOnlyList<PreferenceExample> rows) : TrainingData
    {
        public override IReadOnlyList<PreferenceExample> Pairs => rows;
        public override IReadOnlyCollection<string> Principles => [];
        public override IReadOnlyList<PreferenceExample> PairsFor(string? principle) => rows;
        public override IReadOnlyList<PreferenceExample> HeldOutPairs => [];
        public override IReadOnlyList<PreferenceExample> HeldOutPairsFor(string principle) => [];
        public override IReadOnlyList<IReadOnlyList<Turn>> HeldOutPrompts => [];
        public override int? PromptCount => rows.Count;
        public override IReadOnlyList<Turn> Prompt(long n) => rows[(int)(n % rows.Count)].Prompt;
    }
}
