using System.Net;
using System.Text.Json.Nodes;
using SelfJudge.Grains.Training;
using SelfJudge.Modeling.Hosting;
using SelfJudge.Preferences.Methods;
using SelfJudge.Preferences.Recipes;
using SelfJudge.Tests.Shared;

namespace SelfJudge.Hosting.Tests;

/// <summary>A real silo with a real, small model. Alone: a meter that another test disposes takes the series of the same name
/// along.</summary>
[Collection(nameof(Alone))]
public sealed class SelfJudgeServerTests : IAsyncLifetime
{
    private readonly TemporaryFolder _folder = new();
    private readonly HttpClient _http = new();
    private SelfJudgeServer _server = null!;

    public async ValueTask InitializeAsync()
    {
        _server = SelfJudgeServer.Build(new ServerOptions
        {
            ModelHost = new ModelHostOptions { Name = "real", Workers = 1 },
            Storage = _folder.In("grains.db"),
            LogToConsole = false
        });
        await _server.StartAsync();
        _http.BaseAddress = new Uri($"http://127.0.0.1:{_server.Options.HttpPort}/");
    }

    public async ValueTask DisposeAsync()
    {
        await _server.DisposeAsync();
        _http.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public async Task Health_metrics_and_dashboard_answer()
    {
        using var response = await _http.GetAsync("health");
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        var health = JsonNode.Parse(await response.Content.ReadAsStringAsync())!;
        Assert.Equal(("healthy", "real", 0), ((string?)health["status"], (string?)health["model_host"], (int)health["queue_length"]!));
        Assert.Null(health["busy_seconds"]);
        using var dashboard = await _http.GetAsync("dashboard");
        Assert.Equal(HttpStatusCode.OK, dashboard.StatusCode);
    }

    [Fact]
    public async Task The_figures_of_a_step_are_on_metrics_by_run_and_stage()
    {
        var recipe = new Recipe
        {
            Data = new DataRecipe { WorldPairs = 20 },
            Model = new ModelRecipe
            {
                Init = new InitRecipe
                {
                    HiddenSize = 16,
                    IntermediateSize = 24,
                    Layers = 1,
                    Heads = 2,
                    KeyValueHeads = 2,
                    MaxPositions = 96
                }
            },
            Stages = [new StageRecipe { Name = "SFT", Method = StageMethod.Sft, Steps = 100_000, LearningRate = 1e-3, PolicyExamples = 2,
                CheckpointEvery = 100_000 }],
        };
        var trainer = _server.Grains.GetGrain<ITrainerGrain>("measured");
        await trainer.OpenStage(new StageAssignment(TestRuns.Request(recipe, _folder.In("run")), "SFT"));
        Assert.Empty(await Series("loss"));
        var outcome = await trainer.TrainOnData();
        // The exporter gives its last answer again for a part of a second, and a step can be faster.
        var deadline = DateTime.UtcNow.AddMinutes(2);
        while ((await Series("loss")).Count == 0 && DateTime.UtcNow < deadline)
            await Task.Delay(50);
        var loss = Assert.Single(await Series("loss"));
        Assert.Contains("run=\"measured\"", loss);
        Assert.Contains("stage=\"SFT\"", loss);
        Assert.Equal(outcome.Metrics["loss"], double.Parse(loss.Split("} ")[1].Split(' ')[0]), 6);
        Assert.Single(await Series("policy_version"));
        Assert.Contains((await _http.GetStringAsync("metrics")).Split('\n'), l =>
            l.StartsWith("model_host_trained_tokens", StringComparison.Ordinal));
        await trainer.Release();
    }

    private async Task<List<string>> Series(string name) =>
        [.. (await _http.GetStringAsync("metrics")).Split('\n')
            .Where(l => l.StartsWith(name + "{", StringComparison.Ordinal) && l.Contains("run=\"measured\"", StringComparison.Ordinal))];
}

[CollectionDefinition(nameof(Alone), DisableParallelization = true)]
public sealed class Alone;
