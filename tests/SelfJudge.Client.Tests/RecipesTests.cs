using SelfJudge.Preferences.Recipes;
using SelfJudge.Tests.Shared;

namespace SelfJudge.Client.Tests;

[Collection(Printed.OneConsole.Name)]
public sealed class RecipesTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_recipe_is_a_file_or_the_name_of_one_that_comes_with_the_program()
    {
        Assert.Contains("smoke", ShippedRecipes.Names);
        Assert.Equal(ShippedRecipes.PathOf("smoke"), ShippedRecipes.Named("smoke"));
        var own = _folder.In("smoke");
        File.WriteAllText(own, "");
        Assert.Equal(own, ShippedRecipes.Named(own));
        Assert.Equal("not-there.yaml", ShippedRecipes.Named("not-there.yaml"));
        Assert.Equal(
            "nothing: no such recipe file, and none of that name comes with the program; 'recipes list' shows those that do",
            Assert.Throws<UserError>(() => ShippedRecipes.Named("nothing")).Message);
        Assert.StartsWith("there is no recipe 'nothing'; those that come with the program are ",
            Assert.Throws<UserError>(() => ShippedRecipes.PathOf("nothing")).Message);
    }

    [Fact]
    public void Every_recipe_that_comes_with_the_program_says_in_a_sentence_what_it_is() =>
        Assert.All(ShippedRecipes.Names, name => Assert.Matches(@"^\S.*[^.]$", ShippedRecipes.AboutOf(name)));

    [Fact]
    public void Options_take_the_place_of_the_recipes_own_model_data_and_templates_and_settings_come_last()
    {
        var recipe = RunRecipe.Read("smoke", "it's/a model", ["a.jsonl", "b c.jsonl"], ["hh-helpful"], ["seed=7", "model.path=/m"]);
        Assert.Equal((7UL, "/m", 0), (recipe.Seed, recipe.Model.Path, recipe.Data.WorldPairs));
        Assert.Equal(["a.jsonl", "b c.jsonl"], recipe.Data.Sources.Select(s => s.Path));
        Assert.Equal((null, null), (recipe.Data.Pairs, recipe.Data.Prompts));
        Assert.Equal(["hh-helpful"], recipe.Judge.Templates);
        Assert.Equal("it's/a model", RunRecipe.Read("smoke", "it's/a model", [], [], []).Model.Path);
        Assert.Equal("a.jsonl", RunRecipe.Read("smoke", "/m", ["a.jsonl"], [], []).Data.Pairs);
        Assert.Throws<RecipeException>(() => RunRecipe.Read("smoke", null, [], [], ["no_such_key=1"]));
    }

    [Fact]
    public void What_a_recipe_names_and_is_not_there_is_said_by_its_key()
    {
        string Refusal(params string[] settings) => Assert.Throws<UserError>(() => RunRecipe.Load("smoke", null, [], [], settings)).Message;
        var missing = _folder.In("none");
        Assert.Equal($"--data: there is no {missing}",
            Assert.Throws<UserError>(() => RunRecipe.Load("smoke", null, [missing], [], [])).Message);
        Assert.Equal($"model.path: there is no {missing}", Refusal($"model.path={missing}"));
        Assert.Equal($"evaluation.judge: there is no {missing}", Refusal($"evaluation.judge={missing}"));
        Assert.Equal($"judge: there is no {missing}", Refusal($"stages.Self-Judge.judge={missing}"));
    }

    [Fact]
    public void A_recipe_of_the_world_is_loaded_with_the_worlds_template_and_no_data_of_files()
    {
        var (recipe, data) = RunRecipe.Load("smoke", null, [], [], ["seed=3"]);
        Assert.Equal((3UL, "world"), (recipe.Seed, recipe.Model.DialogueTemplate));
        Assert.Null(data);
        Assert.NotNull(RunRecipe.LoadForPlan("smoke", null, [], []).Data);
    }

    [Fact]
    public void Quick_runs_of_a_stage_have_a_fortieth_of_the_steps_and_say_so()
    {
        var (whole, quick) = (new StageRuns(_folder.Path, false, ["seed=3"]), new StageRuns(_folder.Path, true, []));
        Assert.Equal("--set seed=3", whole.Departs);
        Assert.Equal("--quick: a fortieth of the steps; these figures mean nothing. ", quick.Departs);
        var steps = whole.RecipeOf("sft").Stages[0].Steps;
        Assert.True(steps > 80);
        Assert.Equal(steps / 40, quick.RecipeOf("sft").Stages[0].Steps);
        var run = Assert.Single(whole.Of(whole.RecipeOf("sft"), "SFT", 5));
        Assert.Equal(5UL, run.Recipe.Seed);
        Assert.StartsWith(_folder.In("seed-5"), whole.FolderOf(run).Path);
        Assert.False(whole.IsFinished(run));
    }
}
