using SelfJudge.Abstractions;
using SelfJudge.Runs.Folders;
using SelfJudge.Tests.Shared;

namespace SelfJudge.Runs.Tests.Folders;

public sealed class RunMarkerTests : IDisposable
{
    private readonly TemporaryFolder _temporary = new();

    private RunFolder Folder => new(_temporary.In("run"));

    public void Dispose() => _temporary.Dispose();

    [Fact]
    public void A_folder_that_is_new_is_made_and_marked()
    {
        RunMarker.Claim(Folder, RunMarker.Run);
        Assert.Equal("""{"selfjudge":"run","version":1}""" + "\n", File.ReadAllText(Folder.Marker));
        RunMarker.Claim(Folder, RunMarker.Run);
        Assert.True(RunMarker.IsRun(Folder));
    }

    [Theory]
    [InlineData()]
    [InlineData("run.lock")]
    [InlineData("run.lock", "silo.json", ".writing-run.json-17")]
    public void A_folder_that_is_empty_but_for_traces_of_a_start_becomes_ours(params string[] files)
    {
        Make(files);
        RunMarker.Claim(Folder, RunMarker.Run);
        Assert.True(File.Exists(Folder.Marker));
    }

    [Theory]
    [InlineData("adapter/adapter_model.safetensors", "adapter")]
    [InlineData("metrics.jsonl", "metrics.jsonl")]
    [InlineData("stages/JSFT/model.safetensors", "stages")]
    [InlineData("recipe.yaml", "recipe.yaml")]
    [InlineData(".git/HEAD", ".git")]
    public void A_folder_with_files_that_no_run_made_is_refused_and_left_as_it_is(string file, string named)
    {
        Make(file);
        foreach (var kind in new[] { RunMarker.Run, RunMarker.Runs })
        {
            var what = kind == RunMarker.Run ? "a run" : "a folder of runs";
            Assert.Equal($"{Folder.Path} holds files that no run made, such as {named}, and {what} would replace some of them: name a "
                + $"folder that is new or empty",
                Assert.Throws<RunFolderException>(() => RunMarker.Claim(Folder, kind)).Message);
        }
        Assert.Equal([_temporary.In($"run/{file}")], Directory.GetFiles(Folder.Path, "*", SearchOption.AllDirectories));
        Assert.False(RunMarker.IsRun(Folder));
    }

    [Theory]
    [InlineData(RunMarker.Run, "recipe.yaml", "run.lock")]
    [InlineData(RunMarker.Runs, "seed-1/sft-01234567/recipe.yaml", "run.lock")]
    [InlineData(RunMarker.Runs, "settings.md", "validation/run.lock")]
    public void A_folder_that_an_earlier_version_made_is_known_by_its_lock_and_what_it_holds(string kind, params string[] files)
    {
        Make(files);
        RunMarker.Claim(Folder, kind);
        Assert.Contains($"\"{kind}\"", File.ReadAllText(Folder.Marker), StringComparison.Ordinal);
    }

    [Fact]
    public void A_folder_of_runs_is_no_run()
    {
        RunMarker.Claim(Folder, RunMarker.Runs);
        Assert.Equal($"{Folder.Path} holds a folder of runs, and is to hold a run: name another folder",
            Assert.Throws<RunFolderException>(() => RunMarker.Claim(Folder, RunMarker.Run)).Message);
    }

    [Fact]
    public void A_file_is_no_folder()
    {
        File.WriteAllText(Folder.Path, "");
        Assert.Equal($"{Folder.Path} is a file, and a run needs a folder: name another",
            Assert.Throws<RunFolderException>(() => RunMarker.Claim(Folder, RunMarker.Run)).Message);
    }

    [Theory]
    [InlineData("", "does not say that the folder is ours: ")]
    [InlineData("null", "does not say that the folder is ours: ")]
    [InlineData("{}", "does not say that the folder is ours: ")]
    [InlineData("""{"selfjudge":null,"version":1}""", "does not say that the folder is ours: ")]
    [InlineData("""{"selfjudge":"run","version":1,"more":1}""", "does not say that the folder is ours: ")]
    [InlineData("""{"selfjudge":"run","version":2}""", "is of version 2, and this program knows version 1: ")]
    public void A_marker_that_cannot_be_trusted_is_named(string content, string message)
    {
        Make();
        File.WriteAllText(Folder.Marker, content);
        Assert.StartsWith($"{Folder.Marker} {message}",
            Assert.Throws<RunFolderException>(() => RunMarker.Claim(Folder, RunMarker.Run)).Message, StringComparison.Ordinal);
    }

    private void Make(params string[] files)
    {
        Directory.CreateDirectory(Folder.Path);
        foreach (var file in files)
        {
            Directory.CreateDirectory(Path.GetDirectoryName(_temporary.In($"run/{file}"))!);
            File.WriteAllText(_temporary.In($"run/{file}"), "");
        }
    }
}
