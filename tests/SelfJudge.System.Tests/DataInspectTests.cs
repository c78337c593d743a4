using System.Text.Json.Nodes;
using SelfJudge.SystemTests.Processes;
using SelfJudge.Tests.Shared;

namespace SelfJudge.SystemTests;

public sealed class DataInspectTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Every_row_is_kept_or_counted_with_its_place()
    {
        var file = _folder.Write("rows.jsonl",
            """{"prompt": "why ?", "chosen": "so .", "rejected": "no ."}""",
            """{"prompt": "why ?", "chosen": "so .", "rejected": "so ."}""",
            """{"prompt": "why ?", "chosen": "", "rejected": "no ."}""");
        var ended = await _folder.Client("data", "inspect", "--data", file, "--json");
        Assert.True(ended.ExitCode == 0, ended.ToString());
        var counts = JsonNode.Parse(ended.Output)!;
        Assert.Equal((3, 1), ((int)counts["read"]!, (int)counts["kept"]!));
        Assert.Equal(2, counts["skipped"]!.AsObject().Sum(reason => (int)reason.Value!));
        Assert.Contains($"{file}:2", ended.Output);
    }

    [Fact]
    public async Task Judge_prompts_that_lose_text_are_counted_by_where_they_lose_it()
    {
        string Words(int n) => string.Join(' ', Enumerable.Repeat("dog", n));
        string Row(int prompt, int chosen, int rejected) =>
            $$"""{"prompt": "{{Words(prompt)}}", "chosen": "{{Words(chosen)}}", "rejected": "{{Words(rejected)}} cat"}""";
        // Each word of the responses is more than a token of this vocabulary: 900 of them never fit into 512, 3 always do.
        var file = _folder.Write("rows.jsonl", Row(3, 3, 3), Row(900, 3, 3), Row(3, 900, 3), Row(3, 900, 900));
        var ended = await _folder.Client("data", "inspect", "--data", file, "--model", TestData.Path("llama"), "--json");
        Assert.True(ended.ExitCode == 0, ended.ToString());
        var judged = JsonNode.Parse(ended.Output)!["judge_prompts"]!;
        Assert.Equal((8, 6, 512), ((int)judged["count"]!, (int)judged["truncated"]!, (int)judged["maximum"]!));
        // In both orders: the third row loses of A, then of B; the fourth of both.
        Assert.Equal((2, 3, 3), ((int)judged["cut"]!["context"]!, (int)judged["cut"]!["response_a"]!, (int)judged["cut"]!["response_b"]!));
    }

    [Theory]
    [InlineData("preferences/hh.jsonl.gz", "llama", "rows: 400 read, 381 kept")]
    [InlineData("shared/hh-rlhf/helpful-base/first1500.jsonl.gz", "shared/stories260k", "rows: 1500 read, 1487 kept")]
    public async Task What_is_learned_of_rows_of_HH_is_shown(string data, string model, string rows)
    {
        var ended = await _folder.Client("data", "inspect", "--data", TestData.Path(data), "--model", TestData.Path(model));
        Assert.True(ended.ExitCode == 0, ended.ToString());
        Assert.Contains(rows, ended.Output);
        Assert.Contains("would be Assistant «A»", ended.Output);
        Assert.Contains("would be Assistant «B»", ended.Output);
    }

    [Fact]
    public async Task Why_a_row_is_refused_is_said_with_its_place()
    {
        var file = _folder.Write("rows.jsonl",
            """{"prompt": "why ?", "chosen": "so .", "rejected": "no ."}""",
            """{"prompt": [{"role": "7", "content": "why ?"}], "chosen": "so .", "rejected": "no ."}""",
            """{"Prompt": "why ?"}""");
        var ended = await _folder.Client("data", "inspect", "--data", file);
        Assert.True(ended.ExitCode == 0, ended.ToString());
        Assert.Contains("rows: 3 read, 1 kept, 1 pairs", ended.Output);
        Assert.Contains($"{file}:2: unknown role '7': a turn is of system, user or assistant", ended.Output);
        Assert.Contains($"{file}:3: the row has no \"prompt\"; write rows as {{\"prompt\": \"…\"}}; it has \"Prompt\"", ended.Output);
        Assert.Contains("2 of 3 rows are malformed, a share above 0.01: a run refuses this data unless data.max_malformed allows it",
            ended.Errors);
        var json = await _folder.Client("data", "inspect", "--data", file, "--json");
        Assert.Equal([$"{file}:2", $"{file}:3"],
            JsonNode.Parse(json.Output)!["problems"]!.AsArray().Select(p => string.Join(':', ((string)p!).Split(':').Take(2))));
    }

    [Fact]
    public async Task Data_without_a_pair_is_an_error()
    {
        var file = _folder.Write("rows.jsonl", """{"prompt": "why ?"}""");
        var ended = await _folder.Client("data", "inspect", "--data", file);
        Assert.Equal(1, ended.ExitCode);
        Assert.Contains($"{file}:1: the row has no text \"chosen\"", ended.Output);
        Assert.Contains($"{file}: no row is a pair that can be learned from", ended.Errors);
    }

    [Theory]
    [InlineData("0")]
    [InlineData("-5")]
    [InlineData("15")]
    public async Task A_sequence_has_16_tokens_at_least(string length)
    {
        var file = _folder.Write("rows.jsonl", """{"prompt": "why ?", "chosen": "so .", "rejected": "no ."}""");
        var ended = await _folder.Client("data", "inspect", "--data", file, "--max-length", length);
        Assert.Equal(1, ended.ExitCode);
        Assert.Contains($"--max-length {length}: must be a whole number from 16 to 16777216", ended.Errors);
    }

    [Fact]
    public async Task The_template_shown_and_measured_is_the_one_that_a_run_takes()
    {
        var model = Path.Combine(_folder.Path, "model");
        Directory.CreateDirectory(model);
        foreach (var path in Directory.GetFiles(TestData.Path("llama")))
            File.Copy(path, Path.Combine(model, Path.GetFileName(path)));
        File.WriteAllText(Path.Combine(model, "tokenizer_config.json"),
            """{"bos_token": "<s>", "eos_token": "</s>", "chat_template": "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"}""");
        var file = _folder.Write("rows.jsonl", """{"prompt": "why ?", "chosen": "so .", "rejected": "no ."}""");
        var ended = await _folder.Client("data", "inspect", "--data", file, "--model", model);
        Assert.True(ended.ExitCode == 0, ended.ToString());
        Assert.Contains("templates: chatml for dialogues", ended.Output);
        Assert.Contains("<|im_start|>user\nwhy ?<|im_end|>", ended.Output);
        var named = await _folder.Client("data", "inspect", "--data", file, "--model", model, "--template", "paper");
        Assert.Contains("templates: paper for dialogues", named.Output);
    }
}
