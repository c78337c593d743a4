using System.CommandLine;
using SelfJudge.CommandLine;
using SelfJudge.Preferences.Recipes;

namespace SelfJudge.Client.Commands;

/// <summary>Recipes, before anything is run.</summary>
internal static class RecipesCommand
{
    public static Command Create()
    {
        var file = new Argument<string>("file") { Description = "The recipe file, or the name of one that comes with the program." };
        var settings = new Option<string[]>("--set") { Description = "A key of the recipe and its value, as key=value." };
        var validate = new Command("validate", "Check a recipe and print it with every key resolved.") { file, settings };
        validate.SetAction(parse =>
        {
            var recipe = RunRecipe.Read(parse.GetValue(file)!, null, [], [], parse.GetValue(settings) ?? []);
            Terminal.Data.Write(RecipeFile.Render(recipe));
            Terminal.Data.WriteLine(
                $"# {parse.GetValue(file)} is valid: {recipe.Stages.Count} stages, {recipe.Stages.Sum(s => s.Steps)} "
                + $"steps{(recipe.Stages.Sum(s => s.Epochs) is > 0 and var epochs ? $" and {epochs} epochs of the data" : "")}");
        });
        var schema = new Command("schema", "Print the JSON schema of recipes, for editors and other programs.");
        schema.SetAction(_ => Terminal.Data.WriteLine(RecipeSchema.Render()));
        var about = new Argument<string?>("key")
        {
            Description = "A part of the keys to explain, such as learning_rate; all if left out.",
            Arity = ArgumentArity.ZeroOrOne
        };
        var explain = new Command("explain",
            "Say what the keys of a recipe mean, which values they take, and the stages of which methods have them.") { about };
        explain.SetAction(parse =>
        {
            var part = parse.GetValue(about) ?? "";
            var keys = RecipeHelp.Find(part).ToList();
            if (keys.Count == 0)
                throw new UserError($"no key of a recipe has '{part}' in it; without it 'recipes explain' names all");
            foreach (var key in keys)
            {
                var allowed = key.Allowed.Length == 0 ? "" : $": {key.Allowed}";
                var methods = key.Methods.Count == 0 ? "" : $" ({string.Join(", ", key.Methods)})";
                Console.WriteLine($"{key.Key}{allowed}{methods}\n    {key.Meaning}");
            }
        });
        return new Command("recipes", "Work with recipe files.") { List(), Show(), Copy(), validate, schema, explain };
    }

    private static Command List()
    {
        var list = new Command("list", "List the recipes that come with the program.");
        list.SetAction(_ =>
        {
            var width = ShippedRecipes.Names.Max(n => n.Length);
            foreach (var name in ShippedRecipes.Names)
                Console.WriteLine($"{name.PadRight(width)}  {ShippedRecipes.AboutOf(name)}");
        });
        return list;
    }

    private static Command Show()
    {
        var name = Name();
        var show = new Command("show", "Print a recipe that comes with the program, with its comments.") { name };
        show.SetAction(parse => Terminal.Data.Write(File.ReadAllText(ShippedRecipes.PathOf(parse.GetValue(name)!))));
        return show;
    }

    private static Command Copy()
    {
        var name = Name();
        var output = new Option<string?>("--out") { Description = "The file to write; the recipe's name with .yaml, here, if left out." };
        var copy = new Command("copy", "Copy a recipe that comes with the program, to be changed.") { name, output };
        copy.SetAction(parse =>
        {
            var source = ShippedRecipes.PathOf(parse.GetValue(name)!);
            var target = parse.GetValue(output) ?? Path.GetFileName(source);
            if (Path.Exists(target))
                throw new UserError($"{Path.GetFullPath(target)} exists; name another file with --out");
            File.Copy(source, target);
            Console.WriteLine($"{target} written");
        });
        return copy;
    }

    private static Argument<string> Name() =>
        new("name") { Description = "A recipe that comes with the program, such as smoke or paper/hh-jsft." };
}
