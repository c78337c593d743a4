using System.CommandLine;
using SelfJudge.CommandLine;
using SelfJudge.Preferences.Data;
using SelfJudge.Preferences.Methods;
using SelfJudge.Preferences.Recipes;
using SelfJudge.Preferences.Settings;

namespace SelfJudge.Client.Commands;

/// <summary>Judge-augmented supervised fine-tuning (section 3.1) of a model on preference data: what self-training starts from.</summary>
internal static class JsftCommand
{
    private const string DefaultRecipe = "jsft-files";

    public static Command Create()
    {
        var model = new Option<string>("--model")
        {
            Description = "The model to start from, a Hugging Face folder or a run.",
            Required = true
        };
        var data = new Option<string[]>("--data")
        {
            Description = "Preference data: files or folders.",
            Required = true,
            AllowMultipleArgumentsPerToken = true
        };
        var recipe = new Option<string?>("--recipe")
        {
            Description =
            $"A recipe whose stages are supervised; {DefaultRecipe}, the paper's settings, if left out."
        };
        var judgeTemplate = new Option<string[]>("--judge-template")
        {
            Description =
            "The judge template by name or .yaml file; several vote.",
            AllowMultipleArgumentsPerToken = true
        };
        var epochs = Options.OptionalNumber<double>("--epochs",
            new SettingAttribute(
            "Passes over the training pairs, in place of the recipe's steps; 1 where neither --recipe nor a setting says.")
            {
                MoreThan = 0,
                AtMost = Options.SettingOf<StageRecipe>(nameof(StageRecipe.Epochs)).AtMost
            });
        var settings = CommonOptions.Settings();
        var output = CommonOptions.Out();
        var cluster = CommonOptions.Cluster();
        var device = new DeviceOptions();
        var command = new Command("jsft", "Teach a model to answer and to judge, from preference data.") { model, data, recipe,
            judgeTemplate, epochs, settings, output, cluster };
        device.AddTo(command);
        command.SetAction((parse, cancellation) =>
        {
            RunNames.CheckNew(parse.GetValue(output));
            _ = OutputPlace.Folder(parse.GetValue(output) ?? RunNames.Root);
            var computing = device.Resolve(parse, parse.GetValue(cluster));
            var given = parse.GetValue(settings) ?? [];
            var path = parse.GetValue(recipe) is { } named ? ShippedRecipes.Named(named) : ShippedRecipes.PathOf(DefaultRecipe);
            var (resolved, read) = RunRecipe.Load(path, parse.GetValue(model), parse.GetValue(data)!, parse.GetValue(judgeTemplate) ?? [],
                given);
            if (resolved.Stages.FirstOrDefault(s => s.Spec.Data != StepData.Examples) is { } other)
                throw new UserError($"{path}: stage '{other.Name}' is no supervised fine-tuning; run this recipe with: train --recipe "
                    + $"{path}");
            var isCounted = parse.GetValue(recipe) is not null
                || given.Any(s => s.Split('=')[0].EndsWith(".steps", StringComparison.Ordinal));
            if (parse.GetValue(epochs) is not null || !isCounted)
                resolved = Over(resolved, read!, parse.GetValue(epochs) ?? 1);
            Console.WriteLine($"{read!.Pairs.Count} training pairs, {read.HeldOutPairs.Count} held out; "
                + $"{string.Join(", ", resolved.Stages.Select(s => $"{s.Name} {s.Steps} steps"))}");
            return RunExecutor.Execute(resolved, RunNames.New(parse.GetValue(output), resolved.Name), parse.GetValue(cluster), computing,
                parse.GetValue(CommandLineProgram.Verbose), cancellation);
        });
        return command;
    }

    // An epoch is over when every pair has been there once: as an answer, or, where a stage has no answers, as a judgment.
    private static Recipe Over(Recipe recipe, FileTrainingData data, double epochs) => recipe with
    {
        Stages = [.. recipe.Stages.Select(s =>
            s with { Steps = (int)Math.Clamp(Math.Ceiling(epochs * data.Pairs.Count
                / Math.Max(1, s.PolicyExamples > 0 ? s.PolicyExamples : s.JudgePairs)), 1, int.MaxValue) })],
    };
}
