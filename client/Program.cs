using System.CommandLine;
using SelfJudge.Client;
using SelfJudge.Client.Commands;
using SelfJudge.Modeling.Checkpoints;
using SelfJudge.Preferences.Data;
using SelfJudge.Preferences.Recipes;
using Spectre.Console;

var root = new RootCommand("SelfJudge.Actors: align language models by on-policy self-judgment.")
{
    DemoCommand.Create(),
    TrainCommand.Create(),
    SubmitCommand.Create(),
    RecipesCommand.Create(),
};
foreach (var command in RunsCommands.Create())
    root.Add(command);
// A pipe or a file has no width; tables need not wrap at eighty columns there.
if (Console.IsOutputRedirected)
    AnsiConsole.Profile.Width = 160;
try
{
    return await root.Parse(args).InvokeAsync(new InvocationConfiguration { EnableDefaultExceptionHandler = false });
}
catch (Exception e) when (e is UserError or RecipeException or DataException or CheckpointException or IOException or InvalidDataException)
{
    await Console.Error.WriteLineAsync(e.Message);
    return 1;
}
