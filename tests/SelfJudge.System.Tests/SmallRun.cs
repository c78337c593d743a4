using System.Text.Json.Nodes;
using Parquet.Serialization;
using SelfJudge.Tests.Shared;

namespace SelfJudge.SystemTests;

/// <summary>The smoke recipe, shrunk to seconds: a JSFT stage and a Self-Judge stage with an adapter, a checkpoint at every step.</summary>
internal static class SmallRun
{
    public const int JsftSteps = 12, SelfJudgeSteps = 8, Steps = JsftSteps + SelfJudgeSteps;

    public static string Recipe(string name) => Path.Combine(TestData.RepositoryRoot(), "recipes", name);

    /// <summary>The arguments that make it in a folder.</summary>
    public static string[] Train(string folder, params IEnumerable<string> more) =>
    [
        "train", "--recipe", Recipe("smoke.yaml"), "--out", folder,
        .. Set("data.world_pairs=2000",
            "model.init={hidden_size: 32, intermediate_size: 64, layers: 2, heads: 4, key_value_heads: 4, max_positions: 256, "
            + "initializer_range: 0.07}",
            $"stages.JSFT.steps={JsftSteps}", $"stages.Self-Judge.steps={SelfJudgeSteps}", "stages.Self-Judge.prompts=8",
                "sampling.max_new_tokens=12", "evaluation.prompts=40"),
        .. more,
    ];

    public static IEnumerable<string> Set(params IEnumerable<string> settings) => settings.SelectMany(s => new[] { "--set", s });

    /// <summary>The newest checkpoint that a run has; 0 before the first.</summary>
    public static int NewestCheckpoint(string run) => Checkpoints(run).DefaultIfEmpty(0).Max();

    public static IEnumerable<int> Checkpoints(string run)
    {
        var folder = Path.Combine(run, "checkpoints");
        return Directory.Exists(folder) ? Directory.GetFiles(folder, "step-*.safetensors")
            .Select(d => int.Parse(Path.GetFileNameWithoutExtension(d)[5..])) : [];
    }

    public static List<JsonNode> Metrics(string run) =>
        [.. File.ReadLines(Path.Combine(run, "metrics.jsonl")).Select(l => JsonNode.Parse(l)!)];

    public static JsonNode Result(string run) => JsonNode.Parse(File.ReadAllText(Path.Combine(run, "result.json")))!;

    /// <summary>The rows of a run's triplets, each as JSON.</summary>
    public static async Task<List<string>> Triplets(string run)
    {
        await using var file = File.OpenRead(Path.Combine(run, "triplets.parquet"));
        return [.. (await ParquetSerializer.DeserializeUntypedAsync(file)).Data.Select(row =>
            System.Text.Json.JsonSerializer.Serialize(row))];
    }

    /// <summary>Asserts that two runs came to the same: weights to the last bit, every step once, the same triplets, the same
    /// figures.</summary>
    public static async Task AssertSame(string expected, string actual)
    {
        foreach (var file in new[] { "stages/JSFT/model.safetensors", "adapter/adapter_model.safetensors" })
            Assert.True(File.ReadAllBytes(Path.Combine(expected, file)).AsSpan()
                .SequenceEqual(File.ReadAllBytes(Path.Combine(actual, file))), $"{file} differs");
        Assert.Equal(Enumerable.Range(1, Steps), Metrics(actual).Select(r => (int)r["run_step"]!));
        Assert.Equal(Metrics(expected).Select(r => (double)r["loss"]!), Metrics(actual).Select(r => (double)r["loss"]!));
        Assert.Equal(await Triplets(expected), await Triplets(actual));
        foreach (var key in new[] { "policies", "judges", "triplets", "examples" })
            Assert.Equal(Result(expected)[key]!.ToJsonString(), Result(actual)[key]!.ToJsonString());
    }
}
