using System.IO.Compression;
using System.Text.Json.Nodes;
using Microsoft.ML.Tokenizers;
using SelfJudge.SystemTests.Processes;
using SelfJudge.Tests.Shared;

namespace SelfJudge.SystemTests;

public sealed class ScoreTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    private string Scores => _folder["scores.jsonl"];

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("llama", HhRows.Own)]
    [InlineData("shared/stories260k", HhRows.Published)]
    public async Task Twenty_rows_of_hh_have_the_log_probabilities_of_a_direct_computation(string checkpoint, string data)
    {
        var model = TestData.Path(checkpoint);
        var rows = HhRows.First(20, data);
        var ended = await _folder.Client("score", "--model", model, "--data", _folder.Write("rows.jsonl", rows), "--no-template", "--out",
            Scores);
        Assert.True(ended.ExitCode == 0, ended.ToString());
        var lines = Lines();
        Assert.Equal(21, lines.Count);

        using var pieces = File.OpenRead(Path.Combine(model, "tokenizer.model"));
        var tokenizer = SentencePieceTokenizer.Create(pieces, addBeginningOfSentence: false, addEndOfSentence: false);
        int[] Encode(string text) => [.. tokenizer.EncodeToIds(text, addBeginningOfSentence: false, addEndOfSentence: false)];
        var direct = new DirectDecoder(model);
        Parallel.ForEach(rows.Index(), row =>
        {
            var json = JsonNode.Parse(row.Item)!;
            string chosen = (string)json["chosen"]!, rejected = (string)json["rejected"]!;
            var common = chosen[..chosen.AsSpan().CommonPrefixLength(rejected)];
            var prompt = common[..(common.LastIndexOf("Assistant:", StringComparison.Ordinal) + "Assistant:".Length)];
            int[] promptIds = [tokenizer.BeginningOfSentenceId, .. Encode(prompt)];
            foreach (var (name, response) in new[] { ("chosen", Encode(chosen[prompt.Length..])),
                ("rejected", Encode(rejected[prompt.Length..])) })
            {
                Assert.Equal((row.Index, response.Length), ((int)lines[row.Index]["row"]!, (int)lines[row.Index][$"{name}_tokens"]!));
                var expected = direct.LogProb([.. promptIds, .. response], promptIds.Length);
                foreach (var by in new[] { "policy", "ref" })
                    Assert.True(Math.Abs(expected - (double)lines[row.Index][$"{by}_{name}_logp"]!) <= 1e-4
                        * Math.Max(1, Math.Abs(expected) / 100),
                        $"row {row.Index} {name}: expected {expected}, got {lines[row.Index][$"{by}_{name}_logp"]}");
            }
        });
        // Without an adapter policy and reference are one: ln 2, 1 and (1/(2β))².
        Assert.All(lines.Take(20), l =>
            Assert.Equal((0.0, Math.Log(2), 1.0, 25.0),
                ((double)l["margin"]!, (double)l["sigmoid"]!, (double)l["hinge"]!, (double)l["ipo"]!)));
        Assert.Equal("""{"mean":{"sigmoid":0.6931471805599453,"hinge":1,"ipo":25,"margin":0,"accuracy":0},"rows":20}""",
            lines[20].ToJsonString());
    }

    [Fact]
    public async Task A_merged_adapter_scores_as_it_does_beside_its_base()
    {
        var model = TestData.Path("llama");
        var adapter = Adapter(64, 4);
        var rows = _folder["rows.jsonl.gz"];
        using (var file = new StreamWriter(new GZipStream(File.Create(rows), CompressionLevel.Fastest)))
            foreach (var row in HhRows.First(4))
                file.WriteLine(row);
        foreach (var arguments in new[] { new[] { "convert", "--model", model, "--adapter", adapter, "--merge", "--out",
            _folder["merged"] }, ["convert", "--model", model, "--adapter", adapter, "--out", _folder["beside"]] })
            Assert.Equal(0, (await _folder.Client(arguments)).ExitCode);
        async Task<List<JsonNode>> Score(params string[] named)
        {
            var ended = await _folder.Client(["score", .. named, "--data", rows, "--out", Scores, "--beta", "0.5"]);
            Assert.True(ended.ExitCode == 0, ended.ToString());
            return Lines();
        }
        var unmerged = await Score("--model", model, "--adapter", adapter);
        var merged = await Score("--model", _folder["merged"]);
        var beside = await Score("--model", _folder["beside/adapter"]);
        for (var i = 0; i < 4; i++)
        {
            foreach (var key in new[] { "policy_chosen_logp", "policy_rejected_logp" })
            {
                Assert.Equal((double)unmerged[i][key]!, (double)merged[i][key]!, 1e-3);
                Assert.Equal((double)unmerged[i][key]!, (double)beside[i][key]!);
            }
            double Of(string key) => (double)unmerged[i][key]!;
            Assert.NotEqual(Of("policy_chosen_logp"), Of("ref_chosen_logp"), 0.01);
            var margin = 0.5 * (Of("policy_chosen_logp") - Of("ref_chosen_logp") - Of("policy_rejected_logp") + Of("ref_rejected_logp"));
            Assert.Equal(margin, Of("margin"), 1e-9);
            Assert.Equal(Math.Log(1 + Math.Exp(-margin)), Of("sigmoid"), 1e-9);
            Assert.Equal(Math.Max(0, 1 - margin), Of("hinge"), 1e-9);
            Assert.Equal(Math.Pow(margin / 0.5 - 1, 2), Of("ipo"), 1e-9);
        }
        Assert.Equal(unmerged.Take(4).Count(l => (double)l["margin"]! > 0) / 4.0, (double)unmerged[4]["mean"]!["accuracy"]!);
    }

    [Theory]
    [InlineData("{\"chosen\": \"\\n\\nHuman: a\\n\\nAssistant: b\"}", "2: the row has no \"rejected\"")]
    [InlineData("{\"chosen\": \"a\", \"rejected\": \"b\"}",
        "2: the row has no \"prompt\", and its two dialogues share no text up to an \"Assistant:\"")]
    [InlineData("{\"prompt\": 1, \"chosen\": \"a\", \"rejected\": \"b\"}", "2: \"prompt\" is not a text")]
    [InlineData("{", "2: ")]
    public async Task A_row_that_cannot_be_scored_is_named_before_anything_runs(string row, string message)
    {
        var rows = _folder.Write("rows.jsonl", """{"prompt": "a", "chosen": "b", "rejected": "c"}""", row);
        var ended = await _folder.Client("score", "--model", TestData.Path("llama"), "--data", rows, "--no-template", "--out", Scores);
        Assert.Equal(1, ended.ExitCode);
        Assert.StartsWith($"{rows}:{message}", ended.Errors, StringComparison.Ordinal);
        Assert.False(File.Exists(Scores));
    }

    [Fact]
    public async Task An_adapter_for_other_shapes_is_refused_before_anything_runs()
    {
        var rows = _folder.Write("rows.jsonl", """{"prompt": "a", "chosen": "b", "rejected": "c"}""");
        var ended = await _folder.Client("score", "--model", TestData.Path("llama"), "--adapter", Adapter(32, 4), "--data", rows, "--out",
            Scores);
        Assert.Equal(1, ended.ExitCode);
        Assert.Contains("has the shape [4, 32], the configuration asks for [4, 64]", ended.Errors);
    }

    [Fact]
    public async Task The_most_likely_answer_of_our_checkpoint_is_that_of_a_direct_computation()
    {
        var greedy = JsonNode.Parse(File.ReadAllText(TestData.Path("llama/greedy.json")))!;
        await AssertAnswers("llama", (string)greedy["prompt"]!, (string)greedy["continuation"]!);
    }

    [Fact]
    public Task The_most_likely_answer_of_a_published_checkpoint_is_the_published_text() =>
        AssertAnswers("shared/stories260k", "Once upon a time",
        ", there was a little girl named Lily. She loved to play outside in the park. One day, she saw a big, red ball.");

    [Fact]
    public async Task A_model_judges_two_answers()
    {
        var model = TestData.Path("llama");
        var verdict = await _folder.Client("judge", "--model", model, "--prompt", "Hi", "--a", "one", "--b", "two");
        Assert.True(verdict.ExitCode == 0, verdict.ToString());
        Assert.Matches(@"(?s)template hh-helpful\n  a first:  p\(A\) 0\.\d{6}  p\(B\) 0\.\d{6}\n  b first: .*"
            + @"votes: a [01], b [01]; .*verdict: (a|b|tie)\n$", verdict.Output);
        Assert.Equal("verdict: tie, the two responses are identical\n",
            (await _folder.Client("judge", "--model", model, "--prompt", "Hi", "--a", "one", "--b", "one")).Output);
    }

    private async Task AssertAnswers(string checkpoint, string prompt, string answer)
    {
        var ended = await _folder.Client("generate", "--model", TestData.Path(checkpoint), "--template", "plain", "--prompt", prompt,
            "--temperature", "0", "--max-new-tokens", "40");
        Assert.Equal((0, answer + "\n"), (ended.ExitCode, ended.Output));
    }

    private List<JsonNode> Lines() => [.. File.ReadLines(Scores).Select(l => JsonNode.Parse(l)!)];

    /// <summary>An adapter on v_proj of two layers, written by hand: A [4, hidden], B [32, 4].</summary>
    private string Adapter(int hidden, int rank)
    {
        var folder = Directory.CreateDirectory(_folder[$"adapter-{hidden}"]).FullName;
        File.WriteAllText(Path.Combine(folder, "adapter_config.json"),
            $$"""{"peft_type": "LORA", "r": {{rank}}, "lora_alpha": 8, "target_modules": ["v_proj"], "use_rslora": true}""");
        var (header, data) = (new JsonObject(), new List<byte>());
        for (var layer = 0; layer < 2; layer++)
            foreach (var (matrix, rows, columns) in new[] { ("A", rank, hidden), ("B", 32, rank) })
            {
                var start = data.Count;
                for (var i = 0; i < rows * columns; i++)
                    data.AddRange(BitConverter.GetBytes((float)Math.Sin(i + layer) * 0.1f));
                header[$"base_model.model.model.layers.{layer}.self_attn.v_proj.lora_{matrix}.weight"] = new JsonObject
                {
                    ["dtype"] = "F32",
                    ["shape"] = new JsonArray(rows, columns),
                    ["data_offsets"] = new JsonArray(start, data.Count)
                };
            }
        var text = System.Text.Encoding.UTF8.GetBytes(header.ToJsonString());
        File.WriteAllBytes(Path.Combine(folder, "adapter_model.safetensors"),
            [.. BitConverter.GetBytes((long)text.Length), .. text, .. data]);
        return folder;
    }
}
