using System.Text.Json.Nodes;
using SelfJudge.SystemTests.Processes;
using SelfJudge.Tests.Shared;

namespace SelfJudge.SystemTests;

public sealed class ClusterTests(UninterruptedRun uninterrupted) : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Two_silos_share_the_work_and_models_are_where_the_model_host_is()
    {
        if (OperatingSystem.IsWindows())
            Assert.Skip("needs SIGTERM");
        await using var coordinating = await Silo.Start(_folder, "--no-model-host");
        await using var hosting = await Silo.Start(_folder, "--primary", coordinating.Address);
        Assert.Equal("no model host", coordinating.ModelHost);
        Assert.Equal("model host host-0", hosting.ModelHost);
        Assert.Null((await hosting.Health())["last_batch_finished_seconds_ago"]);

        var run = _folder["run"];
        var trained = await _folder.Client(SmallRun.Train(run, "--cluster", coordinating.Gateway));
        Assert.True(trained.ExitCode == 0, trained.ToString());
        Assert.Equal(Enumerable.Range(1, SmallRun.Steps), SmallRun.Metrics(run).Select(r => (int)r["run_step"]!));
        Assert.True(File.Exists(Path.Combine(run, "adapter", "adapter_model.safetensors")));
        Assert.False(File.Exists(Path.Combine(run, "silo.json")), "the address of a run that is over is still there");

        var prompts = _folder.Write("prompts.jsonl", """{"prompt": "where does the dog live ?"}""",
            """{"prompt": "what colour is the bear ?"}""");
        var submitted = await _folder.Client("submit", prompts, "--model", run, "--samples", "2", "--max-new-tokens", "8", "--out",
            _folder["answers.jsonl"], "--cluster", coordinating.Gateway);
        Assert.True(submitted.ExitCode == 0, submitted.ToString());
        Assert.Equal([0, 1], File.ReadLines(_folder["answers.jsonl"]).Select(l => (int)JsonNode.Parse(l)!["index"]!));

        var without = await coordinating.Health();
        Assert.Equal("healthy", (string)without["status"]!);
        Assert.Null(without["model_host"]);
        Assert.Null(without["last_batch_finished_seconds_ago"]);
        var with = await hosting.Health();
        Assert.Equal(("healthy", "host-0"), ((string)with["status"]!, (string)with["model_host"]!));
        Assert.True((double)with["last_batch_finished_seconds_ago"]! >= 0, with.ToJsonString());

        await hosting.AssertEndsWhenTerminated();
        await coordinating.AssertEndsWhenTerminated();
    }

    [Fact]
    public async Task A_cluster_makes_run_after_run_reads_files_again_that_changed_and_its_end_is_told()
    {
        await using var silo = await Silo.Start(_folder);
        var model = Path.Combine(await uninterrupted.Folder, "stages", "JSFT");
        foreach (var (name, question) in new[] { ("first", "where does the dog live ?"), ("second", "what colour is the bear ?") })
        {
            var prompts = _folder.Write("prompts.jsonl", $$"""{"prompt": "{{question}}"}""");
            var run = _folder[name];
            var trained = await _folder.Client(TrainOn(prompts, model, run, steps: 1, silo));
            Assert.True(trained.ExitCode == 0, trained.ToString());
            Assert.All(await SmallRun.Triplets(run), triplet => Assert.Contains(question, triplet, StringComparison.Ordinal));
        }

        var last = _folder["last"];
        await using var client = _folder.StartClient(TrainOn(_folder["prompts.jsonl"], model, last, steps: 100_000, silo));
        await client.Until(() => SmallRun.NewestCheckpoint(last) > 0, "a checkpoint");
        // The cluster executes the run, whatever process asks for it.
        var elsewhere = await _folder.Client("resume", last);
        Assert.True(elsewhere.ExitCode == 1, elsewhere.ToString());
        Assert.Equal($"the cluster at {silo.Gateway} is executing run last; "
            + $"watch it with 'watch {last}', or stop it with 'cancel {last}'\n", elsewhere.Errors);
        await silo.Kill();
        var told = await client.End();
        Assert.True(told.ExitCode == 1, told.ToString());
        // Before it, that a step takes four prompts where the file has one.
        Assert.StartsWith("the cluster answers no more: ", told.Errors.Split('\n')[1], StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", told.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_cluster_without_a_model_host_says_so()
    {
        await using var silo = await Silo.Start(_folder, "--no-model-host");
        var prompts = _folder.Write("prompts.jsonl", """{"prompt": "where does the dog live ?"}""");
        var submitted = await _folder.Client("submit", prompts, "--model", TestData.Path("llama"), "--template", "plain", "--out",
            _folder["answers.jsonl"], "--cluster", silo.Gateway);
        Assert.True(submitted.ExitCode == 1, submitted.ToString());
        Assert.Equal("the cluster has no model host: start a silo with one\n", submitted.Errors);
    }

    [Theory]
    [InlineData("--primary", "localhost", "--primary localhost: write it as ADDRESS:PORT, such as 127.0.0.1:11111")]
    [InlineData("--workers", "0", "--workers 0: must be a whole number from 1 to 1024")]
    public async Task A_silo_refuses_an_option_that_cannot_be(string option, string value, string message)
    {
        var ended = await ConsoleProcess.Run(Programs.Silo, _folder.Path, option, value);
        Assert.True(ended.ExitCode == 1, ended.ToString());
        Assert.Equal(message + "\n", ended.Errors);
    }

    private static string[] TrainOn(string prompts, string model, string run, int steps, Silo silo) =>
    [
        "train", "--recipe", SmallRun.Recipe("self-judge-lora.yaml"), "--model", model, "--out", run, "--cluster", silo.Gateway,
        .. SmallRun.Set($"data.prompts={prompts}", "model.dialogue_template=world", "judge.templates=[world]", "sampling.max_new_tokens=8",
            $"stages.Self-Judge.steps={steps}", "stages.Self-Judge.prompts=4"),
    ];
}
