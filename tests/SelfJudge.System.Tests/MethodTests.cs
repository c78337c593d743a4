using SelfJudge.SystemTests.Processes;

namespace SelfJudge.SystemTests;

/// <summary>Every method of the paper on the real model host, from one start, for a few steps each: what it works on gets better.</summary>
public sealed class MethodTests : IDisposable
{
    private const int Steps = 30;

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Each_method_improves_its_own_objective()
    {
        const string Optimizer = "optimizer: {beta2: 0.99}, checkpoint_every: 10";
        string Rollouts(string more) => $"steps: {Steps}, prompts: 16, checkpoint_every: 10, {more}";
        var recipe = _folder.Write("methods.yaml",
            "data: {world_pairs: 4000}",
            "model: {init: {hidden_size: 32, intermediate_size: 88, layers: 2, heads: 4, key_value_heads: 4, max_positions: 256, "
                + "initializer_range: 0.07}}",
            "sampling: {max_new_tokens: 24}",
            "stages:",
            $"  - {{name: SFT, method: sft, steps: 150, policy_examples: 16, learning_rate: 1e-2, {Optimizer}}}",
            $"  - {{name: JSFT, method: jsft, from: SFT, steps: 60, policy_examples: 8, judge_pairs: 8, learning_rate: 3e-3, {Optimizer}}}",
            $"  - {{name: RM, method: rm, from: SFT, steps: 100, prompts: 16, learning_rate: 3e-3, {Optimizer}}}",
            $"  - {{name: IPO, method: dpo, from: SFT, steps: {Steps}, prompts: 16, loss: {{kind: ipo}}, learning_rate: 3e-4}}",
            $"  - {{name: SLiC, method: dpo, from: SFT, steps: {Steps}, prompts: 16, loss: {{kind: hinge}}, learning_rate: 3e-4}}",
            "  - {name: RSO, method: rso, from: SFT, judge: oracle, steps: 150, prompts: 16, checkpoint_every: 10, samples: 4, "
                + "learning_rate: 1e-3}",
            $"  - {{name: RAFT, method: raft, from: SFT, reward: RM, {Rollouts("samples: 8, learning_rate: 1e-3")}}}",
            $"  - {{name: ReST, method: rest, from: SFT, reward: RM, grow_steps: 4, thresholds: [0.7], policy_examples: 32, "
                + $"{Rollouts("samples: 8, learning_rate: 3e-3")}}}",
            $"  - {{name: PPO, method: ppo, from: SFT, reward: RM, {Rollouts("samples: 4, learning_rate: 1e-3")}, "
                + $"ppo: {{mini_batch: 32}}}}",
            $"  - {{name: Oracle, method: self-judge, from: SFT, judge: oracle, {Rollouts("samples: 2, learning_rate: 3e-4")}}}",
            $"  - {{name: Dynamic, method: self-judge, from: JSFT, judge: policy, {Rollouts("samples: 2, learning_rate: 3e-4")}}}");
        var ended = await _folder.Client("train", "--recipe", recipe, "--out", _folder["run"]);
        Assert.True(ended.ExitCode == 0, ended.ToString());
        var metrics = SmallRun.Metrics(_folder["run"]);

        List<double> Values(string stage, string metric)
        {
            var values = metrics.Where(m => (string)m["stage"]! == stage && m[metric] is not null).Select(m => (double)m[metric]!).ToList();
            Assert.True(values.Count >= 20, $"{stage} has {values.Count} values of {metric}");
            return values;
        }
        (double First, double Last) Ends(string stage, string metric) =>
            Values(stage, metric) is var values ? (values.Take(6).Average(), values.TakeLast(6).Average()) : default;
        (double First, double Second) Halves(string stage, string metric) =>
            Values(stage, metric) is var values ? (values.Take(values.Count / 2).Average(), values.Skip(values.Count / 2).Average())
                : default;
        void Falls(string stage, string metric) =>
            Assert.True(Ends(stage, metric) is var (first, last) && last < first, $"{stage}: {metric} from {first} to {last}");
        void Rises(string stage, string metric) =>
            Assert.True(Ends(stage, metric) is var (first, last) && last > first, $"{stage}: {metric} from {first} to {last}");
        Falls("SFT", "loss");
        Falls("JSFT", "loss/judge_token");
        Falls("RM", "loss");
        foreach (var stage in new[] { "IPO", "SLiC", "Oracle", "Dynamic" })
            Rises(stage, "rewards/margins");
        // What rejection sampling accepts of few samples tells little: over six steps its margin is mostly noise, over halves of a
        // longer stage it rose with each of eight seeds.
        var (half, otherHalf) = Halves("RSO", "rewards/margins");
        Assert.True(otherHalf > half && otherHalf > 0, $"RSO: rewards/margins from {half} to {otherHalf}");
        Falls("RAFT", "loss/response");
        Falls("ReST", "loss/response");
        Rises("PPO", "objective/scores");
        Falls("PPO", "loss/value_avg");
        // A reward model is no policy and no language model; what PPO leaves is a language model without its value head.
        Assert.Contains("LlamaForSequenceClassification", File.ReadAllText(_folder["run/stages/RM/config.json"]), StringComparison.Ordinal);
        Assert.Contains("LlamaForCausalLM", File.ReadAllText(_folder["run/stages/PPO/config.json"]), StringComparison.Ordinal);
        Assert.True(new FileInfo(_folder["run/stages/RM/model.safetensors"]).Length > new FileInfo(
            _folder["run/stages/PPO/model.safetensors"]).Length);
    }
}
