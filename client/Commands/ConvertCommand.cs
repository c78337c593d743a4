using System.CommandLine;
using SelfJudge.CommandLine;
using SelfJudge.Modeling.Checkpoints;
using SelfJudge.Preferences.Recipes;
using SelfJudge.Runs.Models;

namespace SelfJudge.Client.Commands;

/// <summary>A run's model, or any other, as a Hugging Face folder.</summary>
internal static class ConvertCommand
{
    public static Command Create()
    {
        var model = new Option<string>("--model") { Description = "A run, or the folder of a model or an adapter.", Required = true };
        var adapter = new Option<string?>("--adapter") { Description = "The folder of a PEFT adapter on top of the model." };
        var merge = new Option<bool>("--merge")
        {
            Description =
            "Add the adapter to the weights; left out, it is written beside them, in adapter/."
        };
        var dtype = Options.Choice("--dtype", "The type of the weights that are written.", ["f32", "bf16"], "f32");
        var maxShardSize = Options.Size("--max-shard-size", "Divide the weights among files of at most so many bytes; left out, one file.");
        var output = new Option<string>("--out") { Description = "The folder to write; it must not exist.", Required = true };
        var command = new Command("convert", "Write a model as a Hugging Face folder.") { model, adapter, merge, dtype, maxShardSize,
            output };
        command.SetAction(parse =>
        {
            var target = Path.GetFullPath(parse.GetValue(output)!.TrimEnd(Path.DirectorySeparatorChar));
            if (Path.Exists(target))
                throw new UserError($"--out {target} exists already: name another folder");
            _ = OutputPlace.Folder(target);
            var shard = parse.GetValue(maxShardSize) ?? long.MaxValue;
            var (folder, onTop) = Resolve(parse.GetValue(model)!);
            if (parse.GetValue(adapter) is { } given)
                onTop = onTop is null ? Path.GetFullPath(given)
                    : throw new UserError(
                    $"--model {parse.GetValue(model)} has an adapter already: name its base model to use --adapter {given}");
            if (onTop is null && parse.GetValue(merge))
                throw new UserError("--merge: there is no adapter to merge; name one with --adapter DIR");
            ModelConversion.Convert(folder, onTop, parse.GetValue(merge), parse.GetValue(dtype) == "bf16", target, shard);
            var added = onTop is null ? "" : parse.GetValue(merge) ? $" with {onTop} merged" : $" and, in adapter/, {onTop}";
            Console.WriteLine($"{folder}{added} in {target}, {parse.GetValue(dtype)}");
        });
        return command;
    }

    private static (string Model, string? Adapter) Resolve(string named)
    {
        if (AdapterFolder.IsAdapter(named))
            return AdapterFolder.ReadConfig(named).BaseModel is { } baseModel && Directory.Exists(baseModel)
                ? (Path.GetFullPath(baseModel), Path.GetFullPath(named))
                : throw new UserError($"the adapter in {named} stands on "
                    + $"{AdapterFolder.ReadConfig(named).BaseModel ?? "a model that it does not name"}, which is no folder here; write "
                    + $"--model BASE --adapter {named}");
        if (File.Exists(Path.Combine(named, "config.json")))
            return (Path.GetFullPath(named), null);
        var folder = RunNames.TryFind(named) ?? throw SubmittedModel.Unknown(named, "--model");
        var recipe = RecipeFile.LoadOfRun(folder.Recipe);
        if (folder.OutputOf(recipe, recipe.Stages[^1]) is var output && !Directory.Exists(output))
            throw new UserError($"run {folder.Name} has no model yet: {output} is not there; go on with it by 'resume {folder.Path}', or "
                + $"name one of {folder.Path}/stages");
        var chain = RunModels.Chain(folder.Id, recipe, folder, recipe.Stages[^1].Name);
        var start = chain[0].Folder
            ?? throw new UserError($"the adapter of run {folder.Name} stands on random weights, which are in no folder");
        return (start, chain[^1].BaseId is null ? null : chain[^1].Folder);
    }
}
