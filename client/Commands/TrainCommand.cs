using System.CommandLine;
using SelfJudge.CommandLine;

namespace SelfJudge.Client.Commands;

/// <summary>A run as its recipe says.</summary>
internal static class TrainCommand
{
    public static Command Create()
    {
        var recipe = new Option<string>("--recipe")
        {
            Description =
            "The recipe file, or the name of one that comes with the program (recipes list).",
            Required = true
        };
        var model = new Option<string?>("--model")
        {
            Description =
            "The model to start from, a Hugging Face folder or a run; the recipe's model.path."
        };
        var data = new Option<string[]>("--data")
        {
            Description =
            "Preference data, files or folders, in place of the data that the recipe names.",
            AllowMultipleArgumentsPerToken = true
        };
        var settings = CommonOptions.Settings();
        var output = CommonOptions.Out();
        var cluster = CommonOptions.Cluster();
        var device = new DeviceOptions();
        var command = new Command("train", "Run a recipe.") { recipe, model, data, settings, output, cluster };
        device.AddTo(command);
        command.SetAction((parse, cancellation) =>
        {
            _ = OutputPlace.Folder(parse.GetValue(output) ?? RunNames.Root);
            RunNames.CheckNew(parse.GetValue(output));
            var computing = device.Resolve(parse, parse.GetValue(cluster));
            var (resolved, _) = RunRecipe.Load(parse.GetValue(recipe)!, parse.GetValue(model), parse.GetValue(data) ?? [], [],
                parse.GetValue(settings) ?? []);
            return RunExecutor.Execute(resolved, RunNames.New(parse.GetValue(output), resolved.Name), parse.GetValue(cluster), computing,
                parse.GetValue(CommandLineProgram.Verbose), cancellation);
        });
        return command;
    }
}
