using System.CommandLine;
using SelfJudge.Grains.Training;
using SelfJudge.Modeling.Checkpoints;
using SelfJudge.Preferences.Recipes;

namespace SelfJudge.Client.Commands;

/// <summary>A run's model, or any other, as a Hugging Face folder.</summary>
internal static class ConvertCommand
{
    public static Command Create()
    {
        var model = new Option<string>("--model") { Description = "A run, or the folder of a model or an adapter.", Required = true };
        var adapter = new Option<string?>("--adapter") { Description = "The folder of a PEFT adapter on top of the model." };
        var merge = new Option<bool>("--merge") { Description = "Add the adapter to the weights; left out, it is written beside them, in adapter/." };
        var dtype = new Option<string>("--dtype") { Description = "f32 or bf16.", DefaultValueFactory = _ => "f32" };
        dtype.AcceptOnlyFromAmong("f32", "bf16");
        var maxShardSize = new Option<string?>("--max-shard-size") { Description = "Divide the weights among files of at most so many bytes, as 2GB, 500MB or 1GiB; left out, one file." };
        var output = new Option<string>("--out") { Description = "The folder to write; it must not exist.", Required = true };
        var command = new Command("convert", "Write a model as a Hugging Face folder.") { model, adapter, merge, dtype, maxShardSize, output };
        command.SetAction(parse =>
        {
            var target = Path.GetFullPath(parse.GetValue(output)!.TrimEnd(Path.DirectorySeparatorChar));
            if (Path.Exists(target))
                throw new UserError($"--out {target} exists already: name another folder");
            var shard = parse.GetValue(maxShardSize) is { } size ? ParseSize(size) : long.MaxValue;
            var (folder, onTop) = Resolve(parse.GetValue(model)!);
            if (parse.GetValue(adapter) is { } given)
                onTop = onTop is null ? Path.GetFullPath(given) : throw new UserError($"--model {parse.GetValue(model)} has an adapter already: name its base model to use --adapter {given}");
            if (onTop is null && parse.GetValue(merge))
                throw new UserError("--merge: there is no adapter to merge; name one with --adapter DIR");
            ModelConversion.Convert(folder, onTop, parse.GetValue(merge), parse.GetValue(dtype) == "bf16", target, shard);
            Console.WriteLine($"{folder}{(onTop is null ? "" : parse.GetValue(merge) ? $" with {onTop} merged" : $" and, in adapter/, {onTop}")} in {target}, {parse.GetValue(dtype)}");
        });
        return command;
    }

    // As transformers reads it: GB is 10⁹ bytes, GiB 2³⁰.
    private static long ParseSize(string text)
    {
        var digits = text.TakeWhile(char.IsAsciiDigit).Count();
        long? unit = text[digits..].Trim().ToUpperInvariant() switch
        {
            "" or "B" => 1,
            "KB" => 1_000,
            "MB" => 1_000_000,
            "GB" => 1_000_000_000,
            "KIB" => 1L << 10,
            "MIB" => 1L << 20,
            "GIB" => 1L << 30,
            _ => null,
        };
        return unit is { } bytes && long.TryParse(text[..digits], out var count) && count > 0 && count <= long.MaxValue / bytes ? count * bytes
            : throw new UserError($"--max-shard-size {text}: write it as 2GB, 500MB or 1GiB");
    }

    private static (string Model, string? Adapter) Resolve(string named)
    {
        if (AdapterFolder.IsAdapter(named))
            return AdapterFolder.ReadConfig(named).BaseModel is { } baseModel && Directory.Exists(baseModel)
                ? (Path.GetFullPath(baseModel), Path.GetFullPath(named))
                : throw new UserError($"the adapter in {named} stands on {AdapterFolder.ReadConfig(named).BaseModel ?? "a model that it does not name"}, which is no folder here; write --model BASE --adapter {named}");
        if (File.Exists(Path.Combine(named, "config.json")))
            return (Path.GetFullPath(named), null);
        var folder = RunNames.Find(named);
        var recipe = RecipeFile.LoadOfRun(folder.Recipe);
        if (folder.OutputOf(recipe, recipe.Stages[^1]) is var output && !Directory.Exists(output))
            throw new UserError($"run {folder.Name} has no model yet: {output} is not there; go on with it by 'resume {folder.Path}', or name one of {folder.Path}/stages");
        var chain = RunModels.Chain(folder.Id, recipe, folder, recipe.Stages[^1].Name);
        var start = chain[0].Folder ?? throw new UserError($"the adapter of run {folder.Name} stands on random weights, which are in no folder");
        return (start, chain[^1].BaseId is null ? null : chain[^1].Folder);
    }
}
