using SelfJudge.Abstractions;
using SelfJudge.Modeling.Checkpoints;
using SelfJudge.Modeling.Hosting;
using SelfJudge.Modeling.Learning;
using SelfJudge.Modeling.Learning.Objectives;
using SelfJudge.Preferences.Data;
using SelfJudge.Preferences.Learning;
using SelfJudge.Preferences.Methods;
using SelfJudge.Preferences.Randomness;
using SelfJudge.Preferences.Recipes;
using SelfJudge.Preferences.Templates;
using SelfJudge.Runs.Folders;
using SelfJudge.Runs.Judging;
using SelfJudge.Runs.Logs;
using SelfJudge.Runs.Models;

namespace SelfJudge.Runs.Stages;

/// <summary>
/// One stage in training: its model on the host, its schedule, its checkpoints and its logs. A step is finished when
/// its checkpoint is on disk, which happens while the next step's samples are drawn.
/// </summary>
internal sealed class StageTraining : IAsyncDisposable
{
    private readonly IModelHost _host;
    private readonly ChatJudges _chats;
    private readonly IPolicyTraining _training;
    private readonly TrainingData _data;
    private readonly StageBatches _batches;
    private readonly LearningRateSchedule _schedule;
    private readonly CheckpointStore _checkpoints;
    private readonly MetricsLog _metrics;
    private readonly TripletLog _triplets;
    private readonly SampleLog _samples;
    private readonly RunFolder _folder;
    private readonly string? _startedFrom;
    private readonly long _stepsBefore;
    private List<(long RunStep, TripletBatch Batch)> _played = []; // since the last checkpoint
    private List<SampleRow> _rewarded = []; // likewise
    private TrainingSnapshot? _snapshot; // the last one, for its arrays
    private (int Step, Task<StepMaterial>? Material) _ahead; // what the next step on data learns from
    private RestImprovement? _improvement;
    private HostTotals _totals;
    private long _stepEnded;

    private StageTraining(Recipe recipe, StageRecipe stage, RunFolder folder, TrainingData data, IModelHost host, ChatJudges chats,
        IPolicyTraining training, string initialModel, StageFeedback feedback, CheckpointStore checkpoints, long epoch,
        string? startedFrom, StageProgress progress)
    {
        (Recipe, Stage, InitialModel, Feedback, Progress) = (recipe, stage, initialModel, feedback, progress);
        (_host, _chats, _training, _data, _folder, _checkpoints, Epoch, _startedFrom, _totals, _stepEnded) =
            (host, chats, training, data, folder, checkpoints, epoch, startedFrom, host.Status.Totals, host.Time.GetTimestamp());
        _batches = new StageBatches(recipe, stage, data, host.EncoderOf(training.Policy));
        _schedule = new LearningRateSchedule(stage.LearningRate, (int)Math.Round(stage.Warmup * stage.Steps), stage.Schedule, stage.Steps);
        _stepsBefore = recipe.Stages.TakeWhile(s => s.Name != stage.Name).Sum(s => (long)s.Steps);
        _metrics = new MetricsLog(folder, stage.Name, RunStep);
        _triplets = new TripletLog(folder, RunStep);
        _samples = new SampleLog(folder, RunStep);
    }

    public Recipe Recipe { get; }
    public StageRecipe Stage { get; }
    public StageProgress Progress { get; private set; }

    /// <summary>The model that the stage started from: the reference, and the judge where no other is named.</summary>
    public string InitialModel { get; }

    /// <summary>What compares or rewards its samples.</summary>
    public StageFeedback Feedback { get; }

    /// <summary>Under which its checkpoints are written.</summary>
    public long Epoch { get; }
    public string Policy => _training.Policy;
    public long PolicyVersion => _host.VersionOf(_training.Policy);
    public bool IsDone => Progress.Step >= Stage.Steps;

    /// <summary>Ends when every step made so far is finished; fails if a checkpoint cannot be written.</summary>
    public Task Durable { get; private set; } = Task.CompletedTask;

    private long RunStep => _stepsBefore + Progress.Step;

    /// <summary>Opens a stage from its newest checkpoint, or anew. <paramref name="warn"/> hears what is amiss and was got over.</summary>
    public static async Task<StageTraining> Open(string runId, RunRequest run, string stageName, IModelHost host, ChatJudges chats,
        DataCatalog catalog, long epochFloor, Action<string> warn)
    {
        var recipe = RequestedRecipes.Of(run);
        var stage = recipe.Stages.Single(s => s.Name == stageName);
        var folder = new RunFolder(run.Folder);
        var data = await catalog.Get(runId, recipe);
        var checkpoints = new CheckpointStore(folder.Checkpoints, recipe.KeepCheckpoints);
        var epoch = checkpoints.TakeOver(epochFloor);
        var initial = await RunModels.EnsureLoaded(host, runId, recipe, folder, stage.From);
        var feedback = await StageFeedback.Open(host, chats, runId, recipe, folder, stage);
        var training = await host.OpenTrainingAsync(StageSpec.Of(runId, recipe, stage, initial), CancellationToken.None);
        try
        {
            var progress = StageProgress.None;
            var startedFrom = stage.From is null ? null
                : FolderSeal.HashOf(folder.OutputOf(recipe, recipe.Stages.Single(s => s.Name == stage.From)));
            if (StageCheckpoint.NewestOf(stageName, startedFrom, recipe, folder, checkpoints, warn) is { } newest)
            {
                progress = StageProgress.FromCounters(newest.State.StageStep, newest.State.Counters);
                if (recipe.Deterministic && newest.State.Workers != host.Workers)
                    warn($"the checkpoint was made by {newest.State.Workers} workers and the run goes on with {host.Workers}: it will not "
                        + $"repeat bit for bit");
                await training.RestoreAsync(newest.Load());
            }
            return new StageTraining(recipe, stage, folder, data, host, chats, training, initial, feedback, checkpoints, epoch,
                startedFrom, progress);
        }
        catch
        {
            await training.DisposeAsync();
            throw;
        }
    }

    /// <summary>
    /// Before its first step, measures what compares or rewards a stage's samples. What was measured goes with the
    /// checkpoints: a stage that goes on does not measure again.
    /// </summary>
    /// <returns>What is to be said of it; null where it is sound.</returns>
    /// <exception cref="JudgeGateException">It is not, and the recipe lets no such judge through.</exception>
    public async Task<string?> CheckJudge()
    {
        if (Progress is { Step: 0, JudgeCheck: null } && Stage.Spec.IsRollout)
        {
            Progress = Progress with { JudgeCheck = await JudgeGate.Measure(_host, _chats, Feedback, Recipe, Stage, _data) };
            (_totals, _stepEnded) = (_host.Status.Totals, _host.Time.GetTimestamp()); // of no step's doing
        }
        return JudgeGate.Verdict(Progress.JudgeCheck, Recipe, Stage);
    }

    /// <summary>The next step of a supervised or offline stage.</summary>
    public async Task<IReadOnlyDictionary<string, double>> StepOnData()
    {
        var (step, rate) = (Progress.Step, _schedule.At(Progress.Step + 1));
        var material = Stage.Spec.IsRollout ? new StepMaterial { Examples = (await Improvement()).Examples(step) } : await Material(step);
        var objective = StepObjectives.Of(Stage, material)
            ?? throw new InvalidOperationException($"stage {Stage.Name}, step {step + 1} has nothing to learn from");
        var report = await Named(_training.StepAsync(objective, rate));
        var figures = Figures(report, rate);
        if (Stage.MeasureEvery > 0 && (step + 1) % Stage.MeasureEvery == 0 && step + 1 < Stage.Steps)
            Add(figures, (await MeasureJudge()).Figures);
        return await Commit(figures, TripletCounts.None, [], []);
    }

    // What a step learns from is a function of the step alone: the next one's is made while the device is at this one.
    private async Task<StepMaterial> Material(int step)
    {
        var material = await (_ahead is { Material: { } prepared } && _ahead.Step == step ? prepared
            : Task.Run(() => _batches.Material(step)));
        _ahead = (step + 1, step + 1 < Stage.Steps ? Task.Run(() => _batches.Material(step + 1)) : null);
        return material;
    }

    /// <summary>
    /// A step on the triplets of its prompts, which the device has before it when the call returns. A step left without
    /// any, because all are identical or stale, changes nothing but counts.
    /// </summary>
    /// <returns>The policy's version once the step is made, and the step.</returns>
    public (long PolicyVersion, Task<IReadOnlyDictionary<string, double>> Step) BeginOnTriplets(IReadOnlyList<TripletBatch> batches,
        long duplicates)
    {
        var (version, rate) = (PolicyVersion, _schedule.At(Progress.Step + 1));
        int? allowed = Stage.Spec.IsOnPolicy ? Stage.MaxStaleness : null;
        var (fresh, stale) = TripletInbox.ByStaleness(batches, version, allowed);
        StepMaterial material = new()
        {
            Pairs = [.. fresh.Select(t => new PreferencePair(t.PromptIds, t.Chosen.Ids, t.Rejected.Ids))],
            Rewarded = [.. batches.Select(b => b.Rewarded.Where(r => allowed is null || version - r.Completion.PolicyVersion <= allowed)
                .Select(r => new RewardedResponse(r.PromptIds, r.Completion.Ids, r.Reward)).ToList())],
        };
        var objective = StepObjectives.Of(Stage, material, Progress.KlCoefficient);
        var training = objective is null ? null : _training.StepAsync(objective, rate);
        return (training is null ? version : version + 1, Finish());

        async Task<IReadOnlyDictionary<string, double>> Finish()
        {
            var figures = training is null ? [] : Figures(await Named(training), rate);
            Add(figures, RolloutFigures.Of(batches, fresh, version));
            Add(figures, RolloutFigures.AsTheOracleSees(fresh));
            if (objective is PpoObjective ppo)
            {
                var next = Ppo.NextKlCoefficient(ppo.KlCoefficient, figures["objective/kl"], ppo.Responses.Count, Stage.Ppo);
                Progress = Progress with { KlCoefficient = next };
            }
            var trained = fresh.ToHashSet<object>(ReferenceEqualityComparer.Instance);
            return await Commit(figures, new TripletCounts(batches.Sum(b => b.Triplets.Count), fresh.Count, stale,
                batches.Sum(b => b.Identical), duplicates, batches.Sum(b => b.Inconsistent)),
                [.. batches.Select(b => b with { Triplets = [.. b.Triplets.Where(trained.Contains)] })], batches);
        }
    }

    // What is not finite stops a run: of which stage and step it was is said with it.
    private async Task<StepReport> Named(Task<StepReport> step)
    {
        try
        {
            return await step;
        }
        catch (ArithmeticException e)
        {
            throw new ArithmeticException($"stage {Stage.Name}, step {Progress.Step + 1}: {e.Message}", e);
        }
    }

    private async Task<RestImprovement> Improvement()
    {
        await Durable; // what was gathered is in the log, or waits for the next checkpoint
        return _improvement ??= new RestImprovement(Recipe, Stage,
            [.. _samples.Read(Stage.Name).Concat(_rewarded)
                .Select(r => new RewardedResponse([.. r.PromptIds], [.. r.ResponseIds], r.Reward))]);
    }

    /// <summary>Waits for the last checkpoint, measures the model as a judge, and writes it out.</summary>
    public async Task<StageSummary> Finish()
    {
        await Durable;
        var pairs = HeldOut(_data.HeldOutPairs);
        var judge = !Stage.Spec.IsMeasured || pairs.Count == 0 ? null : !Stage.Spec.IsPolicy
            ? await JudgeMetrics.MeasureRewards(_host, Policy, pairs) : await MeasureJudge();
        var output = _folder.OutputOf(Recipe, Stage);
        await WriteLastStep();
        if (judge is not null)
            JudgedPairRow.Write(_folder.JudgedPairsOf(Recipe, Stage), pairs, judge.Correct);
        await _host.SaveAsync(Policy, output, BaseModel());
        return new StageSummary(Stage.Name, Progress.Seconds, Progress.Tokens, judge?.Figures ?? new Dictionary<string, double>(),
            Progress.Triplets, output, _host.DescriptionOf(Policy).TrainedParameters, _host.Device, _host.Workers,
            FolderSeal.HashOf(output), Progress.JudgeCheck?.ToFigures());
    }

    // Before the model itself, so that a stage that counts as finished has it.
    private async Task WriteLastStep()
    {
        if (!Stage.Spec.LearnsPreferences)
            return;
        IReadOnlyList<LastStepRow> rows = Stage.Spec.IsRollout
            ? [.. TripletLog.ReadLastStep(_folder, Stage.Name).Select(LastStepRow.Of)]
            : [.. _batches.OfflineExamples(Stage.Steps - 1)
                .Zip(_batches.Offline(Stage.Steps - 1), (e, p) => LastStepRow.Of(RunStep, Stage, e, p))];
        if (rows.Count > 0)
            await LastStepRow.Write(_folder.LastStepOf(Recipe, Stage), rows, _host, Policy, InitialModel);
    }

    /// <summary>Counts what came to light outside a step.</summary>
    public void Count(TripletCounts triplets) => Progress = Progress with { Triplets = Progress.Triplets + triplets };

    public async ValueTask DisposeAsync()
    {
        await Durable.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        // On a full disk the logs cannot end well, and the model is to be freed all the same.
        try
        {
            await _metrics.DisposeAsync();
        }
        finally
        {
            _triplets.Dispose();
            _samples.Dispose();
            await _training.DisposeAsync();
        }
    }

    /// <summary>Counts the step, and on a checkpoint step hands a snapshot to the disk, which has until the next one.</summary>
    private async Task<IReadOnlyDictionary<string, double>> Commit(Dictionary<string, double> figures, TripletCounts triplets,
        IReadOnlyList<TripletBatch> trained, IReadOnlyList<TripletBatch> sampled)
    {
        var totals = _host.Status.Totals;
        var seconds = _host.Time.GetElapsedTime(_stepEnded).TotalSeconds;
        _stepEnded = _host.Time.GetTimestamp();
        Add(figures, HostFigures.Of(_totals, totals, seconds));
        figures["policy/version"] = PolicyVersion;
        figures["step_time"] = seconds;
        Progress = Progress with
        {
            Step = Progress.Step + 1,
            Seconds = Progress.Seconds + seconds,
            Tokens = Progress.Tokens + HostFigures.Tokens(_totals, totals),
            Triplets = Progress.Triplets + triplets
        };
        _totals = totals;
        // Before the checkpoint: whatever kills the process, what a checkpoint holds is logged.
        _metrics.Write(new MetricsRow(RunStep, Stage.Name, Progress.Step, figures));
        _played.AddRange(trained.Select(b => (RunStep, b)));
        if (Stage.Spec.IsRewarded)
            _rewarded.AddRange(sampled.SelectMany(b => b.Rewarded.Select(r => SampleRow.Of(RunStep, b, r))));
        if (Progress.Step % Stage.CheckpointEvery == 0 || IsDone)
        {
            await Durable; // from here on nobody reads the snapshot before
            var snapshot = _snapshot = await _training.SnapshotAsync(_snapshot);
            var state = new CheckpointState(RunStep, Stage.Name, Progress.Step, Epoch, _host.Workers,
                Progress.ToCounters())
            { StartedFrom = _startedFrom };
            var (played, rewarded) = (_played, _rewarded);
            (_played, _rewarded) = ([], []);
            Durable = Task.Run(() =>
            {
                _samples.Write(rewarded);
                // The journal is never behind a checkpoint; what is ahead of it, a resumed run drops.
                _triplets.Write([.. played.SelectMany(p => p.Batch.Triplets.Select(t => TripletRow.Of(p.RunStep, p.Batch, t)))]);
                _checkpoints.Write(state, snapshot);
            });
        }
        return figures;
    }

    private static Dictionary<string, double> Figures(StepReport report, double learningRate) => new(report.Metrics)
    {
        ["loss"] = report.Loss,
        ["grad_norm"] = report.GradientNorm,
        ["learning_rate"] = learningRate,
    };

    private async Task<MeasuredJudge> MeasureJudge()
    {
        JudgeTemplate[] templates = [.. Recipe.TemplatesOf(Stage).Select(JudgeTemplate.ByName)];
        var judge = await JudgeMetrics.Measure(_host, Policy, HeldOut(_data.HeldOutPairs), templates);
        var figures = new Dictionary<string, double>(judge.Figures);
        Add(figures, await JudgeMetrics.MeasureByPrinciple(_host, Policy, p => HeldOut(_data.HeldOutPairsFor(p)), templates));
        return judge with { Figures = figures };
    }

    private IReadOnlyList<PreferenceExample> HeldOut(IReadOnlyList<PreferenceExample> pairs) =>
        HeldOutSample.Of(pairs, Recipe.JudgedPairs ?? int.MaxValue, Seeds.Derive(Recipe.Seed, "held-out pairs"));

    // What an adapter says that it stands on.
    private string BaseModel() =>
        Path.GetFullPath(Recipe.BaseOf(Stage) is { } from ? _folder.OutputOf(Recipe, Recipe.Stages.Single(s => s.Name == from))
            : Recipe.Model.Path ?? _folder.Path);

    private static void Add(Dictionary<string, double> figures, IEnumerable<KeyValuePair<string, double>> more)
    {
        foreach (var (name, value) in more)
            figures[name] = value;
    }
}
