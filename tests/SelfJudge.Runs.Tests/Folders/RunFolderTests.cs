using SelfJudge.Abstractions;
using SelfJudge.Preferences.Methods;
using SelfJudge.Preferences.Recipes;
using SelfJudge.Runs.Folders;
using SelfJudge.Tests.Shared;

namespace SelfJudge.Runs.Tests.Folders;

public sealed class RunFolderTests
{
    [Fact]
    public void The_last_stage_leaves_the_runs_result_and_the_others_lie_under_stages()
    {
        var folder = new RunFolder("/runs/7");
        var recipe = new Recipe { Stages = [new StageRecipe { Name = "SFT" }, new StageRecipe { Name = "DPO" }] };
        Assert.Equal("/runs/7/stages/SFT", folder.OutputOf(recipe, recipe.Stages[0]));
        Assert.Equal("/runs/7/final", folder.OutputOf(recipe, recipe.Stages[1]));
        recipe = recipe with { Stages = [recipe.Stages[0], recipe.Stages[1] with { Adapter = new AdapterRecipe() }] };
        Assert.Equal("/runs/7/adapter", folder.OutputOf(recipe, recipe.Stages[1]));
        // One that is trained on is an adapter still, on the weights that it stood on before.
        recipe = recipe with
        {
            Stages = [.. recipe.Stages.Select((s, i) => i == 0 ? s : s with { From = "SFT" }),
            new StageRecipe { Name = "More", From = "DPO" }]
        };
        Assert.Equal("/runs/7/adapter", folder.OutputOf(recipe, recipe.Stages[2]));
        Assert.Equal("SFT", recipe.BaseOf(recipe.Stages[2]));
    }

    [Fact]
    public void Everything_has_a_name_of_its_own()
    {
        var folder = new RunFolder("/runs/7");
        string[] paths = [folder.Marker, folder.Recipe, folder.Metrics, folder.Checkpoints, folder.TensorBoard, folder.TripletJournal,
            folder.Triplets, folder.StageResults, folder.Result, folder.Report, folder.Address, folder.Lock, folder.Storage];
        Assert.Equal(paths.Length, paths.Distinct().Count());
        Assert.All(paths, p => Assert.Equal("/runs/7", Path.GetDirectoryName(p)));
    }

    [Fact]
    public void Runs_of_one_name_in_two_places_are_two_and_a_run_reached_by_a_link_is_itself()
    {
        using var temporary = new TemporaryFolder();
        Directory.CreateDirectory(temporary.In("a/smoke"));
        Directory.CreateDirectory(temporary.In("b/smoke"));
        Directory.CreateSymbolicLink(temporary.In("link"), temporary.In("a"));
        Directory.CreateSymbolicLink(temporary.In("b/other"), Path.Combine("..", "link", "smoke"));
        var first = new RunFolder(temporary.In("a/smoke"));
        Assert.Equal("smoke", first.Name);
        Assert.Matches("^smoke-[0-9a-f]{16}$", first.Id);
        Assert.NotEqual(first.Id, new RunFolder(temporary.In("b/smoke")).Id);
        Assert.Equal(first.Id, new RunFolder(temporary.In("a/smoke/")).Id);
        Assert.Equal(first.Id, new RunFolder(temporary.In("link/smoke")).Id);
        Assert.Equal(first.Id[5..], new RunFolder(temporary.In("b/other")).Id[5..]);
        // Where it lies is known before it is there.
        Assert.Equal(new RunFolder(temporary.In("a/new/run")).Id, new RunFolder(temporary.In("link/new/run")).Id);
    }

    [Fact]
    public void Links_that_go_round_in_circles_are_an_error()
    {
        using var temporary = new TemporaryFolder();
        Directory.CreateSymbolicLink(temporary.In("a"), temporary.In("b"));
        Directory.CreateSymbolicLink(temporary.In("b"), temporary.In("a"));
        Assert.EndsWith(" leads through more than 40 links",
            Assert.Throws<RunFolderException>(() => RunId.RealPath(temporary.In("a"))).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("..")]
    [InlineData(".")]
    [InlineData("")]
    [InlineData("/etc")]
    [InlineData("../../evil")]
    [InlineData("a\\b")]
    [InlineData("a\0b")]
    public void No_name_of_a_stage_leads_out_of_the_folder(string name)
    {
        var folder = new RunFolder("/runs/7");
        var recipe = new Recipe { Stages = [new StageRecipe { Name = name }, new StageRecipe { Name = "last" }] };
        Assert.Throws<ArgumentException>(() => folder.OutputOf(recipe, recipe.Stages[0]));
        Assert.Throws<ArgumentException>(() => folder.SeriesOf(name));
    }

    [Theory]
    [InlineData("checkpoints/", "checkpoints")]
    [InlineData("metrics.jsonl", "metrics.jsonl")]
    [InlineData("run.json", null)]
    [InlineData("run.lock", null)]
    [InlineData("silo.json", null)]
    [InlineData("grains.db-wal", null)]
    [InlineData(".writing-recipe.yaml-17", null)]
    public void What_an_execution_made_is_told_from_what_made_the_folder_ready(string entry, string? remnant)
    {
        using var temporary = new TemporaryFolder();
        if (entry.EndsWith('/'))
            Directory.CreateDirectory(temporary.In(entry));
        else
            File.WriteAllText(temporary.In(entry), "");
        Assert.Equal(remnant, new RunFolder(temporary.Path).FindRemnant());
    }
}
