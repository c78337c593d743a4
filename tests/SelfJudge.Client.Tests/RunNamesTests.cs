using SelfJudge.Abstractions;
using SelfJudge.Tests.Shared;

namespace SelfJudge.Client.Tests;

public sealed class RunNamesTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_run_is_found_by_its_folder_once_that_has_a_recipe()
    {
        Assert.Null(RunNames.TryFind(_folder.Path));
        var error = Assert.Throws<UserError>(() => RunNames.Find(_folder.Path));
        Assert.Equal($"there is no run '{_folder.Path}': neither a run's folder nor an id under runs/; 'runs' lists those that are there",
            error.Message);
        File.WriteAllText(_folder.In("recipe.yaml"), "");
        Assert.Equal(_folder.Path, RunNames.Find(_folder.Path).Path);
        Assert.Null(RunNames.TryFind(""));
    }

    [Fact]
    public void A_new_run_takes_a_folder_that_is_empty_or_not_there()
    {
        Assert.Equal(_folder.Path, RunNames.New(_folder.Path, "any").Path);
        Assert.Equal(_folder.In("new"), RunNames.New(_folder.In("new"), "any").Path);
        Assert.False(Directory.Exists(_folder.In("new")));
        RunNames.CheckNew(null);
    }

    [Fact]
    public void A_new_run_does_not_take_another_runs_folder_or_its_remains()
    {
        File.WriteAllText(_folder.In("run.json"), """{"selfjudge":"run","version":1}""");
        File.WriteAllText(_folder.In("metrics.jsonl"), "");
        Assert.Equal(
            $"{_folder.Path} holds what is left of a run, such as metrics.jsonl, without its recipe.yaml: put that back, or name another "
                + $"folder with --out",
            Assert.Throws<UserError>(() => RunNames.CheckNew(_folder.Path)).Message);
        File.WriteAllText(_folder.In("recipe.yaml"), "");
        Assert.Equal(
            $"{_folder.Path} holds a run already: go on with it by 'resume {_folder.Path}', or name another folder with --out",
            Assert.Throws<UserError>(() => RunNames.New(_folder.Path, "any")).Message);
    }

    [Fact]
    public void A_new_run_does_not_take_a_folder_with_files_of_its_user()
    {
        File.WriteAllText(_folder.In("thesis.tex"), "");
        Assert.Contains("thesis.tex", Assert.Throws<RunFolderException>(() => RunNames.CheckNew(_folder.Path)).Message);
    }

    [Theory]
    [InlineData("")]
    [InlineData(".hidden")]
    [InlineData("../up")]
    [InlineData("a\\b")]
    public void A_name_that_leads_out_of_the_runs_is_refused(string name) =>
        Assert.StartsWith($"the recipe's name '{name}' cannot be the name of a folder under runs/",
            Assert.Throws<UserError>(() => RunNames.New(null, name)).Message);

    [Fact]
    public void An_empty_output_is_not_the_current_folder() =>
        Assert.Equal("--out: name a folder", Assert.Throws<UserError>(() => RunNames.New("", "any")).Message);
}
