using System.CommandLine;
using System.Text.RegularExpressions;
using SelfJudge.Client;
using SelfJudge.Client.Commands;
using SelfJudge.Grains.Replicas;
using SelfJudge.Preferences.Data;
using SelfJudge.Preferences.Recipes;
using Spectre.Console;

var root = new RootCommand("SelfJudge.Actors: align language models by on-policy self-judgment.")
{
    DemoCommand.Create(),
    JsftCommand.Create(),
    TrainCommand.Create(),
    PlanCommand.Create(),
    SubmitCommand.Create(),
    CompareCommand.Create(),
    GenerateCommand.Create(),
    ChatCommand.Create(),
    JudgeCommand.Create(),
    ScoreCommand.Create(),
    ConvertCommand.Create(),
    RecipesCommand.Create(),
    DataCommand.Create(),
    ReproduceCommand.Create(),
};
foreach (var command in RunsCommands.Create().Concat(TokenizeCommands.Create()))
    root.Add(command);
// A pipe or a file has no width; tables need not wrap at eighty columns there.
if (Console.IsOutputRedirected)
    AnsiConsole.Profile.Width = 160;
try
{
    // Ctrl-C waits for the end of a step, however long that takes: to exit under a native computation crashes.
    return await root.Parse(args).InvokeAsync(new InvocationConfiguration { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = Timeout.InfiniteTimeSpan });
}
catch (Exception e) when (e is UserError or ChatEndpointException or RecipeException or DataException or IOException or InvalidDataException or UnauthorizedAccessException)
{
    await Console.Error.WriteLineAsync(e.Message);
    return 1;
}
catch (Exception e) when (e is OrleansException or TimeoutException and not RegexMatchTimeoutException)
{
    await Console.Error.WriteLineAsync($"the cluster answers no more: {e.Message}");
    return 1;
}
