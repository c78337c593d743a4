using System.CommandLine;
using SelfJudge.CommandLine;
using SelfJudge.Preferences.Evaluation;
using SelfJudge.Runs.Folders;

namespace SelfJudge.Client.Commands;

/// <summary>The main job: the whole method on the built-in world.</summary>
internal static class DemoCommand
{
    public static Command Create()
    {
        var seed = CommonOptions.Seed("Seed of the run; the first of several.");
        var seeds = CommonOptions.Seeds("Repeat the run over so many seeds, and report mean and interval.", 1);
        var quick = new Option<bool>("--quick") { Description = "A shorter run with smaller numbers, under a minute." };
        var output = CommonOptions.Out();
        var device = new DeviceOptions();
        var command = new Command("demo", "Align a small model by self-judgment, from nothing, and show that it worked.") { seed, seeds,
            quick, output };
        device.AddTo(command);
        command.SetAction((parse, cancellation) =>
        {
            _ = OutputPlace.Folder(parse.GetValue(output) ?? RunNames.Root);
            var computing = device.Resolve(parse, null);
            var name = parse.GetValue(quick) ? "demo-quick" : "demo";
            if (parse.GetValue(quick))
                Console.WriteLine("--quick: fewer steps and prompts; its figures are not the demo's");
            return parse.GetValue(seeds) switch
            {
                var count when parse.GetValue(seed) > ulong.MaxValue - (ulong)count =>
                    throw new UserError($"--seeds {count}: there are not so many seeds from --seed {parse.GetValue(seed)} on"),
                1 => Run(name, parse.GetValue(seed), parse.GetValue(output), computing, parse.GetValue(CommandLineProgram.Verbose),
                    cancellation),
                var count => RunSeeds(name, parse.GetValue(seed), count, parse.GetValue(output), computing,
                    parse.GetValue(CommandLineProgram.Verbose), cancellation),
            };
        });
        return command;
    }

    private static Task<int> Run(string name, ulong seed, string? output, DeviceChoice device, bool verbose, CancellationToken cancellation)
    {
        var recipe = RunRecipe.Load(ShippedRecipes.PathOf(name), null, [], [], [$"seed={seed}"]).Recipe;
        return RunExecutor.Execute(recipe, RunNames.New(output, name), null, device, verbose, cancellation);
    }

    // One after the other: each run has the machine to itself, as a single demo does.
    private static async Task<int> RunSeeds(string name, ulong first, int count, string? output, DeviceChoice device, bool verbose,
        CancellationToken cancellation)
    {
        var folder = RunNames.New(output, name, RunMarker.Runs);
        RunMarker.Claim(folder, RunMarker.Runs);
        var root = folder.Path;
        var results = new List<RunResult>();
        for (var seed = first; seed < first + (ulong)count; seed++)
        {
            var path = Path.Combine(root, $"seed-{seed}");
            Console.WriteLine($"seed {seed}, {results.Count + 1} of {count}");
            if (await Run(name, seed, path, device, verbose, cancellation) is not RunExecutor.Succeeded and var code)
                return code;
            results.Add(RunResult.Load(new RunFolder(path).Result));
        }
        var summary = SeedsResult.Of(results);
        var file = Path.Combine(root, "seeds.json");
        await File.WriteAllTextAsync(file, summary.ToJson(), CancellationToken.None);
        ResultView.Print(summary);
        Console.WriteLine($"figures: {file}");
        return RunExecutor.Succeeded;
    }
}
