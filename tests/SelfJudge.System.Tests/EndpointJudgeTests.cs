using SelfJudge.SystemTests.Processes;

namespace SelfJudge.SystemTests;

/// <summary>A run whose judge is a chat model behind an OpenAI-compatible address.</summary>
public sealed class EndpointJudgeTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task The_policy_learns_what_the_endpoint_prefers_and_is_measured_by_it()
    {
        // It prefers the longer of two responses, except that it does not understand a question with nine in it.
        await using var server = await ChatServer.Start(r =>
            (200, r.Body.ToJsonString().Contains(" nine ", StringComparison.Ordinal) ? "hm" : r.A.Length >= r.B.Length ? "A" : "B"));
        var ended = await Train(server.Address, ["JUDGE_KEY=sk-very-secret"], "judge.endpoints.0.key_env=JUDGE_KEY");
        Assert.True(ended.ExitCode == 0, ended.ToString());

        var triplets = await SmallRun.Triplets(_folder["run"]);
        Assert.True(triplets.Count > 20, $"{triplets.Count} triplets");
        foreach (var triplet in triplets.Select(t => System.Text.Json.Nodes.JsonNode.Parse(t)!))
        {
            Assert.True(((string)triplet["Chosen"]!).Length > ((string)triplet["Rejected"]!).Length, triplet.ToJsonString());
            Assert.Equal((1, 0, true), ((double)triplet["ChosenScore"]!, (double)triplet["RejectedScore"]!, (bool)triplet["OrdersAgree"]!));
            Assert.DoesNotContain(" nine ", (string)triplet["Prompt"]!, StringComparison.Ordinal);
        }
        var judge = SmallRun.Result(_folder["run"])["evaluation_judge"]!;
        Assert.Equal(("chat", $"some-model at {server.Address}, which judged in training too; not independent", false, 1.0),
            ((string)judge["name"]!, (string)judge["description"]!, (bool)judge["is_independent"]!, (double)judge["swap_consistency"]!));
        Assert.All(server.Requests, r => Assert.Equal("Bearer sk-very-secret", r.Authorization));
        Assert.DoesNotContain("secret", ended + string.Concat(Directory.GetFiles(_folder["run"]).Select(File.ReadAllText)),
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_endpoint_that_cannot_judge_is_heard_of_before_anything_is_trained()
    {
        await using var server = await ChatServer.Start(_ => (404, "no"));
        await AssertFails(server.Address, "has no /v1/chat/completions, or no model 'some-model' (404)");
        await AssertFails(server.Address, "there is no environment variable NO_SUCH_KEY, or it is empty",
            "judge.endpoints.0.key_env=NO_SUCH_KEY");
    }

    private async Task AssertFails(string address, string message, params string[] settings)
    {
        var ended = await Train(address, [], settings);
        Assert.True(ended.ExitCode == 1, ended.ToString());
        Assert.Contains($"the run failed: the judge at {address}", ended.Errors, StringComparison.Ordinal);
        Assert.Contains(message, ended.Errors, StringComparison.Ordinal);
        Assert.False(File.Exists(_folder["run/metrics.jsonl"]));
        Directory.Delete(_folder["run"], recursive: true);
    }

    private async Task<Ended> Train(string address, string[] environment, params string[] settings)
    {
        var recipe = _folder.Write("endpoint.yaml",
            "data: {world_pairs: 2000}",
            "model: {init: {hidden_size: 32, intermediate_size: 88, layers: 2, heads: 4, key_value_heads: 4, max_positions: 256, "
                + "initializer_range: 0.07}}",
            "sampling: {max_new_tokens: 16}",
            $"judge: {{endpoints: [{{name: chat, address: \"{address}\", model: some-model}}]}}",
            "stages:",
            "  - {name: SFT, method: sft, steps: 40, policy_examples: 16, learning_rate: 1e-2, checkpoint_every: 20}",
            "  - {name: OAIF, method: self-judge, from: SFT, judge: chat, steps: 6, prompts: 8, learning_rate: 3e-4}",
            "evaluation: {judge: chat, prompts: 12}");
        await using var process = ConsoleProcess.Start("env", _folder.Path,
            [.. environment, Programs.DotNet, "exec", Programs.Client, "train", "--recipe", recipe, "--out", _folder["run"],
            .. SmallRun.Set(settings)]);
        return await process.End();
    }
}
