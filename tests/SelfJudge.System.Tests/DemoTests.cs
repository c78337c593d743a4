using System.Text.Json.Nodes;
using SelfJudge.SystemTests.Processes;

namespace SelfJudge.SystemTests;

public sealed class DemoTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    private string Run => _folder["demo"];

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task The_quick_demo_leaves_everything_that_scripts_rely_on()
    {
        var ended = await _folder.Client("demo", "--quick", "--seed", "3", "--out", Run);
        Assert.True(ended.ExitCode == 0, ended.ToString());
        Assert.StartsWith("--quick: fewer steps and prompts; its figures are not the demo's\n", ended.Output, StringComparison.Ordinal);
        Assert.EndsWith($"everything is in {Run}\nreport: {Run}/report.html\n", ended.Output, StringComparison.Ordinal);

        var result = SmallRun.Result(Run);
        Assert.Equal(3ul, (ulong)result["seed"]!);
        Assert.True((double)result["total_seconds"]! > 0);
        foreach (var share in new[] { "judge_accuracy", "judge_swap_consistency" })
            Assert.InRange((double)result[share]!, 0, 1);

        var stages = result["stages"]!.AsArray();
        Assert.Equal(["SFT", "JSFT", "DPO", "Off-policy", "Self-Judge"], Names(stages));
        Assert.All(stages, stage => Assert.All(new[] { "seconds", "tokens", "tokens_per_second" }, key =>
            Assert.True((double)stage![key]! > 0, key)));

        var policies = result["policies"]!.AsArray();
        Assert.Equal(
            ["DPO", "JSFT", "JSFT + rejection N=16", "JSFT + rejection N=4", "Off-policy", "SFT", "Self-Judge",
                "Self-Judge + rejection N=16", "Self-Judge + rejection N=4"],
            Names(policies).Order(StringComparer.Ordinal));
        Assert.All(policies, policy =>
        {
            Assert.InRange((double)policy!["gold_mean"]!, 0, 1);
            Assert.Equal(["helpfulness", "honesty", "instruction_following", "truthfulness"],
                policy["gold_by_principle"]!.AsObject().Select(p => p.Key));
            Assert.All(policy["gold_by_principle"]!.AsObject(), p => Assert.InRange((double)p.Value!, 0, 1));
            var interval = policy["win_rate_ci95"]!.AsArray().Select(v => (double)v!).ToList();
            Assert.Equal(2, interval.Count);
            Assert.InRange((double)policy["win_rate"]!, interval[0], interval[1]);
            Assert.True((double)policy["mean_length"]! > 0);
            Assert.InRange((double)policy["repetition"]!, 0, 1);
            Assert.Equal(150, (int)policy["n_prompts"]!);
        });

        var triplets = result["triplets"]!;
        long Count(string key) => (long)triplets[key]!;
        Assert.True(Count("trained") > 0);
        Assert.Equal(Count("made"), Count("trained") + Count("stale_refused"));
        Assert.Equal((0, 0), (Count("stale_refused"), Count("duplicates_dropped")));
        // Two stages of 25 steps play one match for each of 32 prompts.
        Assert.Equal(2 * 25 * 32, Count("made") + Count("identical_skipped"));
        Assert.Equal(Count("trained"), (await SmallRun.Triplets(Run)).Count);

        foreach (var file in new[] { "report.html", "metrics.jsonl", "triplets.parquet", "recipe.yaml", "final/config.json",
            "final/model.safetensors", "final/tokenizer.json", "final/tokenizer_config.json" })
            Assert.True(new FileInfo(Path.Combine(Run, file)) is { Exists: true, Length: > 0 }, file);
        foreach (var stage in Names(stages))
            Assert.True(new FileInfo(
                Assert.Single(Directory.GetFiles(Path.Combine(Run, "tensorboard", stage), "events.out.tfevents.*"))).Length > 0, stage);
        Assert.NotEmpty(SmallRun.Checkpoints(Run));
        Assert.Equal(Enumerable.Range(1, 300 + 350 + 3 * 25), SmallRun.Metrics(Run).Select(r => (int)r["run_step"]!));
    }

    private static IEnumerable<string> Names(JsonArray of) => of.Select(o => (string)o!["name"]!);
}
