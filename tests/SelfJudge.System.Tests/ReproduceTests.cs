using System.Text.Json.Nodes;
using SelfJudge.SystemTests.Processes;

namespace SelfJudge.SystemTests;

/// <summary>The paper's tables from the console, with so few steps that their figures mean nothing.</summary>
public sealed class ReproduceTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    private string Out => _folder["out"];

    public void Dispose() => _folder.Dispose();

    private Task<Ended> Reproduce(params string[] what) =>
        _folder.Client(["reproduce", .. what, "--quick", "--out", Out, "--set", "data.world_pairs=2000"]);

    [Fact]
    public async Task A_table_is_run_once_and_further_tables_use_what_is_finished()
    {
        var first = await Reproduce("--table", "4", "--seeds", "2");
        Assert.True(first.ExitCode == 0, first.ToString());
        Assert.Contains("10 runs for table 4 over 2 seeds; 0 are finished", first.Output, StringComparison.Ordinal);
        var rows = Rows();
        Assert.Equal([("4", "Offline"), ("4", "Off-policy"), ("4", "On-policy")],
            rows.Select(r => ((string)r["table"]!, (string)r["row"]!)));
        Assert.All(rows, r =>
        {
            var interval = r["ci95"]!.AsArray().Select(v => (double)v!).ToList();
            Assert.InRange((double)r["mean"]!, interval[0], interval[1]);
            Assert.Equal(2, (int)r["seeds"]!);
            Assert.NotNull(r["ordering_holds"]);
        });
        Assert.Equal(0.4488, (double)rows[2]["paper"]!, 9);
        Assert.True((double)rows[2]["budget"]!["samples"]! > 0);
        // Judges are compared pair by pair: what stands in the file is what the result is the mean of.
        var judgedBy = Directory.GetFiles(Out, "judged-pairs.jsonl", SearchOption.AllDirectories);
        Assert.Equal(8, judgedBy.Length); // for each seed JSFT and what starts from it
        foreach (var judged in judgedBy)
        {
            var correct = File.ReadLines(judged).Select(l => (double)JsonNode.Parse(l)!["correct"]!).ToList();
            Assert.Equal(639, correct.Count);
            Assert.Equal((double)SmallRun.Result(Path.GetDirectoryName(judged)!)["judges"]![0]!["accuracy"]!, correct.Average(), 9);
        }
        var weights = Weights();

        // Table 9 needs the same JSFT and Self-Judge, and two stages more for each seed.
        var second = await Reproduce("--table", "4", "9", "--seeds", "2");
        Assert.True(second.ExitCode == 0, second.ToString());
        Assert.Contains("14 runs for tables 4, 9 over 2 seeds; 10 are finished", second.Output, StringComparison.Ordinal);
        Assert.Equal(["4", "4", "4", "9", "9", "9", "9"], Rows().Select(r => (string)r["table"]!));
        Assert.Equal(rows.Select(r => (double)r["mean"]!), Rows().Take(3).Select(r => (double)r["mean"]!));
        Assert.All(weights, w => Assert.Equal(w.Value, Weights()[w.Key]));
        var report = File.ReadAllText(Path.Combine(Out, "report.html"));
        Assert.Contains("Table 9: The policy as its own judge", report, StringComparison.Ordinal);
        Assert.Contains("self-judge.yaml", report, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Settings_are_tried_on_validation_prompts_and_the_recipes_own_is_marked()
    {
        var ended = await Reproduce("--settings", "dpo-sft", "--seeds", "1");
        Assert.True(ended.ExitCode == 0, ended.ToString());
        Assert.Contains("11 runs for 10 settings over 1 seed; 0 are finished", ended.Output, StringComparison.Ordinal);
        var rows = File.ReadAllLines(Path.Combine(Out, "settings.md")).Where(l => l.StartsWith("| dpo-sft |", StringComparison.Ordinal))
            .ToList();
        Assert.Equal(10, rows.Count);
        Assert.Single(rows, r => r.Contains(" * |", StringComparison.Ordinal));
        Assert.Single(rows, r => r.Contains("**", StringComparison.Ordinal));
        var recipes = Directory.GetFiles(Out, "recipe.yaml", SearchOption.AllDirectories);
        Assert.Equal(11, recipes.Length);
        Assert.All(recipes, r => Assert.Contains("split: validation", File.ReadAllText(r), StringComparison.Ordinal));

        var again = await Reproduce("--settings", "dpo-sft", "--seeds", "1");
        Assert.Contains("11 runs for 10 settings over 1 seed; 11 are finished", again.Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--table 7: known are 1, 2, 3, 4, 5, 6, 8, 9, figure 4, figure 5", "--table", "7")]
    [InlineData("--settings 7: known are self-judge, off-policy,", "--settings", "7")]
    [InlineData("--settings makes no tables: leave all, --table and --figure out", "--settings", "dpo", "--table", "1")]
    public async Task What_the_paper_does_not_have_is_refused(string message, params string[] what)
    {
        var ended = await Reproduce(what);
        Assert.Equal(1, ended.ExitCode);
        Assert.StartsWith(message, ended.Errors, StringComparison.Ordinal);
        Assert.False(Directory.Exists(Out));
    }

    [Fact]
    public async Task Two_at_once_do_not_share_a_folder()
    {
        Directory.CreateDirectory(Out);
        await using var held = new FileStream(Path.Combine(Out, "run.lock"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        var ended = await Reproduce("--table", "4", "--seeds", "1");
        Assert.Equal(1, ended.ExitCode);
        Assert.Contains($"{Out} cannot be used", ended.Errors, StringComparison.Ordinal);
        Assert.False(Directory.Exists(Path.Combine(Out, "seed-1")));
    }

    private List<JsonNode> Rows() => [.. JsonNode.Parse(File.ReadAllText(Path.Combine(Out, "tables.json")))!.AsArray().Select(r => r!)];

    private Dictionary<string, DateTime> Weights() =>
        Directory.GetFiles(Out, "model.safetensors", SearchOption.AllDirectories)
            .Where(f => f.Contains("/final/", StringComparison.Ordinal)).ToDictionary(f => f, File.GetLastWriteTimeUtc);
}
