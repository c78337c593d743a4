using System.Text.Json.Nodes;
using SelfJudge.SystemTests.Processes;

namespace SelfJudge.SystemTests;

public sealed class SubmitTests(UninterruptedRun uninterrupted) : IDisposable
{
    private static readonly string[] Questions =
    [
        "where does the dog live ?", "what colour is the bear ?", "how does the plum taste ?", "what colour is the duck ? be polite .",
            "please how does the plum taste ?", "what colour is the dog ? say thanks .",
    ];

    private const string AnotherSubmission =
        "1: made with another model, template, sampling, number of samples, prior or seed; name another file with --out";

    private readonly TemporaryFolder _folder = new();

    private string Answers => _folder["answers.jsonl"];

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Every_prompt_is_answered_in_the_order_of_the_input_with_its_bracket()
    {
        await Submit(6, samples: 4);
        var lines = Lines();
        Assert.Equal(Enumerable.Range(0, 6), lines.Select(l => (int)l["index"]!));
        Assert.Equal(Questions, lines.Select(l => (string)l["prompt"]![0]!["content"]!));
        foreach (var line in lines)
        {
            var completions = line["completions"]!.AsArray();
            Assert.Equal(4, completions.Count);
            Assert.Equal(4, completions.Select(c => (ulong)c!["seed"]!).Distinct().Count());
            Assert.All(completions, c => Assert.True((int)c!["tokens"]! is >= 0 and <= 12 && (double)c["log_prob"]! <= 0));
            Assert.Equal([0, 1, 2, 3], line["seeding"]!.AsArray().Select(s => (int)s!).Order());
            // Four completions meet in three matches of two rounds; each loses at most once, and the winner never.
            var matches = line["matches"]!.AsArray();
            Assert.Equal([0, 0, 1], matches.Select(m => (int)m!["round"]!));
            var losers = matches.Select(m => (int)m!["first"]! + (int)m["second"]! - (int)m["winner"]!).ToList();
            Assert.Equal([0, 1, 2, 3], losers.Append((int)line["winner"]!).Order());
            Assert.Equal((int)line["winner"]!, (int)matches[^1]!["winner"]!);
            Assert.Equal((string)line["answer"]!, (string)completions[(int)line["winner"]!]!["text"]!);
            foreach (var match in matches.Where(m => m!["judgments"]!.AsArray().Count > 0))
                foreach (var order in new[] { "forward", "swapped" })
                    Assert.All(new[] { "a", "b" }, token => Assert.InRange((double)match!["judgments"]![0]![order]![token]!, 0, 1));
        }
    }

    [Fact]
    public async Task A_submission_that_was_killed_goes_on_where_it_stopped()
    {
        const int Count = 400;
        string[] arguments = [.. await Arguments(Count, samples: 4)];
        await using (var process = _folder.StartClient(arguments))
        {
            await process.Until(() => File.Exists(Answers) && File.ReadAllText(Answers).Count(c => c == '\n') >= 2, "two answers");
            await process.Kill();
        }
        var before = File.ReadAllText(Answers);
        var whole = before[..(before.LastIndexOf('\n') + 1)];
        var done = whole.Count(c => c == '\n');
        Assert.InRange(done, 2, Count - 1);
        var ended = await _folder.Client(arguments);
        Assert.True(ended.ExitCode == 0, ended.ToString());
        Assert.StartsWith($"{Answers} holds {done} of {Count} results already\n{Count - done} prompts to ", ended.Output,
            StringComparison.Ordinal);
        Assert.StartsWith(whole, File.ReadAllText(Answers), StringComparison.Ordinal);
        var lines = Lines();
        Assert.Equal(Enumerable.Range(0, Count), lines.Select(l => (int)l["index"]!));
        Assert.Equal(Enumerable.Range(0, Count).Select(Question), lines.Select(l => (string)l["prompt"]![0]!["content"]!));
    }

    [Fact]
    public async Task A_torn_last_line_is_cut_off_and_made_again()
    {
        await Submit(6, samples: 2);
        var whole = File.ReadAllLines(Answers);
        File.WriteAllText(Answers, string.Join('\n', whole[..4]) + "\n" + whole[4][..(whole[4].Length / 2)]);
        var ended = await Submit(6, samples: 2);
        Assert.StartsWith($"{Answers} holds 4 of 6 results already\n2 prompts to ", ended.Output, StringComparison.Ordinal);
        Assert.Equal(whole[..4], File.ReadAllLines(Answers)[..4]);
        Assert.Equal(Enumerable.Range(0, 6), Lines().Select(l => (int)l["index"]!));
        // By the same seeds the same is sampled.
        Assert.Equal(whole.Select(l => JsonNode.Parse(l)!["completions"]!.AsArray().Select(c => (ulong)c!["seed"]!)),
            Lines().Select(l => l["completions"]!.AsArray().Select(c => (ulong)c!["seed"]!)));

        var complete = await Submit(6, samples: 2);
        Assert.StartsWith($"{Answers} holds 6 of 6 results already\n6 answers by tournament in {Answers}\n", complete.Output,
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_file_of_another_submission_is_refused()
    {
        await Submit(2, samples: 2);
        var before = File.ReadAllText(Answers);
        await AssertRefused(AnotherSubmission, [.. await Arguments(2, samples: 3)]);
        await AssertRefused(AnotherSubmission, [.. await Arguments(2, samples: 2), "--seed", "2"]);
        await AssertRefused("2: belongs to other prompts than those submitted; name another file with --out",
            [.. await Arguments(1, samples: 2)]);
        Assert.Equal(before, File.ReadAllText(Answers));
        File.WriteAllText(Answers, "{\"index\": true}\n");
        var ended = await _folder.Client([.. await Arguments(2, samples: 2)]);
        Assert.True(ended.ExitCode == 1, ended.ToString());
        Assert.StartsWith($"{Answers}:1: not a result of 'submit': ", ended.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_judge_template_of_a_file_judges_as_the_built_in_one_of_the_same_words()
    {
        await Submit(1, samples: 2);
        var builtIn = Assert.Single(Lines());
        var template = _folder.Write("mine.yaml", "name: mine", "text: \"<judge> {context} A {response_a} B {response_b} better overall \"",
            "user: \"{content}\"");
        string[] arguments = [.. await Arguments(1, samples: 2), "--judge-template", "mine.yaml"];
        await AssertRefused(AnotherSubmission, arguments);
        File.Delete(Answers);
        var ended = await _folder.Client(arguments);
        Assert.True(ended.ExitCode == 0, ended.ToString());
        double[] Probabilities(JsonNode line) =>
            [.. new[] { "forward", "swapped" }.SelectMany(order =>
                new[] { "a", "b" }.Select(token => (double)line["matches"]![0]!["judgments"]![0]![order]![token]!))];
        Assert.All(Probabilities(builtIn).Zip(Probabilities(Assert.Single(Lines()))), p => Assert.Equal(p.First, p.Second, 1e-5));

        _folder.Write("mine.yaml", "name: mine", "text: \"{context} {response_a}\"");
        var wrong = await _folder.Client(arguments);
        Assert.Equal((1, $"--judge-template: {Path.GetFileName(template)}:2: text: the placeholder {{response_b}} must stand exactly "
            + $"once, but stands 0 times\n"), (wrong.ExitCode, wrong.Errors));
    }

    [Fact]
    public async Task One_sample_is_its_own_winner()
    {
        var ended = await Submit(2, samples: 1);
        Assert.Equal(2, Lines().Count);
        Assert.All(Lines(), line =>
        {
            Assert.Equal((0, 1, 0), ((int)line["winner"]!, line["completions"]!.AsArray().Count, line["matches"]!.AsArray().Count));
            Assert.Equal((string)line["completions"]![0]!["text"]!, (string)line["answer"]!);
        });
        Assert.EndsWith("judge: 0 matches judged, 0 between identical completions\n", ended.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_prompt_may_be_the_turns_of_a_chat()
    {
        var prompts = _folder.Write("chat.jsonl",
            """{"prompt": [{"role": "user", "content": "where does the dog live ?"}, {"role": "assistant", "content": "the dog lives in the field ."}, {"role": "user", "content": "what colour is the dog ?"}]}""");
        var ended = await _folder.Client("submit", prompts, "--model", await uninterrupted.Folder, "--samples", "2", "--out", Answers);
        Assert.True(ended.ExitCode == 0, ended.ToString());
        Assert.Equal(
            """[{"role":"user","content":"where does the dog live ?"},{"role":"assistant","content":"the dog lives in the field ."},{"role":"user","content":"what colour is the dog ?"}]""",
            Assert.Single(Lines())["prompt"]!.ToJsonString());
    }

    private static string Question(int index) => Questions[index % Questions.Length];

    private List<JsonNode> Lines() => [.. File.ReadLines(Answers).Select(l => JsonNode.Parse(l)!)];

    private async Task<Ended> Submit(int count, int samples)
    {
        var ended = await _folder.Client([.. await Arguments(count, samples)]);
        Assert.True(ended.ExitCode == 0, ended.ToString());
        return ended;
    }

    private async Task<IEnumerable<string>> Arguments(int count, int samples) =>
    [
        "submit", _folder.Write($"prompts-{count}.jsonl", Enumerable.Range(0, count).Select(i => $$"""{"prompt": "{{Question(i)}}"}""")),
        "--model", await uninterrupted.Folder, "--samples", $"{samples}", "--out", Answers,
    ];

    private async Task AssertRefused(string message, string[] arguments)
    {
        var ended = await _folder.Client(arguments);
        Assert.True(ended.ExitCode == 1, ended.ToString());
        Assert.Equal($"{Answers}:{message}\n", ended.Errors);
    }
}
