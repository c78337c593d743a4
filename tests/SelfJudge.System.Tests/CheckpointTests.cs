using System.Text.Json.Nodes;
using SelfJudge.SystemTests.Processes;
using SelfJudge.Tests.Shared;

namespace SelfJudge.SystemTests;

/// <summary>A trained checkpoint in the layout of Hugging Face, with a SentencePiece tokenizer.</summary>
public sealed class CheckpointTests : IDisposable
{
    private static readonly string[] Prompts = ["Once upon a time", "The little dog", "Lily wanted to play", "One day, a boy named Tim"];

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("llama")]
    [InlineData("shared/stories260k")]
    public async Task A_trained_checkpoint_answers_by_tournament_and_learns_an_adapter(string checkpoint)
    {
        var model = TestData.Path(checkpoint);
        var prompts = _folder.Write("prompts.jsonl", Prompts.Select(p => $$"""{"prompt": "{{p}}"}"""));

        var submitted = await _folder.Client("submit", prompts, "--model", model, "--samples", "4", "--max-new-tokens", "16", "--out",
            _folder["answers.jsonl"]);
        Assert.True(submitted.ExitCode == 0, submitted.ToString());
        Assert.Contains($"{model} has no chat_template, so its prompts are put by the dialogue template 'paper'", submitted.ToString());
        var lines = File.ReadLines(_folder["answers.jsonl"]).Select(l => JsonNode.Parse(l)!).ToList();
        Assert.Equal(Prompts, lines.Select(l => (string)l["prompt"]![0]!["content"]!));
        Assert.All(lines, l => Assert.Equal((4, 3), (l["completions"]!.AsArray().Count, l["matches"]!.AsArray().Count)));

        var run = _folder["run"];
        var trained = await _folder.Client(["train", "--recipe", SmallRun.Recipe("self-judge-lora.yaml"), "--model", model, "--out", run,
            .. SmallRun.Set($"data.prompts={prompts}", "sampling.max_new_tokens=16", "stages.Self-Judge.steps=2",
                "stages.Self-Judge.prompts=4", "stages.Self-Judge.samples=4")]);
        Assert.True(trained.ExitCode == 0, trained.ToString());
        var adapter = JsonNode.Parse(File.ReadAllText(Path.Combine(run, "adapter", "adapter_config.json")))!;
        Assert.Equal((model, 8, "LORA"), ((string)adapter["base_model_name_or_path"]!, (int)adapter["r"]!, (string)adapter["peft_type"]!));
        Assert.True(new FileInfo(Path.Combine(run, "adapter", "adapter_model.safetensors")).Length > 0);
        Assert.True(new FileInfo(Path.Combine(run, "report.html")).Length > 0);
        Assert.Equal([2], SmallRun.Checkpoints(run));
        Assert.Equal(["rewards/margins", "loss"],
            new[] { "rewards/margins", "loss" }.Where(key => SmallRun.Metrics(run).All(r => double.IsFinite((double)r[key]!))));

        // The adapter is a model to submit to.
        var again = await _folder.Client("submit", prompts, "--model", Path.Combine(run, "adapter"), "--template", "paper", "--samples",
            "2", "--max-new-tokens", "8", "--out", _folder["adapted.jsonl"]);
        Assert.True(again.ExitCode == 0, again.ToString());
        Assert.Equal(4, File.ReadLines(_folder["adapted.jsonl"]).Count());
    }
}
