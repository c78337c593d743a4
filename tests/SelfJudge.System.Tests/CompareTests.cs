using System.Text.Json.Nodes;
using SelfJudge.SystemTests.Processes;
using SelfJudge.Tests.Shared;

namespace SelfJudge.SystemTests;

public sealed class CompareTests(UninterruptedRun uninterrupted) : IDisposable
{
    private static readonly string[] Prompts = ["Once upon a time", "The little dog", "Lily wanted to play", "One day, a boy named Tim"];

    private readonly TemporaryFolder _folder = new();

    private string Out => _folder["compared.jsonl"];

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Files_of_answers_are_compared_by_an_endpoint_in_both_orders_and_gone_on_with()
    {
        await using var server = await ChatServer.PreferringLonger();
        var arguments = Files(server, ["a long answer", "short", "a b c a b c", "the same"], ["short", "a long answer", "x", "the same"]);
        var ended = await _folder.Client(arguments);
        Assert.True(ended.ExitCode == 0, ended.ToString());

        var lines = Lines();
        Assert.Equal(["a", "b", "a", "tie"], lines[..4].Select(l => (string?)l["winner"]));
        Assert.Equal([true, true, true, null], lines[..4].Select(l => (bool?)l["orders_agree"]));
        Assert.Equal(Prompts, lines[..4].Select(l => (string)l["prompt"]![0]!["content"]!));
        Assert.Equal((1, 0), ((double)lines[0]["score_a"]!, (double)lines[0]["score_b"]!));
        // Both orders of three pairs; nobody is asked about identical answers.
        Assert.Equal(
            [("a b c a b c", "x"), ("a long answer", "short"), ("a long answer", "short"), ("short", "a long answer"),
                ("short", "a long answer"), ("x", "a b c a b c")],
            server.Requests.Select(r => (r.A, r.B)).Order());
        Assert.All(server.Requests, r => Assert.Equal(("some-model", 0.0), ((string)r.Body["model"]!, (double)r.Body["temperature"]!)));
        var summary = lines[4]["summary"]!;
        var result = summary["result"]!;
        Assert.Equal((4, 2, 1, 1, 1, 0), ((int)result["prompts"]!, (int)result["wins"]!, (int)result["ties"]!, (int)result["losses"]!,
            (int)result["identical"]!, (int)result["no_verdicts"]!));
        Assert.Equal((0.625, 1.0, 0.0), ((double)result["win_rate"]!, (double)result["swap_consistency"]!,
            (double)result["position_bias"]!));
        // Wilson at 0.625 of 4: 0.2194 to 0.9081.
        Assert.Equal([0.2194, 0.9081], result["win_rate_ci95"]!.AsArray().Select(v => Math.Round((double)v!, 4)));
        Assert.Equal((3.0, 0.0625, true), ((double)summary["a"]!["mean_words"]!, (double)summary["a"]!["repetition"]!,
            summary["a"]!["mean_tokens"] is null));
        Assert.Equal((0, 0.0, "tie"), ((int)result["inconsistent"]!, (double)result["inconsistent_rate"]!,
            (string)summary["inconsistent_pairs"]!));
        Assert.Matches(@"4 prompts +2 +1 +1 +0 +62\.5 % +21\.9–90\.8 +1\.000 +0\.000", ended.Output);

        // A file cut short in its second line: only what is missing is judged again.
        var whole = File.ReadAllLines(Out);
        File.WriteAllText(Out, whole[0] + "\n" + whole[1][..20]);
        server.Requests.Clear();
        var again = await _folder.Client(arguments);
        Assert.StartsWith($"{Out} holds 1 of 4 results already\n", again.Output, StringComparison.Ordinal);
        Assert.Equal(whole, File.ReadAllLines(Out));
        Assert.Equal(4, server.Requests.Count);

        var complete = await _folder.Client([.. arguments, "--json"]);
        Assert.Equal(whole[^1] + "\n", complete.Output);
        Assert.Equal(4, server.Requests.Count);
        await AssertFails($"{Out}:1: made of other models or answers, or with another judge, template, sampling, number of samples, seed "
            + $"or rule for inconsistent pairs; name another file with --out\n", [.. arguments, "--judge-template", "hh-helpful"]);
    }

    [Fact]
    public async Task A_busy_endpoint_is_asked_again_and_the_key_goes_nowhere_else()
    {
        await using var server = await ChatServer.Start(r => r.Number == 1 ? (429, "slow down") : (200, "B"));
        await using var process = ConsoleProcess.Start("env", _folder.Path,
            ["JUDGE_KEY=sk-very-secret", Programs.DotNet, "exec", Programs.Client, .. Files(server, ["x"], ["y"]), "--judge-key-env",
            "JUDGE_KEY"]);
        var ended = await process.End();
        Assert.True(ended.ExitCode == 0, ended.ToString());
        Assert.Equal(3, server.Requests.Count);
        Assert.All(server.Requests, r => Assert.Equal("Bearer sk-very-secret", r.Authorization));
        // It chose B in both orders: a tie, and a bias towards the second place.
        var result = Lines()[1]["summary"]!["result"]!;
        Assert.Equal((1, 0.5, 0.0, -0.5), ((int)result["ties"]!, (double)result["win_rate"]!, (double)result["swap_consistency"]!,
            (double)result["position_bias"]!));
        Assert.DoesNotContain("secret", ended + string.Concat(Directory.GetFiles(_folder.Path).Select(File.ReadAllText)),
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task Nonsense_is_no_verdict_and_counted()
    {
        await using var server = await ChatServer.Start(r => (200, r.A == "y" ? "I cannot decide." : "A"));
        var ended = await _folder.Client(Files(server, ["x", "x"], ["y", "z"]));
        Assert.True(ended.ExitCode == 0, ended.ToString());
        var lines = Lines();
        Assert.Equal([null, "tie"], lines[..2].Select(l => (string?)l["winner"]));
        Assert.Equal("""["I cannot decide."]""", lines[0]["unreadable"]!.ToJsonString());
        var result = lines[2]["summary"]!["result"]!;
        Assert.Equal((1, 1, 0.5), ((int)result["no_verdicts"]!, (int)result["unreadable"]!, (double)result["win_rate"]!));
        Assert.Contains("1 answers of the judge name neither A nor B", ended.Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(401, "refuses access (401): name the environment variable that holds its key (--judge-key-env; in a recipe key_env)")]
    [InlineData(404, "has no /v1/chat/completions, or no model 'some-model' (404): write the address as https://HOST/v1, and the model as "
        + "the server names it")]
    public async Task An_endpoint_that_refuses_is_named(int status, string message)
    {
        await using var server = await ChatServer.Start(_ => (status, "no"));
        await AssertFails($"prompt 0 was not judged: the judge at {server.Address} {message}\nthe 0 before it are in {Out}; the same "
            + $"command goes on from there\n", Files(server, ["x"], ["y"]));
    }

    [Fact]
    public async Task Where_nobody_listens_it_is_said_before_anything_is_sampled()
    {
        string address;
        await using (var server = await ChatServer.PreferringLonger())
            address = server.Address;
        var prompts = _folder.Write("prompts.jsonl", """{"prompt": "where does the dog live ?"}""");
        var run = await uninterrupted.Folder;
        var ended = await _folder.Client("compare", run, Path.Combine(run, "stages", "JSFT"), "--prompts", prompts, "--judge", address,
            "--judge-model", "m", "--max-new-tokens", "12", "--out", Out);
        Assert.True(ended.ExitCode == 1, ended.ToString());
        Assert.Matches($"^the judge at {address} cannot be reached: .*refused.*\n$", ended.Errors);
        Assert.False(File.Exists(_folder["compared.a.jsonl"]));
    }

    [Fact]
    public async Task What_cannot_be_is_refused_before_any_work()
    {
        var (a, prompts) = (Answers("a.jsonl", ["x"]), _folder.Write("other.jsonl", """{"prompt": "Why?"}"""));
        await AssertFails($"{a} has no answer to prompt 1, 'Why?': both sides must answer the same prompts\n",
            ["compare", a, a, "--prompts", prompts, "--judge", "http://127.0.0.1:1/v1", "--judge-model", "m", "--out", Out]);
        await AssertFails("--judge oracle: the oracle knows the built-in world's prompts only, and 'Once upon a time' is none of them; "
            + "name a model or an endpoint as judge\n", ["compare", a, a, "--judge", "oracle", "--out", Out]);
        await AssertFails("--judge http://127.0.0.1:1/v1: name the model that is to judge there with --judge-model\n",
            ["compare", a, a, "--judge", "http://127.0.0.1:1/v1", "--out", Out]);
        await AssertFails("--judge-key-env NO_SUCH_KEY: there is no such environment variable, or it is empty\n",
            ["compare", a, a, "--judge", "http://127.0.0.1:1/v1", "--judge-model", "m", "--judge-key-env", "NO_SUCH_KEY", "--out", Out]);
        await AssertFails("--judge: the key would go to judge.example in clear; write the address as https://HOST/v1\n",
            ["compare", a, a, "--judge", "http://judge.example/v1", "--judge-model", "m", "--judge-key-env", "PATH", "--out", Out]);
        foreach (var secret in new[] { "https://judge.example/v1?api_key=SECRET", "HTTPS://judge.example/v1?api_key=SECRET",
            "https://me:SECRET@judge.example/v1", "https://judge.example/v1#SECRET" })
            await AssertFails("--judge: leave name, password and whatever follows ? or # out of the address; a key goes into an "
                + "environment variable, which is named\n", ["compare", a, a, "--judge", secret, "--out", Out]);
        File.WriteAllText(_folder["bad.jsonl"], "{\"prompt\": \"Why?\"}\n");
        await AssertFails($"{_folder["bad.jsonl"]}:1: the row has no text \"answer\"\n",
            ["compare", a, _folder["bad.jsonl"], "--judge", "oracle", "--out", Out]);
        Assert.False(File.Exists(Out));
    }

    [Fact]
    public async Task Two_real_models_answer_by_the_same_seeds_and_one_of_them_may_judge()
    {
        var model = TestData.Path("llama");
        Directory.CreateDirectory(_folder["copy"]);
        foreach (var file in Directory.GetFiles(model))
            File.Copy(file, _folder[$"copy/{Path.GetFileName(file)}"]);
        var prompts = _folder.Write("prompts.jsonl", Prompts.Select(p => $$"""{"prompt": "{{p}}"}"""));
        string[] Arguments(string b, string output) =>
            ["compare", model, b, "--prompts", prompts, "--judge", model, "--template", "paper", "--max-new-tokens", "24", "--out", output];
        var same = await _folder.Client(Arguments(_folder["copy"], Out));
        Assert.True(same.ExitCode == 0, same.ToString());
        var result = Lines()[^1]["summary"]!["result"]!;
        Assert.Equal((4, 4, 0.5), ((int)result["ties"]!, (int)result["identical"]!, (double)result["win_rate"]!));
        Assert.Contains("note: the judge shares weights with A; not independent", same.Output, StringComparison.Ordinal);

        // Against the first answers, shortened: what its judge says of them is there in both orders.
        var answers = _folder.Write("short.jsonl",
            Lines()[..4]
            .Zip(Prompts, (l, p) => new JsonObject { ["prompt"] = p, ["answer"] = ((string)l["answer_a"]!)[..5] }.ToJsonString()));
        var ended = await _folder.Client(Arguments(answers, _folder["second.jsonl"]));
        Assert.True(ended.ExitCode == 0, ended.ToString());
        var lines = File.ReadLines(_folder["second.jsonl"]).Select(l => JsonNode.Parse(l)!).ToList();
        Assert.Equal(Lines()[..4].Select(l => (string)l["answer_a"]!), lines[..4].Select(l => (string)l["answer_a"]!));
        foreach (var line in lines[..4])
        {
            var judgment = line["judgments"]![0]!;
            double P(string order, string token) => (double)judgment[order]![token]!;
            Assert.Equal((P("forward", "a") + P("swapped", "b")) / 2, (double)line["score_a"]!, 12);
            Assert.Equal((P("forward", "b") + P("swapped", "a")) / 2, (double)line["score_b"]!, 12);
            var agree = P("forward", "a") > P("forward", "b") == P("swapped", "b") > P("swapped", "a");
            Assert.Equal((agree, !agree ? "tie" : P("forward", "a") > P("forward", "b") ? "a" : "b"),
                ((bool)line["orders_agree"]!, (string)line["winner"]!));
        }
        // A model that was never taught to judge says the same letter in either order.
        var inconsistent = lines[..4].Count(l => !(bool)l["orders_agree"]!);
        Assert.True(inconsistent > 0);
        var summary = lines[^1]["summary"]!["result"]!;
        Assert.Equal((inconsistent, inconsistent, inconsistent / 4.0),
            ((int)summary["inconsistent"]!, (int)summary["ties"]!, (double)summary["inconsistent_rate"]!));
        Assert.Contains($"inconsistent: on {inconsistent} pairs, {inconsistent * 25:0.0} % of those judged, the two orders disagree; they "
            + $"are ties", ended.Output, StringComparison.Ordinal);
        // By the mean over both orders, the same verdicts are decided by how sure it is.
        var byMean = await _folder.Client([.. Arguments(answers, _folder["mean.jsonl"]), "--inconsistent", "mean"]);
        Assert.True(byMean.ExitCode == 0, byMean.ToString());
        Assert.All(File.ReadLines(_folder["mean.jsonl"]).Take(4).Select(l => JsonNode.Parse(l)!), l =>
            Assert.Equal((double)l["score_a"]! > (double)l["score_b"]! ? "a" : "b", (string)l["winner"]!));
        await AssertFails("--inconsistent none: known are tie and mean\n", [.. Arguments(answers, Out), "--inconsistent", "none"]);
        Assert.True((double)lines[^1]["summary"]!["a"]!["mean_tokens"]! is > 0 and <= 24);
    }

    [Fact]
    public async Task The_oracle_judges_models_of_the_built_in_world()
    {
        var run = await uninterrupted.Folder;
        string[] arguments = ["compare", run, Path.Combine(run, "stages", "JSFT"), "--prompts", "world", "--limit", "40", "--judge",
            "oracle", "--max-new-tokens", "12", "--out", Out];
        var ended = await _folder.Client(arguments);
        Assert.True(ended.ExitCode == 0, ended.ToString());
        var lines = Lines();
        Assert.Equal(41, lines.Count);
        Assert.All(lines[..40], l =>
            Assert.Equal(Math.Abs((double)l["score_a"]! - (double)l["score_b"]!) < 1e-9 ? "tie"
                : (double)l["score_a"]! > (double)l["score_b"]! ? "a" : "b", (string)l["winner"]!));
        var result = lines[^1]["summary"]!["result"]!;
        Assert.Equal(lines[..40].Average(l => (string)l["winner"]! switch { "a" => 1.0, "b" => 0.0, _ => 0.5 }),
            (double)result["win_rate"]!, 12);
        Assert.Null(result["swap_consistency"]);
        // Both sides' answers are kept, as 'submit' writes them.
        Assert.Equal(lines[..40].Select(l => (string)l["answer_b"]!),
            File.ReadLines(_folder["compared.b.jsonl"]).Select(l => (string)JsonNode.Parse(l)!["answer"]!));
        // As files they come to the same, lengths in tokens included.
        var files = await _folder.Client("compare", _folder["compared.a.jsonl"], _folder["compared.b.jsonl"], "--judge", "oracle", "--json",
            "--out", _folder["files.jsonl"]);
        Assert.True(files.ExitCode == 0, files.ToString());
        var summary = JsonNode.Parse(files.Output)!["summary"]!;
        Assert.Equal(result.ToJsonString(), summary["result"]!.ToJsonString());
        Assert.Equal((double)lines[^1]["summary"]!["a"]!["mean_tokens"]!, (double)summary["a"]!["mean_tokens"]!);
    }

    private string[] Files(ChatServer server, string[] a, string[] b) =>
        ["compare", Answers("a.jsonl", a), Answers("b.jsonl", b), "--judge", server.Address, "--judge-model", "some-model", "--out", Out];

    private string Answers(string name, string[] answers) =>
        _folder.Write(name, answers.Zip(Prompts, (answer, prompt) =>
            new JsonObject { ["prompt"] = prompt, ["answer"] = answer }.ToJsonString()));

    private List<JsonNode> Lines() => [.. File.ReadLines(Out).Select(l => JsonNode.Parse(l)!)];

    private async Task AssertFails(string message, IEnumerable<string> arguments)
    {
        var ended = await _folder.Client(arguments);
        Assert.True(ended.ExitCode == 1, ended.ToString());
        Assert.Equal(message, ended.Errors);
    }
}
