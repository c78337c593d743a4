using System.Text.Json;
using SelfJudge.SystemTests.Processes;
using SelfJudge.Tests.Shared;

namespace SelfJudge.SystemTests;

/// <summary>What goes out as data: exact in a pipe, harmless on a terminal.</summary>
public sealed class OutputTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Text_of_a_model_is_exact_in_a_pipe_and_spelled_out_on_a_terminal()
    {
        // The bytes of U+202E, which turns the direction of writing: a byte's id is its value and 3.
        var ids = _folder.Write("ids.jsonl", "[229, 131, 177]");
        string[] command = ["detokenize", "--model", TestData.Path("llama"), "--in", ids];
        Assert.Equal("\"\u202e\"\n", (await _folder.Client(command)).Output);
        if (!File.Exists("/usr/bin/script"))
            Assert.Skip("needs 'script', which makes a terminal");
        var shown = await ConsoleProcess.Run("/usr/bin/script", _folder.Path, "-qec",
            string.Join(' ', command.Prepend(Programs.Client).Prepend("exec").Prepend(Programs.DotNet).Select(a => $"'{a}'")), "/dev/null");
        Assert.EndsWith("\"\\u202e\"", shown.Output.TrimEnd(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Recipe_and_schema_are_UTF8_in_a_pipe_whatever_the_language()
    {
        if (OperatingSystem.IsWindows())
            Assert.Skip("needs 'env'");
        Task<Ended> InLatin1(params string[] command) =>
            ConsoleProcess.Run("env", _folder.Path, ["LC_ALL=de_DE.ISO-8859-1", Programs.DotNet, "exec", Programs.Client, .. command]);
        Assert.StartsWith("name: größer, Ωμέγα\nseed: 1\n",
            (await InLatin1("recipes", "validate", SmallRun.Recipe("smoke.yaml"), "--set", "name=größer, Ωμέγα")).Output,
            StringComparison.Ordinal);
        using var schema = JsonDocument.Parse((await InLatin1("recipes", "schema")).Output);
        Assert.Equal("object", schema.RootElement.GetProperty("type").GetString());
    }
}
