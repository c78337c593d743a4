using System.Text;
using SelfJudge.Client.Commands;
using SelfJudge.Modeling.Files;
using SelfJudge.Preferences.Recipes;
using SelfJudge.Preferences.Statistics;
using SelfJudge.Runs.Folders;
using SelfJudge.World.Reproduction;
using Spectre.Console;

namespace SelfJudge.Client;

/// <summary>Tries the methods' settings on validation prompts, which are neither trained on nor in any table.</summary>
/// <param name="root">Holds <c>settings.md</c>.</param>
/// <param name="prompts">Validation prompts that policies answer; 0 for all.</param>
internal sealed class SettingSearch(string root, StageRuns stages, IReadOnlyList<SettingGrid> grids, int seeds, int prompts)
{
    private sealed record Setting(SettingGrid Grid, double LearningRate, double? Beta, bool IsRecipes,
        IReadOnlyList<IReadOnlyList<StageRun>> Runs);

    /// <summary>Runs what is not finished yet, and shows what every setting came to. Returns an exit code.</summary>
    public async Task<int> Run(bool verbose, CancellationToken cancellation)
    {
        RunMarker.Claim(new RunFolder(root), RunMarker.Runs);
        var settings = (from grid in grids
                        let recipe = stages.RecipeOf(grid.Recipe)
                        from s in grid.Of(recipe)
                        select new Setting(grid, s.LearningRate, s.Beta, grid.Has(recipe, s.LearningRate, s.Beta),
                            [.. Enumerable.Range(1, seeds).Select(seed => RunsOf(s.Recipe, grid.Stages[^1], (ulong)seed))])).ToList();
        var plan = settings.SelectMany(s => s.Runs).SelectMany(r => r).DistinctBy(r => stages.FolderOf(r).Path).OrderBy(r => r.Recipe.Seed)
            .ToList();
        Console.WriteLine($"{plan.Count} runs for {settings.Count} settings over {seeds} {(seeds == 1 ? "seed" : "seeds")}; "
            + $"{plan.Count(stages.IsFinished)} are finished");
        if (await stages.Execute(plan, verbose, cancellation) is not RunExecutor.Succeeded and var code)
            return code;
        Write(settings);
        return RunExecutor.Succeeded;
    }

    private IReadOnlyList<StageRun> RunsOf(Recipe recipe, string stage, ulong seed) => [.. stages.Of(recipe, stage, seed).Select(r => r with
    {
        Recipe = r.Recipe with { Evaluation = !r.Recipe.Stages[0].Spec.IsPolicy ? null
            : new EvaluationRecipe { Split = HeldOutSplit.Validation, Prompts = prompts, Baseline = r.Stage } },
    })];

    private void Write(List<Setting> settings)
    {
        var text = new StringBuilder();
        text.AppendLine($"Means over {seeds} {(seeds == 1 ? "seed" : "seeds")} on the validation prompts. Bold is the best of a recipe; a "
            + $"star marks what the recipe has.").AppendLine();
        text.AppendLine("| recipe | stage | learning rate | beta | gold score, % | judge accuracy, % |")
            .AppendLine("|---|---|---|---|---|---|");
        foreach (var grid in settings.GroupBy(s => s.Grid))
        {
            var values = grid.Select(s =>
                (Setting: s, Estimate: Estimate.OfCrossed([.. s.Runs.Select(r => Values(stages.Measured(r[^1]), s.Grid.Metric))])))
                    .ToList();
            var best = values.MaxBy(v => v.Estimate.Mean).Setting;
            var table = new Table().Border(TableBorder.SimpleHeavy)
                .Title(Markup.Escape($"{grid.Key.Recipe}: {grid.Key.Stages[^1]}"), Style.Plain)
                .AddColumns("learning rate", "beta", grid.Key.Metric == GridMetric.Gold ? "gold score, %" : "judge accuracy, %", "95 %",
                "");
            foreach (var (s, e) in values)
            {
                var mean = $"{e.Mean * 100:0.00}";
                table.AddRow($"{s.LearningRate:0.#e-0}", s.Beta is { } b ? $"{b}" : "", mean, $"{e.Low * 100:0.0}–{e.High * 100:0.0}",
                    s == best ? "best" : "");
                var cells = s.Grid.Metric == GridMetric.Gold ? ($"{(s == best ? $"**{mean}**" : mean)}", "")
                    : ("", $"{(s == best ? $"**{mean}**" : mean)}");
                text.AppendLine($"| {s.Grid.Recipe} | {s.Grid.Stages[^1]} | {s.LearningRate:0.0e-0}{(s.IsRecipes ? " *" : "")} | {s.Beta} "
                    + $"| {cells.Item1} | {cells.Item2} |");
            }
            AnsiConsole.Write(table);
        }
        AtomicFolder.WriteFile(Path.Combine(root, "settings.md"), text.ToString());
        Console.WriteLine($"written to {Path.Combine(root, "settings.md")}");
    }

    private static IReadOnlyList<double> Values(MeasuredStage stage, GridMetric metric) =>
        metric == GridMetric.Gold ? stage.Answers[1].Gold : stage.Judged;
}
