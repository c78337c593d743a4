using System.CommandLine;
using SelfJudge.Preferences.Recipes;

namespace SelfJudge.Client.Commands;

/// <summary>Recipes, before anything is run.</summary>
internal static class RecipesCommand
{
    public static Command Create()
    {
        var file = new Argument<string>("file") { Description = "The recipe file." };
        var settings = new Option<string[]>("--set") { Description = "A key of the recipe and its value, as key=value." };
        var validate = new Command("validate", "Check a recipe and print it with every key resolved.") { file, settings };
        validate.SetAction(parse =>
        {
            var recipe = RecipeFile.Load(parse.GetValue(file)!, parse.GetValue(settings));
            Console.Write(RecipeFile.Render(recipe));
            Console.WriteLine($"# {parse.GetValue(file)} is valid: {recipe.Stages.Count} stages, {recipe.Stages.Sum(s => s.Steps)} steps{(recipe.Stages.Sum(s => s.Epochs) is > 0 and var epochs ? $" and {epochs} epochs of the data" : "")}");
        });
        return new Command("recipes", "Work with recipe files.") { validate };
    }
}
