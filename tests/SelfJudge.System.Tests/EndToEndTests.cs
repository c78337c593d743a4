using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using SelfJudge.SystemTests.Processes;
using SelfJudge.Tests.Shared;

namespace SelfJudge.SystemTests;

/// <summary>
/// The whole way from a trained checkpoint and rows of HH-RLHF's layout through JSFT, self-training of an adapter and
/// conversion, each killed in its middle. tests/end-to-end goes the same way at full length, on what others made.
/// </summary>
public sealed class EndToEndTests : IDisposable
{
    private const int Rows = 100, JsftSteps = 8, SelfJudgeSteps = 4;

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_checkpoint_learns_to_judge_and_by_its_own_judgment_whatever_kills_it()
    {
        var data = _folder.Write("hh.jsonl", HhRows.First(Rows));
        // A tenth of the prompts is held out, and their judgments take their time: one step's length is enough.
        string[] Jsft(string run) => ["jsft", "--model", TestData.Path("llama"), "--data", data, "--out", run,
            .. SmallRun.Set($"stages.JSFT.steps={JsftSteps}", "stages.JSFT.policy_examples=4", "stages.JSFT.judge_pairs=4",
                "stages.JSFT.learning_rate=4e-3", "stages.JSFT.checkpoint_every=2")];
        var jsft = await Killed(Jsft(_folder["jsft"]), _folder["jsft"], 4);
        Assert.Equal(0, (await _folder.Client(Jsft(_folder["jsft-whole"]))).ExitCode);
        AssertSame("jsft", "jsft-whole", "final/model.safetensors");
        AssertSameFigures("jsft", "jsft-whole", JsftSteps);
        Assert.Matches(@"judge JSFT: accuracy 0\.\d{3} on held-out pairs", jsft.Output);
        var judge = SmallRun.Metrics(_folder["jsft"]).ConvertAll(r => (double)r["loss/judge_token"]!);
        Assert.True(judge[0] > 5 && judge[^1] < judge[0] - 1, $"judge losses {string.Join(", ", judge)}");

        // The run is named as the model; its dialogue template comes with it.
        string[] Train(string run) =>
            ["train", "--recipe", SmallRun.Recipe("self-judge-lora.yaml"), "--model", _folder["jsft"], "--data", data, "--out", run,
            .. SmallRun.Set($"stages.Self-Judge.steps={SelfJudgeSteps}", "stages.Self-Judge.prompts=4",
                "stages.Self-Judge.learning_rate=1e-2", "stages.Self-Judge.checkpoint_every=1", "sampling.max_new_tokens=16")];
        await Killed(Train(_folder["run"]), _folder["run"], 2);
        Assert.Equal(0, (await _folder.Client(Train(_folder["run-whole"]))).ExitCode);
        foreach (var file in new[] { "adapter/adapter_model.safetensors", "last-step.jsonl" })
            AssertSame("run", "run-whole", file);
        AssertSameFigures("run", "run-whole", SelfJudgeSteps);
        Assert.Equal(await SmallRun.Triplets(_folder["run-whole"]), await SmallRun.Triplets(_folder["run"]));

        // What the trainer says of its last step is what anybody computes who loads what it saved.
        var (policy, reference) = await Score("--model", _folder["jsft"], "--adapter", _folder["run/adapter"]);
        Assert.True(policy <= 1e-4 && reference <= 1e-4, $"policy {policy}, reference {reference}");
        var moved = Lines(_folder["run/last-step.jsonl"])
            .Max(r => Math.Abs((double)r["policy_chosen_logp"]! - (double)r["ref_chosen_logp"]!));
        Assert.True(moved > 1e-2, $"the policy is {moved} from its reference: this would show nothing");

        // A model of this size is written before one can look: what is there afterwards is whole, or nothing is.
        string[] convert = ["convert", "--model", _folder["run"], "--merge", "--out", _folder["merged"]];
        await using (var converting = _folder.StartClient(convert))
            await converting.Until(() => Directory.GetDirectories(_folder.Path, ".writing-merged-*").Length > 0
                || Directory.Exists(_folder["merged"]), "the moment to kill it");
        if (!Directory.Exists(_folder["merged"]))
            Assert.Equal(0, (await _folder.Client(convert)).ExitCode);
        (policy, _) = await Score("--model", _folder["merged"]);
        Assert.True(policy <= 1e-3, $"merged: {policy}");

        string[] Submit(string output) =>
            ["submit", data, "--model", _folder["run"], "--samples", "2", "--max-new-tokens", "4", "--out", output];
        await KilledWhile(Submit(_folder["answers.jsonl"]), () =>
            File.Exists(_folder["answers.jsonl"]) && new FileInfo(_folder["answers.jsonl"]).Length > 0);
        var submitted = await _folder.Client(Submit(_folder["answers.jsonl"]));
        Assert.True(submitted.ExitCode == 0, submitted.ToString());
        Assert.Equal(Enumerable.Range(0, Rows), Lines(_folder["answers.jsonl"]).Select(l => (int)l["index"]!));
    }

    [Fact]
    public async Task An_adapter_is_no_model_to_train_from_and_what_to_do_is_said()
    {
        var adapter = Directory.CreateDirectory(_folder["adapter"]).FullName;
        File.WriteAllText(Path.Combine(adapter, "adapter_config.json"),
            """{"peft_type": "LORA", "r": 4, "lora_alpha": 8, "target_modules": ["v_proj"]}""");
        File.WriteAllText(_folder["pairs.jsonl"], "");
        var ended = await _folder.Client("jsft", "--model", adapter, "--data", _folder["pairs.jsonl"]);
        Assert.Equal((1, $"model.path: {adapter} is an adapter, and a run starts from whole weights; merge it first: convert --model "
            + $"{adapter} --merge --out DIR\n"), (ended.ExitCode, ended.Errors));
    }

    [Fact]
    public async Task Offline_learning_takes_pairs_longer_than_the_model()
    {
        var recipe = _folder.Write("dpo.yaml", "name: dpo", "data: {pairs: none}", "model: {path: none, dialogue_template: auto}",
            "judge: {templates: [hh-helpful]}", "stages:",
            "  - {name: DPO, method: dpo, steps: 2, prompts: 8, learning_rate: 1e-3, adapter: {r: 2}}");
        var ended = await _folder.Client("train", "--recipe", recipe, "--model", TestData.Path("llama"), "--data",
            _folder.Write("hh.jsonl", HhRows.First(400).Where(r => r.Length > 3500)), "--out", _folder["run"]);
        Assert.True(ended.ExitCode == 0, ended.ToString());
        var (policy, reference) = await Score("--model", _folder["run"]);
        Assert.True(policy <= 1e-4 && reference <= 1e-4, $"policy {policy}, reference {reference}");
        Assert.Equal(512, Lines(_folder["run/last-step.jsonl"])
            .Max(r => r["prompt_ids"]!.AsArray().Count + Math.Max(r["chosen_ids"]!.AsArray().Count, r["rejected_ids"]!.AsArray().Count)));
    }

    // Starts a run, kills it behind a checkpoint, and resumes it.
    private async Task<Ended> Killed(string[] arguments, string run, int checkpoint)
    {
        await KilledWhile(arguments, () => SmallRun.NewestCheckpoint(run) >= checkpoint);
        Assert.False(File.Exists(Path.Combine(run, "result.json")));
        var resumed = await _folder.Client("resume", run);
        Assert.True(resumed.ExitCode == 0, resumed.ToString());
        return resumed;
    }

    private async Task KilledWhile(string[] arguments, Func<bool> moment)
    {
        await using var process = _folder.StartClient(arguments);
        await process.Until(moment, "the moment to kill it");
        await process.Kill();
    }

    /// <summary>The largest differences from the log-probabilities that the trainer wrote down.</summary>
    private async Task<(double Policy, double Reference)> Score(params string[] model)
    {
        var ended = await _folder.Client(["score", .. model, "--data", _folder["run/last-step.jsonl"], "--out", _folder["scores.jsonl"]]);
        Assert.True(ended.ExitCode == 0, ended.ToString());
        var said = Regex.Match(ended.Output,
            "largest difference from them is (?<policy>[^ ]+) under the policy, (?<reference>[^ ]+) under the reference");
        var rows = Lines(_folder["run/last-step.jsonl"]);
        double Largest(string by) => rows.Zip(Lines(_folder["scores.jsonl"]), (r, s) =>
            Math.Max(Math.Abs((double)r[$"{by}_chosen_logp"]! - (double)s[$"{by}_chosen_logp"]!),
                Math.Abs((double)r[$"{by}_rejected_logp"]! - (double)s[$"{by}_rejected_logp"]!))).Max();
        Assert.Equal(Largest("policy"), double.Parse(said.Groups["policy"].Value), 0.1 * Largest("policy"));
        return (Largest("policy"), Largest("ref"));
    }

    private void AssertSame(string actual, string expected, string file) =>
        Assert.True(File.ReadAllBytes(Path.Combine(_folder[expected], file)).AsSpan()
            .SequenceEqual(File.ReadAllBytes(Path.Combine(_folder[actual], file))), $"{file} differs");

    private void AssertSameFigures(string actual, string expected, int steps)
    {
        Assert.Equal(Enumerable.Range(1, steps), SmallRun.Metrics(_folder[actual]).Select(r => (int)r["run_step"]!));
        Assert.Equal(SmallRun.Metrics(_folder[expected]).Select(r => (double)r["loss"]!),
            SmallRun.Metrics(_folder[actual]).Select(r => (double)r["loss"]!));
        Assert.Equal(SmallRun.Result(_folder[expected])["judges"]!.ToJsonString(),
            SmallRun.Result(_folder[actual])["judges"]!.ToJsonString());
    }

    private static List<JsonNode> Lines(string file) => [.. File.ReadLines(file).Select(l => JsonNode.Parse(l)!)];
}
