using SelfJudge.Grains.Runs;
using SelfJudge.Preferences.Recipes;

namespace SelfJudge.Grains.Tests.Runs;

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
    }

    [Fact]
    public void Everything_has_a_name_of_its_own()
    {
        var folder = new RunFolder("/runs/7");
        string[] paths = [folder.Recipe, folder.Metrics, folder.Checkpoints, folder.TensorBoard, folder.TripletJournal, folder.Triplets, folder.StageResults, folder.Result, folder.Report, folder.Address, folder.Lock, folder.Storage];
        Assert.Equal(paths.Length, paths.Distinct().Count());
        Assert.All(paths, p => Assert.Equal("/runs/7", Path.GetDirectoryName(p)));
    }
}
