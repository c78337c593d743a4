using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using SelfJudge.SystemTests.Processes;
using SelfJudge.Tests.Shared;

namespace SelfJudge.SystemTests;

/// <summary>
/// The tutorial's commands as they stand on its page, typed by somebody with a checkpoint and data of <c>tests/data</c>: what
/// downloads or builds is answered by stand-ins, and the chat model's address is that of a server of this test.
/// </summary>
public sealed partial class TutorialTests : IDisposable
{
    private const int Prompts = 20;

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    /// <summary>A minute or two; run it by <c>-explicit only</c>.</summary>
    [Fact(Explicit = true)]
    public async Task Typed_one_after_the_other_they_lead_from_a_checkpoint_to_an_aligned_model_and_its_answers()
    {
        await using var chat = await ChatServer.PreferringLonger();
        var commands = Commands(File.ReadAllText(Path.Combine(TestData.RepositoryRoot(), "docs", "tutorial.md")));
        Assert.True(commands.Count(c => c.StartsWith("selfjudge ", StringComparison.Ordinal)) >= 9, string.Join('\n', commands));
        Directory.CreateSymbolicLink(_folder["recipes"], Path.Combine(TestData.RepositoryRoot(), "recipes"));
        StandIns();
        var script = _folder.Write("typed.sh",
        [
            "set -euo pipefail", $"export PATH=\"{_folder["tools"]}:$PATH\" JUDGE_KEY=key",
            .. commands.Select(c => c.Replace("https://HOST/v1", chat.Address, StringComparison.Ordinal)),
        ]);
        var ended = await ConsoleProcess.Run("bash", _folder.Path, script);
        Assert.True(ended.ExitCode == 0, ended.ToString());

        Assert.True(File.Exists(_folder["run/report.html"]));
        Assert.Equal(Enumerable.Range(0, Prompts), File.ReadLines(_folder["answers.jsonl"]).Select(l => (int)JsonNode.Parse(l)!["index"]!));
        Assert.Equal(Prompts + 1, File.ReadLines(_folder["compared.jsonl"]).Count());
        Assert.NotEmpty(chat.Requests);
        // What the page says of the scores: from the adapter the same to the last bit, from the merged model nearly.
        var differences = Difference().Matches(ended.Output).Select(m => double.Parse(m.Groups[1].Value)).ToList();
        Assert.Equal(2, differences.Count);
        Assert.Equal(0, differences[0]);
        Assert.InRange(differences[1], 0, 1e-3);
    }

    /// <summary>Every command of the page's blocks, but one that the next repeats with settings for a very small model.</summary>
    private static List<string> Commands(string page)
    {
        var all = Block().Matches(page).SelectMany(m => m.Groups[1].Value.Replace("\\\n", " ", StringComparison.Ordinal)
            .Split('\n', StringSplitOptions.RemoveEmptyEntries)).ToList();
        return [.. all.Where((c, i) => i + 1 == all.Count || !all[i + 1].StartsWith(c + " ", StringComparison.Ordinal))];
    }

    private void StandIns()
    {
        Directory.CreateDirectory(_folder["tools"]);
        void Tool(string name, string does)
        {
            _folder.Write($"tools/{name}", "#!/bin/sh", does);
            if (!OperatingSystem.IsWindows())
                File.SetUnixFileMode(_folder[$"tools/{name}"], UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        }
        Tool("huggingface-cli", $"cp -r '{TestData.Path("llama")}' model");
        Tool("curl", $"cp '{TestData.Path("preferences/hh.jsonl.gz")}' hh.jsonl.gz");
        Tool("dotnet", "exit 0");
        Tool("selfjudge", $"exec '{Programs.DotNet}' exec '{Programs.Client}' \"$@\"");
    }

    [GeneratedRegex("^```\n(.*?)^```$", RegexOptions.Singleline | RegexOptions.Multiline)]
    private static partial Regex Block();

    [GeneratedRegex("largest difference from them is ([^ ]+) under the policy")]
    private static partial Regex Difference();
}
