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
        string Row(int prompt, int chosen, int rejected) => $$"""{"prompt": "{{Words(prompt)}}", "chosen": "{{Words(chosen)}}", "rejected": "{{Words(rejected)}} cat"}""";
        // Each word of the responses is more than a token of this vocabulary: 900 of them never fit into 512, 3 always do.
        var file = _folder.Write("rows.jsonl", Row(3, 3, 3), Row(900, 3, 3), Row(3, 900, 3), Row(3, 900, 900));
        var ended = await _folder.Client("data", "inspect", "--data", file, "--model", SharedData.Path("stories260k"), "--json");
        Assert.True(ended.ExitCode == 0, ended.ToString());
        var judged = JsonNode.Parse(ended.Output)!["judge_prompts"]!;
        Assert.Equal((8, 6, 512), ((int)judged["count"]!, (int)judged["truncated"]!, (int)judged["maximum"]!));
        // In both orders: the third row loses of A, then of B; the fourth of both.
        Assert.Equal((2, 3, 3), ((int)judged["cut"]!["context"]!, (int)judged["cut"]!["response_a"]!, (int)judged["cut"]!["response_b"]!));
    }

    [Fact]
    public async Task What_is_learned_of_real_rows_is_shown()
    {
        var ended = await _folder.Client("data", "inspect", "--data", SharedData.Path("hh-rlhf/helpful-base/first1500.jsonl.gz"), "--model", SharedData.Path("stories260k"));
        Assert.True(ended.ExitCode == 0, ended.ToString());
        Assert.Contains("rows: 1500 read, 1487 kept", ended.Output);
        Assert.Contains("would be Assistant «A»", ended.Output);
        Assert.Contains("would be Assistant «B»", ended.Output);
    }
}
