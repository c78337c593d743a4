using System.CommandLine;
using SelfJudge.Modeling.Checkpoints;
using SelfJudge.Preferences.Data;
using SelfJudge.Preferences.Recipes;
using SelfJudge.Preferences.Templates;

namespace SelfJudge.Client.Commands;

/// <summary>A run as its recipe says.</summary>
internal static class TrainCommand
{
    public static Command Create()
    {
        var recipe = new Option<string>("--recipe") { Description = "The recipe file.", Required = true };
        var model = new Option<string?>("--model") { Description = "The Hugging Face folder of the model to start from; the recipe's model.path." };
        var data = new Option<string?>("--data") { Description = "Preference data, a file or a folder, in place of the data that the recipe names." };
        var settings = new Option<string[]>("--set") { Description = "A key of the recipe and its value, as key=value; stages go by name or place, as stages.Self-Judge.steps=20." };
        var output = CommonOptions.Out();
        var cluster = CommonOptions.Cluster();
        var device = new DeviceOptions();
        var verbose = CommonOptions.Verbose();
        var command = new Command("train", "Run a recipe.") { recipe, model, data, settings, output, cluster, verbose };
        device.AddTo(command);
        command.SetAction((parse, cancellation) =>
        {
            var computing = device.Resolve(parse, parse.GetValue(cluster));
            var path = parse.GetValue(recipe)!;
            var resolved = Load(path, parse.GetValue(model), parse.GetValue(data), parse.GetValue(settings) ?? []);
            var (folder, runId) = RunNames.New(parse.GetValue(output), resolved.Name);
            return RunExecutor.Execute(resolved, folder, runId, parse.GetValue(cluster), computing, parse.GetValue(verbose), cancellation);
        });
        return command;
    }

    /// <summary>The recipe with its settings, paths made absolute: a run may be resumed from anywhere.</summary>
    /// <exception cref="UserError">A file or folder that it names is not there.</exception>
    /// <exception cref="DataException">A file of prompts or pairs has a row that cannot be read.</exception>
    /// <exception cref="InvalidDataException">The model folder is not one that can be used.</exception>
    private static Recipe Load(string path, string? model, string? data, IEnumerable<string> settings)
    {
        IEnumerable<string> named = [.. model is null ? [] : new[] { $"model.path={model}" }, .. data is null ? [] : new[] { "data.world_pairs=0", "data.prompts=null", $"data.pairs={data}" }];
        var recipe = RecipeFile.Load(path, named.Concat(settings));
        static string? Existing(string? named, string key) => named is null ? null
            : Path.Exists(named) ? Path.GetFullPath(named) : throw new UserError($"{key}: there is no {Path.GetFullPath(named)}");
        recipe = recipe with
        {
            Model = recipe.Model with { Path = Existing(recipe.Model.Path, "model.path"), DialogueTemplate = DialogueTemplate.Absolute(recipe.Model.DialogueTemplate) },
            Data = recipe.Data with { Pairs = Existing(recipe.Data.Pairs, "data.pairs"), Prompts = Existing(recipe.Data.Prompts, "data.prompts"), Sources = [.. recipe.Data.Sources.Select(s => s with { Path = Existing(s.Path, "data.sources")! })] },
            Judge = recipe.Judge with { Templates = [.. recipe.Judge.Templates.Select(t => JudgeTemplate.IsFile(t) ? Existing(t, "judge.templates")! : t)] },
        };
        // What cannot be read is said here, before there is a run.
        if (recipe.Model.Path is { } folder)
        {
            _ = ModelFolder.ReadConfig(folder);
            _ = ModelFolder.ReadTokenizer(folder);
        }
        foreach (var template in recipe.Judge.Templates.Where(JudgeTemplate.IsFile))
            _ = Template(template);
        if (recipe.Data.WorldPairs == 0)
            Print(new FileTrainingData(recipe.Data, recipe.Seed).Report);
        return recipe;
    }

    private static void Print(DataReport report)
    {
        Console.WriteLine($"data: {report.Read} rows read, {report.Kept} kept");
        foreach (var (reason, rows) in report.Skipped)
            Console.WriteLine($"  {rows.Count} skipped, {reason}: {string.Join(", ", rows.Places.Take(3))}{(rows.Count > 3 ? ", …" : "")}");
    }

    private static JudgeTemplate Template(string file)
    {
        try
        {
            return JudgeTemplate.ByName(file);
        }
        catch (ArgumentException e)
        {
            throw new UserError(e.Message);
        }
    }
}
