using System.CommandLine;
using SelfJudge.Preferences.Recipes;

namespace SelfJudge.Client.Commands;

/// <summary>The main job: the whole method on the built-in world.</summary>
internal static class DemoCommand
{
    public static Command Create()
    {
        var seed = new Option<ulong>("--seed") { Description = "Seed of the run.", DefaultValueFactory = _ => 1 };
        var quick = new Option<bool>("--quick") { Description = "A shorter run with smaller numbers, under a minute." };
        var output = new Option<string?>("--out") { Description = "The run's folder; runs/<id> if left out." };
        var verbose = CommonOptions.Verbose();
        var command = new Command("demo", "Align a small model by self-judgment, from nothing, and show that it worked.") { seed, quick, output, verbose };
        command.SetAction((parse, cancellation) => Run(parse.GetValue(seed), parse.GetValue(quick), parse.GetValue(output), parse.GetValue(verbose), cancellation));
        return command;
    }

    private static async Task<int> Run(ulong seed, bool quick, string? output, bool verbose, CancellationToken cancellation)
    {
        var name = quick ? "demo-quick" : "demo";
        var recipe = RecipeFile.Load(Path.Combine(AppContext.BaseDirectory, "recipes", name + ".yaml"), [$"seed={seed}"]);
        var (folder, runId) = RunNames.New(output, name);
        if (quick)
            Console.WriteLine("--quick: fewer steps and prompts; its figures are not the demo's");
        return await RunExecutor.Execute(recipe, folder, runId, verbose, cancellation);
    }
}
