using System.CommandLine;
using SelfJudge.Client.Reference;

namespace SelfJudge.Client.Commands;

/// <summary>Writes the pages of docs that describe recipes and this console.</summary>
internal static class ReferenceCommand
{
    public static Command Create(Command root)
    {
        var output = new Option<string>("--out") { Description = "The folder that the pages go into.", Required = true };
        var command = new Command("reference", "Write the reference pages of recipes and of this console.") { output };
        command.Hidden = true;
        command.SetAction(parse =>
        {
            var folder = Directory.CreateDirectory(parse.GetValue(output)!);
            File.WriteAllText(Path.Combine(folder.FullName, "recipes.md"), RecipeReference.Render());
            File.WriteAllText(Path.Combine(folder.FullName, "console.md"), ConsoleReference.Render(root));
        });
        return command;
    }
}
