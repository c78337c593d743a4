using SelfJudge.Abstractions;
using SelfJudge.Client.Commands;
using SelfJudge.Grains.Reporting;
using SelfJudge.Grains.Runs;
using SelfJudge.Modeling.Checkpoints;
using SelfJudge.Preferences.Evaluation;
using SelfJudge.Preferences.Recipes;
using SelfJudge.Preferences.Reproduction;

namespace SelfJudge.Client;

/// <summary>The paper's tables on the built-in world: every stage that they need, once for each seed, as a run in a folder of its own.</summary>
/// <param name="root">Holds <c>seed-K/</c> with the runs, <c>tables.json</c>, <c>tables.md</c> and <c>report.html</c>.</param>
/// <param name="quick">A fortieth of the steps, on few prompts.</param>
/// <param name="settings">Put on top of every recipe.</param>
internal sealed class Reproduction(string root, IReadOnlyList<PaperTable> tables, int seeds, bool quick, IReadOnlyList<string> settings)
{
    private const int QuickShare = 40, QuickPrompts = 24;

    private readonly Dictionary<string, Recipe> _recipes = new(StringComparer.Ordinal);
    private readonly Dictionary<(ulong Seed, string Recipe, string Stage), StageRun> _runs = [];
    private readonly Dictionary<string, MeasuredStage> _measured = new(StringComparer.Ordinal);

    /// <summary>Runs what is not finished yet, and writes the tables. Returns an exit code.</summary>
    public async Task<int> Run(bool verbose, CancellationToken cancellation)
    {
        var started = TimeProvider.System.GetTimestamp();
        var plan = Plan();
        var left = plan.Where(r => !IsFinished(r)).ToList();
        Console.WriteLine($"{plan.Count} runs for {(tables.Count == 1 ? "table" : "tables")} {string.Join(", ", tables.Select(t => t.Id))} over {seeds} seeds; {plan.Count - left.Count} are finished");
        if (left.Count > 0)
        {
            await using var session = await Session.Embed(DeviceChoice.Default, verbose);
            Console.WriteLine($"dashboard {session.Dashboard}");
            foreach (var (i, run) in left.Index())
            {
                Console.WriteLine($"[{i + 1}/{left.Count}, {TimeProvider.System.GetElapsedTime(started).TotalMinutes:0.0} min] seed {run.Recipe.Seed}: {run.Stage}");
                if (await Execute(session, run, cancellation) is not Commands.RunExecutor.Succeeded and var code)
                    return code;
            }
        }
        Write(TimeProvider.System.GetElapsedTime(started).TotalSeconds);
        return Commands.RunExecutor.Succeeded;
    }

    // Dependencies before what needs them, and all of a seed before the next: an interrupted reproduction has whole seeds.
    private List<StageRun> Plan()
    {
        var plan = new List<StageRun>();
        // Every policy is measured by whatever any of the tables asks of it: what is finished serves them all.
        var tournaments = PaperTables.All.SelectMany(t => t.Cells).Where(c => c.Samples > 1).GroupBy(c => StageRun.Of(RecipeOf(c.Recipe), c.Stage, root)[^1].Folder)
            .ToDictionary(g => g.Key, g => (IReadOnlyList<int>)[.. g.Select(c => c.Samples).Distinct().Order()]);
        for (var seed = 1UL; seed <= (ulong)seeds; seed++)
            foreach (var (recipe, stage) in tables.SelectMany(t => t.Cells).Select(c => (c.Recipe, c.Stage)).Prepend(("sft", "SFT")).Distinct())
            {
                // By the recipes' own seed a stage is the same one for every seed.
                var kinds = StageRun.Of(RecipeOf(recipe), stage, root).ToDictionary(r => r.Stage, r => tournaments.GetValueOrDefault(r.Folder, []));
                var runs = StageRun.Of(RecipeOf(recipe) with { Seed = seed }, stage, Path.Combine(root, $"seed-{seed}")).Select(r => r with { Recipe = r.Recipe with { Evaluation = EvaluationOf(r.Recipe.Stages[0], kinds[r.Stage]) } }).ToList();
                _runs[(seed, recipe, stage)] = runs[^1];
                plan.AddRange(runs.Where(r => !plan.Exists(p => FolderOf(p).Path == FolderOf(r).Path)));
            }
        return plan;
    }

    private Recipe RecipeOf(string name)
    {
        if (!_recipes.TryGetValue(name, out var recipe))
        {
            recipe = RecipeFile.Load(Path.Combine(AppContext.BaseDirectory, "recipes", name + ".yaml"), settings);
            _recipes[name] = recipe = quick ? recipe with { Stages = [.. recipe.Stages.Select(Shortened)] } : recipe;
        }
        return recipe;
    }

    // ReST needs steps that gather and, for each of its thresholds, steps that learn.
    private static StageRecipe Shortened(StageRecipe stage) => stage with
    {
        Steps = stage.Method == StageMethod.Rest ? 2 + stage.Thresholds.Count : Math.Max(2, stage.Steps / QuickShare),
        GrowSteps = Math.Min(stage.GrowSteps, 2),
        CheckpointEvery = Math.Max(1, stage.CheckpointEvery / QuickShare),
        MeasureEvery = 0,
    };

    private EvaluationRecipe? EvaluationOf(StageRecipe stage, IReadOnlyList<int> tournaments) => !stage.Method.IsPolicy() ? null
        : new EvaluationRecipe { Prompts = quick ? QuickPrompts : 0, Baseline = stage.Name, Rejection = tournaments.Count > 0 ? [stage.Name] : [], RejectionSamples = tournaments };

    private RunFolder FolderOf(StageRun run) => new(Path.Combine(root, $"seed-{run.Recipe.Seed}", run.Folder));

    private bool IsFinished(StageRun run) => File.Exists(FolderOf(run).Result);

    private async Task<int> Execute(Session session, StageRun run, CancellationToken cancellation)
    {
        var folder = FolderOf(run);
        var grain = session.Grains.GetGrain<IRunGrain>($"{run.Recipe.Seed}/{run.Folder}");
        await grain.Start(new RunRequest(RecipeFile.Render(run.Recipe), folder.Path));
        await using var stop = cancellation.Register(() => grain.Cancel().Ignore());
        var status = await RunView.Follow(grain.GetStatus, CancellationToken.None);
        switch (status.State)
        {
            case RunState.Completed:
                return Commands.RunExecutor.Succeeded;
            case RunState.Cancelled:
                Console.WriteLine($"stopped in {run.Stage} of seed {run.Recipe.Seed}; the same command goes on from there");
                return Commands.RunExecutor.Cancelled;
            default:
                await Console.Error.WriteLineAsync($"{run.Stage} of seed {run.Recipe.Seed} failed: {status.Message}\nwhat it made is in {folder.Path}; once the cause is mended, the same command goes on from there");
                return Commands.RunExecutor.Failed;
        }
    }

    private void Write(double seconds)
    {
        var baseline = Enumerable.Range(1, seeds).Select(s => Measured(_runs[((ulong)s, "sft", "SFT")]).Answers[1]).ToList();
        var reproduced = tables.Select(t => TableFigures.Of(t, cell => [.. Enumerable.Range(1, seeds).Select(s => Measured(_runs[((ulong)s, cell.Recipe, cell.Stage)]))], baseline)).ToList();
        var recipes = tables.SelectMany(t => t.Cells).Select(c => c.Recipe).Distinct().Order(StringComparer.Ordinal).Select(r => (r, File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "recipes", r + ".yaml")))).ToList();
        AtomicFolder.WriteFile(Path.Combine(root, "tables.json"), TableFigures.ToJson(reproduced));
        AtomicFolder.WriteFile(Path.Combine(root, "report.html"), TablesReport.Render(reproduced, seeds, baseline[0].Gold.Count, seconds, recipes));
        AtomicFolder.WriteFile(Path.Combine(root, "tables.md"), TablesMarkdown.Render(reproduced, seeds, baseline[0].Gold.Count));
        TablesView.Print(reproduced);
        Console.WriteLine($"{seconds / 60:0.0} min; figures: {Path.Combine(root, "tables.json")}, report: {Path.Combine(root, "report.html")}");
    }

    private MeasuredStage Measured(StageRun run)
    {
        var folder = FolderOf(run);
        if (_measured.TryGetValue(folder.Path, out var known))
            return known;
        var result = RunResult.FromJson(File.ReadAllText(folder.Result));
        // A reward model answers nothing.
        var answers = (File.Exists(folder.Answers) ? AnswerRow.Read(folder.Answers) : []).GroupBy(r => r.Samples).ToDictionary(g => g.Key, g =>
        {
            var rows = g.OrderBy(r => r.Prompt).ToList();
            return new MeasuredAnswers([.. rows.Select(r => r.Gold ?? throw new UserError($"{folder.Answers}: prompt {r.Prompt} has no gold score"))],
                rows.Average(r => r.Answer.Split(' ', StringSplitOptions.RemoveEmptyEntries).Length), rows.Average(r => Repetition.Of(r.Answer)));
        });
        return _measured[folder.Path] = new MeasuredStage(result.Judges.FirstOrDefault(j => j.Stage == run.Stage)?.Accuracy, answers, StageBudget.Of(run.Recipe.Stages[0]), result.TotalSeconds);
    }
}
