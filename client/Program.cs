using System.CommandLine;
using System.Text.RegularExpressions;
using SelfJudge.Client;
using SelfJudge.Client.Commands;
using SelfJudge.CommandLine;
using SelfJudge.Preferences.Data;
using SelfJudge.Preferences.Recipes;
using SelfJudge.Runs.Judging;

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
root.Add(ReferenceCommand.Create(root));
SafeConsole.Use();
return await CommandLineProgram.Run(root, args, e => e switch
{
    UserError or ChatEndpointException or RecipeException or DataException or IOException or InvalidDataException
        or UnauthorizedAccessException => e.Message,
    OrleansException or TimeoutException and not RegexMatchTimeoutException => $"the cluster answers no more: {e.Message}",
    _ => null,
});
