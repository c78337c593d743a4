using System.Text.Json.Nodes;
using SelfJudge.SystemTests.Processes;

namespace SelfJudge.SystemTests;

/// <summary>An adapter that one stage adds and the next trains on.</summary>
public sealed class AdapterTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task An_adapter_that_is_trained_on_is_left_as_one_on_the_weights_under_it()
    {
        var run = _folder["run"];
        var recipe = _folder.Write("adapters.yaml",
            "data: {world_pairs: 200}",
            "model: {init: {hidden_size: 16, intermediate_size: 32, layers: 1, heads: 2, key_value_heads: 2, max_positions: 128}}",
            "sampling: {max_new_tokens: 8}",
            "stages:",
            "  - {name: JSFT, method: jsft, steps: 2, policy_examples: 2, judge_pairs: 2, learning_rate: 1e-3}",
            "  - {name: First, method: dpo, from: JSFT, steps: 2, prompts: 2, learning_rate: 1e-3, adapter: {r: 2}}",
            "  - {name: Second, method: self-judge, from: First, steps: 2, prompts: 4, learning_rate: 1e-3}",
            "evaluation: {baseline: JSFT, prompts: 4}");
        var ended = await _folder.Client("train", "--recipe", recipe, "--out", run);
        Assert.True(ended.ExitCode == 0, ended.ToString());
        Assert.False(Directory.Exists(Path.Combine(run, "final")));
        foreach (var adapter in new[] { "stages/First", "adapter" })
            Assert.Equal(Path.Combine(run, "stages", "JSFT"),
                (string)JsonNode.Parse(File.ReadAllText(Path.Combine(run, adapter, "adapter_config.json")))!["base_model_name_or_path"]!);

        // The run and its adapter's folder are the same model, merged or not.
        var pairs = _folder.Write("pairs.jsonl",
            """{"prompt": "what is the opposite of hot ?", "chosen": "the opposite of hot is cold .", "rejected": "dog dog"}""");
        var converted = await _folder.Client("convert", "--model", run, "--merge", "--out", _folder["merged"]);
        Assert.True(converted.ExitCode == 0, converted.ToString());
        var scores = new List<double>();
        foreach (var model in new[] { run, Path.Combine(run, "adapter"), _folder["merged"] })
        {
            var scored = await _folder.Client("score", "--model", model, "--data", pairs, "--out", _folder["scores.jsonl"]);
            Assert.True(scored.ExitCode == 0, scored.ToString());
            scores.Add((double)JsonNode.Parse(File.ReadLines(_folder["scores.jsonl"]).First())!["policy_chosen_logp"]!);
            File.Delete(_folder["scores.jsonl"]);
        }
        Assert.Equal(scores[0], scores[1]);
        Assert.Equal(scores[0], scores[2], 1e-3);
    }
}
