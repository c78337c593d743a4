using SelfJudge.SystemTests.Processes;
using SelfJudge.Tests.Shared;

namespace SelfJudge.SystemTests;

/// <summary>A run's evaluation where no oracle is: a checkpoint on rows of HH-RLHF's layout.</summary>
public sealed class EvaluationTests : IDisposable
{
    private const int Rows = 60;

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_run_on_HH_rows_is_judged_by_its_own_judge_unless_another_is_named()
    {
        var model = TestData.Path("llama");
        var own = await Train(model, "own");
        Assert.True(own.ExitCode == 0, own.ToString());
        var result = SmallRun.Result(_folder["own"]);
        Assert.Equal(("JSFT", false), ((string)result["evaluation_judge"]!["name"]!, (bool)result["evaluation_judge"]!["is_independent"]!));
        var prompts = (int)result["policies"]![0]!["n_prompts"]!;
        Assert.Contains($"{prompts} held-out prompts, judged by JSFT, the model's own judge; not independent; win rate against JSFT, ties "
            + $"as half", own.Output, StringComparison.Ordinal);
        Assert.Equal(["JSFT", "Self-Judge", "Self-Judge + rejection N=2"], result["policies"]!.AsArray().Select(p => (string)p!["name"]!));
        Assert.Equal(0.5, (double)result["policies"]![0]!["win_rate"]!);
        Assert.All(result["policies"]!.AsArray(), p =>
            Assert.True(p!["gold_mean"] is null && (double)p["win_rate"]! is >= 0 and <= 1 && (double)p["mean_length"]! > 0));
        Assert.InRange((double)result["evaluation_judge"]!["judge_mass"]!, 0, 1);
        Assert.InRange((double)result["judge_accuracy"]!, 0, 1);
        Assert.Contains("judged by JSFT, the model&#39;s own judge; not independent", File.ReadAllText(_folder["own/report.html"]),
            StringComparison.Ordinal);

        // The same run, judged by a model from elsewhere: the answers are the same, the verdicts are another's.
        Directory.CreateDirectory(_folder["elsewhere"]);
        foreach (var file in Directory.GetFiles(model))
            File.Copy(file, _folder[$"elsewhere/{Path.GetFileName(file)}"]);
        var other = await Train(model, "other", $"evaluation.judge={_folder["elsewhere"]}");
        Assert.True(other.ExitCode == 0, other.ToString());
        var judged = SmallRun.Result(_folder["other"]);
        Assert.Equal((_folder["elsewhere"], true),
            ((string)judged["evaluation_judge"]!["name"]!, (bool)judged["evaluation_judge"]!["is_independent"]!));
        Assert.Equal(result["examples"]!.ToJsonString(), judged["examples"]!.ToJsonString());
        Assert.NotEqual((double)result["evaluation_judge"]!["judge_mass"]!, (double)judged["evaluation_judge"]!["judge_mass"]!);
    }

    [Fact]
    public async Task A_judge_that_cannot_judge_is_refused_before_the_run()
    {
        var model = TestData.Path("llama");
        await AssertRefused("--set evaluation.judge=oracle: evaluation.judge: only the built-in world has an oracle; name a stage or a "
            + "model folder\n", model, "evaluation.judge=oracle");
        await AssertRefused($"evaluation.judge: there is no {_folder["none"]}\n", model, $"evaluation.judge={_folder["none"]}");
        var file = _folder.Write("long.yaml", "name: long",
            $"text: \"{string.Concat(Enumerable.Repeat("word ", 600))}{{context}} {{response_a}} {{response_b}} \"");
        await AssertRefused($"model.path {model} cannot judge: judge template 'long' alone is longer than the model's 512 tokens\n", model,
            $"judge.templates=[{file}]");
    }

    private async Task AssertRefused(string message, string model, string setting)
    {
        var ended = await Train(model, "refused", setting);
        Assert.True(ended.ExitCode == 1, ended.ToString());
        Assert.Equal(message, ended.Errors);
        Assert.False(Directory.Exists(_folder["refused"]));
    }

    private Task<Ended> Train(string model, string name, params IEnumerable<string> settings)
    {
        _folder.Write("hh.jsonl", HhRows.First(Rows));
        var recipe = _folder.Write("recipe.yaml",
            "data: {pairs: hh.jsonl}",
            "model: {dialogue_template: paper}",
            "judge: {templates: [hh-helpful]}",
            "sampling: {max_new_tokens: 12}",
            "stages:",
            "  - {name: JSFT, method: jsft, steps: 2, policy_examples: 2, judge_pairs: 1, learning_rate: 1e-4}",
            "  - {name: Self-Judge, method: self-judge, from: JSFT, steps: 1, prompts: 2, learning_rate: 1e-4, adapter: {r: 4}}",
            "evaluation: {baseline: JSFT, rejection: [Self-Judge], rejection_samples: [2]}");
        return _folder.Client(["train", "--recipe", recipe, "--model", model, "--out", _folder[name], .. SmallRun.Set(settings)]);
    }
}
