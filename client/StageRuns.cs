using SelfJudge.Abstractions;
using SelfJudge.Client.Commands;
using SelfJudge.Preferences.Evaluation;
using SelfJudge.Preferences.Methods;
using SelfJudge.Preferences.Recipes;
using SelfJudge.Preferences.Statistics;
using SelfJudge.Runs.Folders;
using SelfJudge.Runs.Logs;
using SelfJudge.Runs.Stages;
using SelfJudge.World.Reproduction;

namespace SelfJudge.Client;

/// <summary>Runs of one stage each, which are made once and measured where they lie.</summary>
/// <param name="root">Holds <c>seed-K/</c> with the runs' folders.</param>
/// <param name="quick">A fortieth of the steps.</param>
/// <param name="settings">Put on top of every recipe.</param>
internal sealed class StageRuns(string root, bool quick, IReadOnlyList<string> settings)
{
    private const int QuickShare = 40;

    private readonly Dictionary<string, Recipe> _recipes = new(StringComparer.Ordinal);
    private readonly Dictionary<string, MeasuredStage> _measured = new(StringComparer.Ordinal);

    /// <summary>In what these runs are not the recipes'; empty where they are.</summary>
    public string Departs => (quick ? "--quick: a fortieth of the steps; these figures mean nothing. " : "")
        + string.Join(" ", settings.Select(s => $"--set {s}"));

    /// <summary>A recipe of the paper's methods by the name of its file.</summary>
    public Recipe RecipeOf(string name)
    {
        if (!_recipes.TryGetValue(name, out var recipe))
        {
            recipe = RunRecipe.Load(ShippedRecipes.PathOf(name), null, [], [], settings).Recipe;
            _recipes[name] = recipe = quick ? recipe with { Stages = [.. recipe.Stages.Select(Shortened)] } : recipe;
        }
        return recipe;
    }

    /// <summary>The runs that a stage needs by one seed, its own last.</summary>
    public IReadOnlyList<StageRun> Of(Recipe recipe, string stage, ulong seed) =>
        StageRun.Of(recipe with { Seed = seed }, stage, SeedFolder(seed));

    public RunFolder FolderOf(StageRun run) => new(Path.Combine(SeedFolder(run.Recipe.Seed), run.Folder));

    public bool IsFinished(StageRun run) => File.Exists(FolderOf(run).Result);

    /// <summary>Makes what is not finished yet, in the order given. Returns an exit code.</summary>
    public async Task<int> Execute(IReadOnlyList<StageRun> plan, bool verbose, CancellationToken cancellation)
    {
        var started = TimeProvider.System.GetTimestamp();
        var left = plan.Where(r => !IsFinished(r)).ToList();
        if (left.Count == 0)
            return RunExecutor.Succeeded;
        using var held = FolderLock.Take(new RunFolder(root), RunMarker.Runs);
        await using var session = await Session.Embed(DeviceChoice.Default, verbose);
        Console.WriteLine($"dashboard {session.Dashboard}");
        foreach (var (i, run) in left.Index())
        {
            Console.WriteLine($"[{i + 1}/{left.Count}, {TimeProvider.System.GetElapsedTime(started).TotalMinutes:0.0} min] seed "
                + $"{run.Recipe.Seed}: {run.Stage}");
            if (await Execute(session, run, cancellation) is not RunExecutor.Succeeded and var code)
                return code;
        }
        return RunExecutor.Succeeded;
    }

    /// <summary>What a finished run measured.</summary>
    public MeasuredStage Measured(StageRun run)
    {
        var folder = FolderOf(run);
        if (_measured.TryGetValue(folder.Path, out var known))
            return known;
        var result = RunResult.Load(folder.Result);
        // A reward model answers nothing.
        var answers = (File.Exists(folder.Answers) ? AnswerRow.Read(folder.Answers) : []).GroupBy(r => r.Samples)
            .ToDictionary(g => g.Key, g =>
        {
            var rows = g.OrderBy(r => r.Prompt).ToList();
            return new MeasuredAnswers(
                [.. rows.Select(r => r.Gold ?? throw new UserError($"{folder.Answers}: prompt {r.Prompt} has no gold score"))],
                [.. rows.Select(r => (double)r.Answer.Split(' ', StringSplitOptions.RemoveEmptyEntries).Length)],
                    [.. rows.Select(r => Repetition.Of(r.Answer))]);
        });
        var judged = folder.JudgedPairsOf(run.Recipe, run.Recipe.Stages[0]);
        return _measured[folder.Path] = new MeasuredStage(File.Exists(judged)
            ? [.. JudgedPairRow.Read(judged).OrderBy(r => r.Pair).Select(r => r.Correct)] : [], answers,
            StageBudget.Of(run.Recipe.Stages[0]), result.TotalSeconds,
            [.. MetricsLog.Read(folder.Metrics).Where(m => m.Values.ContainsKey(RolloutFigures.OracleAgreement)).OrderBy(m => m.StageStep)
                .Select(m => m.Values[RolloutFigures.OracleAgreement])]);
    }

    private async Task<int> Execute(Session session, StageRun run, CancellationToken cancellation)
    {
        var folder = FolderOf(run);
        var grain = session.Grains.GetGrain<IRunGrain>(folder.Id);
        await grain.Start(new RunRequest(RecipeFile.Render(run.Recipe), folder.Path));
        using var stop = new RunStop(grain, folder, cancellation);
        var status = await RunView.Follow(grain.GetStatus, CancellationToken.None);
        switch (status.State)
        {
            case RunState.Completed:
                return RunExecutor.Succeeded;
            case RunState.Cancelled:
                Console.WriteLine($"stopped in {run.Stage} of seed {run.Recipe.Seed}; the same command goes on from there");
                return RunExecutor.Cancelled;
            default:
                await Console.Error.WriteLineAsync(
                    $"{run.Stage} of seed {run.Recipe.Seed} failed: {status.Message}\nwhat it made is in {folder.Path}; "
                    + (status.CanResume ? "once the cause is mended, the same command goes on from there"
                        : "the same command would fail again: give it other settings with --set"));
                return RunExecutor.Failed;
        }
    }

    private string SeedFolder(ulong seed) => Path.Combine(root, $"seed-{seed}");

    private static StageRecipe Shortened(StageRecipe stage) => stage with
    {
        Steps = Math.Max(stage.Spec.FewestSteps(stage), stage.Steps / QuickShare),
        GrowSteps = Math.Min(stage.GrowSteps, 2),
        CheckpointEvery = Math.Max(1, stage.CheckpointEvery / QuickShare),
    };
}
