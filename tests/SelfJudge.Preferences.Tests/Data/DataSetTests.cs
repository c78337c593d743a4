using System.IO.Compression;
using System.Text;
using System.Text.Json;
using Parquet.Serialization;
using SelfJudge.Preferences.Data;
using SelfJudge.Preferences.Methods;
using SelfJudge.Preferences.Recipes;
using SelfJudge.Preferences.Templates;
using SelfJudge.Tests.Shared;

namespace SelfJudge.Preferences.Tests.Data;

public sealed class DataSetTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory().FullName;

    public void Dispose() => Directory.Delete(_folder, true);

    [Theory]
    [InlineData("shared/hh-rlhf/helpful-base/first1500.jsonl.gz", 1500)]
    [InlineData("shared/hh-rlhf/harmless-base/test.jsonl.gz", 2312)]
    [InlineData("shared/ultrafeedback/binarized.jsonl", 600)]
    public void Every_row_of_the_real_files_is_accounted_for(string file, int rows)
    {
        var report = new DataReport();
        var pairs = PreferenceFiles.ReadPairs(TestData.Path(file), 1, report);
        Assert.Equal(rows, report.Read);
        Assert.Equal(rows, report.Kept + report.Skipped.Values.Sum(s => s.Count));
        Assert.Equal(report.Kept, pairs.Count);
        Assert.Equal(0, report.Malformed);
        Assert.InRange(report.Kept, (int)(0.97 * rows), rows - 1);
        Assert.All(pairs, p => Assert.True(p.Prompt[^1].Role == Role.User && p.Chosen != p.Rejected));
    }

    /// <summary>Counts that the script which wrote the files made while it did: see <c>tests/data/make</c>.</summary>
    [Theory]
    [InlineData("hh.jsonl.gz", "hh.jsonl.gz")]
    [InlineData("binarized.jsonl", "binarized.jsonl")]
    [InlineData("binarized.parquet", "binarized.jsonl")]
    [InlineData("ultrafeedback.jsonl", "ultrafeedback.jsonl")]
    public void Rows_of_every_layout_are_kept_or_skipped_for_the_reason_for_which_they_were_made(string file, string made)
    {
        using var json = JsonDocument.Parse(File.ReadAllText(TestData.Path("preferences/expected.json")));
        var expected = json.RootElement.GetProperty(made);
        var report = new DataReport();
        var pairs = PreferenceFiles.ReadPairs(TestData.Path($"preferences/{file}"), 1, report);
        Assert.Equal((expected.GetProperty("read").GetInt32(), 0), (report.Read, report.Malformed));
        Assert.Equal(expected.GetProperty("kept").GetInt32(), report.Kept);
        Assert.Equal(expected.GetProperty("skipped").EnumerateObject().ToDictionary(r => r.Name, r => r.Value.GetInt32()),
            report.Skipped.ToDictionary(r => r.Key, r => r.Value.Count));
        Assert.All(pairs, p => Assert.True(p.Prompt[^1].Role == Role.User && p.Chosen != p.Rejected));
    }

    [Fact]
    public void Parquet_of_another_writer_holds_the_pairs_of_its_json()
    {
        static IEnumerable<(string, string, string)> Pairs(string file) => PreferenceFiles.ReadPairs(TestData.Path($"preferences/{file}"))
            .Select(p => (string.Join('\n', p.Prompt), p.Chosen, p.Rejected));
        Assert.Equal(Pairs("binarized.jsonl"), Pairs("binarized.parquet"));
    }

    [Fact]
    public void Ultrafeedback_records_of_one_completion_are_counted()
    {
        foreach (var file in Directory.GetFiles(TestData.Path("shared/ultrafeedback"), "example_*.json"))
        {
            var report = new DataReport();
            Assert.Empty(PreferenceFiles.ReadPairs(file, 1, report));
            Assert.Equal(1, report.Skipped["fewer than two rated completions"].Count);
        }
    }

    [Fact]
    public void An_hh_dialogue_loses_redundant_headers_and_trailing_turns()
    {
        var file = Write("a.jsonl",
            """{"chosen": "\n\nHuman: hi\n\nAssistant: Human: hello\n\nHuman: more\n\nAssistant: yes\n\nHuman: bye", "rejected": "\n\nHuman: hi\n\nAssistant: hello\n\nHuman: more\n\nAssistant: no"}""");
        var pair = Assert.Single(PreferenceFiles.ReadPairs(file));
        Assert.Equal([new Turn(Role.User, "hi"), new Turn(Role.Assistant, "hello"), new Turn(Role.User, "more")], pair.Prompt);
        Assert.Equal(("yes", "no"), (pair.Chosen, pair.Rejected));
    }

    [Fact]
    public void A_judge_template_of_a_principle_without_labels_is_named_before_it_learns_others()
    {
        var file = Write("p.jsonl", [.. Enumerable.Range(0, 20).Select(i => $$"""{"prompt": "{{i}}", "chosen": "a", "rejected": "b"}""")]);
        var jsft = new StageRecipe { Name = "JM-P", Method = StageMethod.Jsft, JudgePairs = 1 };
        Recipe Recipe(string template, StageRecipe stage) =>
            new()
            {
                Data = new DataRecipe { Pairs = file },
                Judge = new JudgeRecipe { Templates = ["hh-helpful", template] },
                Stages = [stage]
            };
        void Check(Recipe recipe) => new FileTrainingData(recipe.Data, 1).Check(recipe);
        Assert.Equal("stage 'JM-P': judge template 'ultrafeedback-honesty' judges by the principle honesty, of which the data has no "
            + "labels; it has labels of no principle: take a template without a principle, or other data",
            Assert.Throws<DataException>(() => Check(Recipe("ultrafeedback-honesty", jsft))).Message);
        Check(Recipe("ultrafeedback", jsft));
        // whoever judges learned it elsewhere
        Check(Recipe("ultrafeedback-honesty", jsft with { Method = StageMethod.SelfJudge, JudgePairs = 0 }));
    }

    [Fact]
    public void Ultrafeedback_ranks_by_mean_rating_and_pairs_by_principle()
    {
        static string Completion(string text, string help, string honest) =>
            $$$"""{"response": "{{{text}}}", "custom_system_prompt": "be {{{text}}}", "annotations": {"helpfulness": {"Rating": "{{{help}}}", "Rationale": "about {{{text}}}"}, "honesty": [{"Rating": "{{{honest}}}", "Rationale": "Text 1 wins"}]}}""";
        var file = Write("u.jsonl",
            $$"""{"instruction": "do", "completions": [{{Completion("aa", "4", "N/A")}}, {{Completion("bbb", "3", "5")}}, {{Completion("c", "1", "2")}}]}""");
        var pairs = PreferenceFiles.ReadPairs(file, 5);
        Assert.Equal([null, "helpfulness", "honesty"], pairs.Select(p => p.Principle));
        // aa and bbb both have mean 4: the longer is the better.
        Assert.Equal(("bbb", "be bbb"), (pairs[0].Chosen, pairs[0].PolicySystem));
        Assert.Equal(("bbb", "c", null), (pairs[2].Chosen, pairs[2].Rejected, pairs[2].ChosenRationale));
        Assert.Equal("about " + pairs[1].Chosen, pairs[1].ChosenRationale);
        Assert.Equal(pairs, PreferenceFiles.ReadPairs(file, 5), (a, b) => a.Chosen == b.Chosen && a.Rejected == b.Rejected);
    }

    [Fact]
    public void Conversational_rows_and_skips_are_counted_with_their_lines()
    {
        var file = Write("t.jsonl",
            """{"prompt": [{"role": "user", "content": "q"}], "chosen": [{"role": "assistant", "content": "a"}], "rejected": [{"role": "assistant", "content": "b"}]}""",
            """{"prompt": "q", "chosen": "a", "rejected": "a"}""",
            """{"chosen": "\n\nHuman: x\n\nAssistant: a", "rejected": "\n\nHuman: y\n\nAssistant: b"}""");
        var report = new DataReport();
        Assert.Single(PreferenceFiles.ReadPairs(file, 0, report));
        Assert.Equal((3, 1), (report.Read, report.Kept));
        Assert.Equal([file + ":2"], report.Skipped["identical responses"].Places);
        Assert.Equal([file + ":3"], report.Skipped["chosen and rejected do not share the prompt"].Places);
    }

    [Fact]
    public void Malformed_rows_are_borne_up_to_the_stated_share()
    {
        var file = Write("m.jsonl", [.. Enumerable.Range(0, 9).Select(i => $$"""{"prompt": "p{{i}}", "chosen": "a", "rejected": "b"}"""),
            """{"prompt": "a", "prompt": "b", "chosen": "a", "rejected": "b"}"""]);
        Assert.Contains(file + ":10: ", Assert.Throws<DataException>(() =>
            new FileTrainingData(new DataRecipe { Pairs = file }, 1)).Message);
        var data = new FileTrainingData(new DataRecipe { Pairs = file, MaxMalformed = 0.1 }, 1);
        Assert.Equal((10, 9, 1), (data.Report.Read, data.Report.Kept, data.Report.Malformed));
    }

    [Fact]
    public void Text_that_is_not_utf8_is_a_malformed_row()
    {
        var file = Path.Combine(_folder, "x.jsonl");
        File.WriteAllBytes(file, [.. """{"prompt": "a"""u8, 0xFF, .. """ ", "chosen": "a", "rejected": "b"}"""u8]);
        Assert.Contains(file + ":1: ", Assert.Throws<DataException>(() => PreferenceFiles.ReadPairs(file)).Message);
    }

    [Fact]
    public void A_line_of_ten_megabytes_is_read_and_one_without_end_is_passed_over()
    {
        var big = new string('x', 10_000_000);
        Assert.Equal(big, PreferenceFiles.ReadPairs(Write("big.jsonl", $$"""{"prompt": "q", "chosen": "{{big}}", "rejected": "b"}"""))[
            0].Chosen);
        var endless = Write("endless.jsonl", new string('x', 40_000_000), """{"prompt": "q", "chosen": "a", "rejected": "b"}""");
        var report = new DataReport();
        Assert.Single(PreferenceFiles.ReadPairs(endless, 0, report, maxMalformed: 0.5));
        Assert.Equal([endless + ":1"], report.Skipped["malformed"].Places);
    }

    [Fact]
    public void A_truncated_gzip_is_named()
    {
        using var memory = new MemoryStream();
        using (var gzip = new GZipStream(memory, CompressionLevel.NoCompression, leaveOpen: true))
            gzip.Write(Encoding.UTF8.GetBytes(string.Concat(Enumerable.Range(0, 20000)
                .Select(i => $$"""{"prompt": "p{{i}}", "chosen": "a", "rejected": "b"}""" + "\n"))));
        var file = Path.Combine(_folder, "t.jsonl.gz");
        File.WriteAllBytes(file, memory.ToArray()[..(int)(memory.Length / 2)]);
        Assert.Contains(file, Assert.Throws<DataException>(() => PreferenceFiles.ReadPairs(file, maxMalformed: 0.1)).Message);
    }

    [Fact]
    public async Task Parquet_rows_are_read_as_strings_and_as_turns()
    {
        var flat = Write("flat.parquet", "");
        await using (var stream = File.Create(flat))
            await ParquetSerializer.SerializeAsync([new FlatRow { prompt = "why ?", chosen = "so .", rejected = "no ." },
                new FlatRow { prompt = "who ?", chosen = "i .", rejected = "you ." }], stream,
                cancellationToken: TestContext.Current.CancellationToken);
        Assert.Equal([("why ?", "so .", "no ."), ("who ?", "i .", "you .")],
            PreferenceFiles.ReadPairs(flat).Select(p => (p.Prompt.Single().Content, p.Chosen, p.Rejected)));

        var turns = Write("turns.parquet", "");
        await using (var stream = File.Create(turns))
            await ParquetSerializer.SerializeAsync([new TurnsRow
            {
                prompt = [new TurnRow { role = "user", content = "why ?" }],
                chosen = [new TurnRow { role = "assistant", content = "so ." }],
                rejected = [new TurnRow { role = "assistant", content = "no ." }],
            }], stream, cancellationToken: TestContext.Current.CancellationToken);
        Assert.Equal([("why ?", "so .", "no .")],
            PreferenceFiles.ReadPairs(turns).Select(p => (p.Prompt.Single().Content, p.Chosen, p.Rejected)));
    }

    // Columns are named as the rows' keys are.
#pragma warning disable IDE1006
    private sealed class FlatRow
    {
        public string prompt { get; set; } = "";
        public string chosen { get; set; } = "";
        public string rejected { get; set; } = "";
    }

    private sealed class TurnRow
    {
        public string role { get; set; } = "";
        public string content { get; set; } = "";
    }

    private sealed class TurnsRow
    {
        public List<TurnRow> prompt { get; set; } = [];
        public List<TurnRow> chosen { get; set; } = [];
        public List<TurnRow> rejected { get; set; } = [];
    }
#pragma warning restore IDE1006

    [Fact]
    public void A_damaged_parquet_file_is_named()
    {
        var file = Write("x.parquet", "not parquet");
        Assert.StartsWith(file + ": not a Parquet file", Assert.Throws<DataException>(() => PreferenceFiles.ReadPairs(file)).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void Weighted_sources_repeat_their_training_pairs()
    {
        var file = Write("w.jsonl", [.. Enumerable.Range(0, 10).Select(i => $$"""{"prompt": "p{{i}}", "chosen": "a", "rejected": "b"}""")]);
        var data = new FileTrainingData(new DataRecipe { Sources = [new DataSource { Path = file, Weight = 2 }] }, 1);
        Assert.Equal((18, 1), (data.Pairs.Count, data.HeldOutPairs.Count));
    }

    [Fact]
    public void Pairs_of_a_principle_are_held_out_with_their_prompt()
    {
        static string Rated(int rating) => string.Join(", ", new[] { "helpfulness", "honesty", "instruction_following", "truthfulness" }.Select(p => $$"""
            "{{p}}": {"Rating": "{{rating}}"}
            """));
        var file = Write("uf.jsonl",
            [.. Enumerable.Range(0, 30).Select(i =>
            $$"""{"instruction": "p{{i}}", "completions": [{"response": "good", "annotations": { {{Rated(5)}} } }, {"response": "bad", "annotations": { {{Rated(2)}} } }]}""")]);
        var data = new FileTrainingData(new DataRecipe { Pairs = file }, 1);
        Assert.Equal((3, 3), (data.HeldOutPrompts.Count, data.HeldOutPairs.Count));
        var honest = data.HeldOutPairsFor("honesty");
        Assert.Equal(data.HeldOutPrompts.Select(p => p[0].Content).Order(), honest.Select(p => p.Prompt[0].Content).Order());
        Assert.All(honest, p => Assert.Equal(("honesty", "good", "bad"), (p.Principle, p.Chosen, p.Rejected)));
        Assert.Equal(27, data.PairsFor("honesty").Count);
        Assert.Empty(data.HeldOutPairsFor("politeness"));
    }

    [Fact]
    public void A_template_file_without_a_placeholder_is_named()
    {
        var good = Write("good.yaml", "name: mine", "principle: honesty", "text: \"{context} {response_a} {response_b} \"");
        Assert.Equal(("mine", "honesty"), (JudgeTemplate.ByName(good).Name, JudgeTemplate.ByName(good).Principle));
        IReadOnlyList<Turn> turns = [new Turn(Role.User, "a {content}"), new Turn(Role.Assistant, "b"), new Turn(Role.User, "c")];
        Assert.Equal("User: a {content}\nAssistant: b\nUser: c", JudgeTemplate.ByName(good).Context(turns));
        var lines = Write("lines.yaml", "name: mine", "text: \"{context} {response_a} {response_b} \"", "user: \"Q: {content}\"",
            "assistant: \"<{content}>\"");
        Assert.Equal("Q: a {content}\n<b>\nQ: c", JudgeTemplate.ByName(lines).Context(turns));
        var line = Write("line.yaml", "name: mine", "text: \"{context} {response_a} {response_b} \"", "user: Question");
        Assert.Equal($"{line}:3: user: the placeholder {{content}} must stand exactly once, but stands 0 times",
            Assert.Throws<ArgumentException>(() => JudgeTemplate.ByName(line)).Message);
        var bad = Write("bad.yaml", "name: mine", "text: \"{context} {response_a}\"");
        Assert.Equal($"{bad}:2: text: the placeholder {{response_b}} must stand exactly once, but stands 0 times",
            Assert.Throws<ArgumentException>(() => JudgeTemplate.ByName(bad)).Message);
    }

    [Fact]
    public void The_rationale_template_reads_as_table_18()
    {
        var template = JudgeTemplate.ByName("ultrafeedback-instruction-following-rationale");
        var text = string.Concat(template.Render(template.Context([new Turn(Role.User, "do")]), "x", "y").Select(p => p.Text));
        Assert.Contains("\nInstruction:\n-------\ndo\n-------\nResponse A:\n-------\nx\n-------\nResponse B:\n-------\ny\n-------\nPlease "
            + "choose either A or B and evaluate each response according to the principle of ’instruction following’.\n<|assistant|>\n",
            text);
        Assert.EndsWith("guided by the principle of ’instruction following’.\nDecision: Response ", text, StringComparison.Ordinal);
    }

    private string Write(string name, params string[] lines)
    {
        var path = Path.Combine(_folder, name);
        File.WriteAllLines(path, lines);
        return path;
    }
}
