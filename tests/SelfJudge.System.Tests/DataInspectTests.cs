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
    public async Task What_is_learned_of_real_rows_is_shown()
    {
        var ended = await _folder.Client("data", "inspect", "--data", SharedData.Path("hh-rlhf/helpful-base/first1500.jsonl.gz"), "--model", SharedData.Path("stories260k"));
        Assert.True(ended.ExitCode == 0, ended.ToString());
        Assert.Contains("rows: 1500 read, 1487 kept", ended.Output);
        Assert.Contains("would be Assistant «A»", ended.Output);
        Assert.Contains("would be Assistant «B»", ended.Output);
    }
}
