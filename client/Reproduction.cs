using SelfJudge.Client.Commands;
using SelfJudge.Modeling.Files;
using SelfJudge.Preferences.Methods;
using SelfJudge.Preferences.Recipes;
using SelfJudge.Runs.Folders;
using SelfJudge.Runs.Reporting;
using SelfJudge.World.Reproduction;

namespace SelfJudge.Client;

/// <summary>The paper's tables on the built-in world: every stage that they need, once for each seed, as a run in a folder of its
/// own.</summary>
/// <param name="root">Holds <c>seed-K/</c> with the runs, <c>tables.json</c>, <c>tables.md</c> and <c>report.html</c>.</param>
/// <param name="prompts">Held-out prompts that policies answer; 0 for all.</param>
internal sealed class Reproduction(string root, StageRuns stages, IReadOnlyList<PaperTable> tables, int seeds, int prompts)
{
    private readonly Dictionary<(ulong Seed, string Recipe, string Stage), IReadOnlyList<StageRun>> _runs = []; // a stage's own last

    /// <summary>Runs what is not finished yet, and writes the tables. Returns an exit code.</summary>
    public async Task<int> Run(bool verbose, CancellationToken cancellation)
    {
        var started = TimeProvider.System.GetTimestamp();
        RunMarker.Claim(new RunFolder(root), RunMarker.Runs);
        var plan = Plan();
        Console.WriteLine($"{plan.Count} runs for {(tables.Count == 1 ? "table" : "tables")} "
            + $"{string.Join(", ", tables.Select(t => t.Id))} over {seeds} {(seeds == 1 ? "seed" : "seeds")}; "
            + $"{plan.Count(stages.IsFinished)} are finished");
        if (await stages.Execute(plan, verbose, cancellation) is not RunExecutor.Succeeded and var code)
            return code;
        Write(TimeProvider.System.GetElapsedTime(started).TotalMinutes);
        return RunExecutor.Succeeded;
    }

    // Dependencies before what needs them, and all of a seed before the next: an interrupted reproduction has whole seeds.
    private List<StageRun> Plan()
    {
        var plan = new List<StageRun>();
        // Every policy is measured by whatever any of the tables asks of it: what is finished serves them all.
        var tournaments = PaperTables.All.SelectMany(t => t.Cells).Where(c => c.Samples > 1)
            .GroupBy(c => StageRun.Of(stages.RecipeOf(c.Recipe), c.Stage, root)[^1].Folder)
            .ToDictionary(g => g.Key, g => (IReadOnlyList<int>)[.. g.Select(c => c.Samples).Distinct().Order()]);
        for (var seed = 1UL; seed <= (ulong)seeds; seed++)
            foreach (var (recipe, stage) in StagesOf(tables))
            {
                // By the recipes' own seed a stage is the same one for every seed.
                var kinds = StageRun.Of(stages.RecipeOf(recipe), stage, root)
                    .ToDictionary(r => r.Stage, r => tournaments.GetValueOrDefault(r.Folder, []));
                var runs = stages.Of(stages.RecipeOf(recipe), stage, seed)
                    .Select(r => r with { Recipe = r.Recipe with { Evaluation = EvaluationOf(r.Recipe.Stages[0], kinds[r.Stage]) } })
                    .ToList();
                _runs[(seed, recipe, stage)] = runs;
                plan.AddRange(runs.Where(r => !plan.Exists(p => stages.FolderOf(p).Path == stages.FolderOf(r).Path)));
            }
        return plan;
    }

    // Win rates are against the SFT model.
    private static IEnumerable<(string Recipe, string Stage)> StagesOf(IEnumerable<PaperTable> tables) =>
        tables.SelectMany(t => t.Cells).Select(c => (c.Recipe, c.Stage)).Prepend(("sft", "SFT")).Distinct();

    private EvaluationRecipe? EvaluationOf(StageRecipe stage, IReadOnlyList<int> tournaments) => !stage.Spec.IsPolicy ? null
        : new EvaluationRecipe
        {
            Prompts = prompts,
            Baseline = stage.Name,
            Rejection = tournaments.Count > 0 ? [stage.Name] : [],
            RejectionSamples = tournaments
        };

    private void Write(double minutes)
    {
        var baseline = RunsOf(("sft", "SFT")).Select(r => stages.Measured(r[^1]).Answers[1]).ToList();
        var reproduced = tables.Select(t => TableFigures.Of(t, cell =>
            [.. RunsOf((cell.Recipe, cell.Stage)).Select(r => stages.Measured(r[^1]))], baseline, SecondsOf([t]))).ToList();
        var recipes = StagesOf(tables).Select(s => s.Recipe).Distinct().Order(StringComparer.Ordinal)
            .Select(r => (r, File.ReadAllText(ShippedRecipes.PathOf(r)))).ToList();
        var (answered, total) = (baseline[0].Gold.Count, SecondsOf(tables));
        AtomicFolder.WriteFile(Path.Combine(root, "tables.json"), TableFigures.ToJson(reproduced));
        AtomicFolder.WriteFile(Path.Combine(root, "report.html"),
            TablesReport.Render(reproduced, seeds, answered, total, recipes, stages.Departs));
        AtomicFolder.WriteFile(Path.Combine(root, "tables.md"), TablesMarkdown.Render(reproduced, seeds, answered, total, stages.Departs));
        TablesView.Print(reproduced);
        Console.WriteLine($"{minutes:0.0} min, all runs {total / 60:0.0} min; figures: {Path.Combine(root, "tables.json")}, report: "
            + $"{Path.Combine(root, "report.html")}");
    }

    private IReadOnlyList<IReadOnlyList<StageRun>> RunsOf((string Recipe, string Stage) stage) =>
        [.. Enumerable.Range(1, seeds).Select(s => _runs[((ulong)s, stage.Recipe, stage.Stage)])];

    // Each run once, however many of the tables and their rows need it.
    private double SecondsOf(IEnumerable<PaperTable> needing) =>
        StagesOf(needing).SelectMany(RunsOf).SelectMany(r => r).DistinctBy(r => stages.FolderOf(r).Path)
            .Sum(r => stages.Measured(r).Seconds);
}
