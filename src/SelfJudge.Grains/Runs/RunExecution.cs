using System.Text.Json;
using SelfJudge.Abstractions;
using SelfJudge.Grains.Training;
using SelfJudge.Modeling.Checkpoints;
using SelfJudge.Modeling.Files;
using SelfJudge.Preferences.Data;
using SelfJudge.Preferences.Methods;
using SelfJudge.Preferences.Randomness;
using SelfJudge.Preferences.Recipes;
using SelfJudge.Preferences.Sampling;
using SelfJudge.Runs.Folders;
using SelfJudge.Runs.Judging;
using SelfJudge.Runs.Logs;
using SelfJudge.Runs.Planning;
using SelfJudge.Runs.Stages;

namespace SelfJudge.Grains.Runs;

/// <summary>One execution of a run, from where its folder stands to its end, its cancellation or its failure.</summary>
internal sealed class RunExecution(string runId, RunRequest request, Recipe recipe, IGrainFactory grains, DataCatalog catalog,
    TimeProvider time, Action<string> warn)
{
    private const int PlayAttempts = 3;

    private static readonly JsonSerializerOptions Json = new()
    {
        WriteIndented = true,
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        RespectNullableAnnotations = true,
        RespectRequiredConstructorParameters = true
    };

    private readonly RunFolder _folder = new(request.Folder);
    private volatile bool _cancelRequested;
    private readonly long _started = time.GetTimestamp();
    private readonly List<string> _warnings = [];
    private double _secondsBefore;
    private List<StageSummary> _finished = [];
    private StageRecipe _stage = recipe.Stages[0];
    private string _activity = recipe.Stages[0].Name;
    private StepOutcome? _last;
    private (long At, int Step, long Tokens) _mark;
    private double _tokensPerSecond, _secondsPerStep;

    public RunRequest Request => request;
    public Recipe Recipe => recipe;
    public bool IsOver { get; set; }
    public bool IsCancelled { get; private set; }

    private ITrainerGrain Trainer => grains.GetGrain<ITrainerGrain>(runId);

    public void Cancel() => _cancelRequested = true;

    public async Task Run()
    {
        try
        {
            await RunStages();
        }
        catch (Exception e)
        {
            // Whatever failed then failed for that, and says so in its own way.
            var isGone = !File.Exists(_folder.Marker);
            // What ended the run is what its user hears of, whatever else fails now.
            await Trainer.Release().ConfigureAwait(
                ConfigureAwaitOptions.ContinueOnCapturedContext | ConfigureAwaitOptions.SuppressThrowing);
            if (isGone)
                throw new RunFolderException(
                    $"the run's folder {_folder.Path} is gone: it was deleted or moved while the run was executed. Where it was moved, go "
                    + $"on with it by 'resume' there ({e.Message})");
            throw;
        }
        finally
        {
            // Its trainer may be on another silo, which has data of its own.
            catalog.Release(runId);
        }
        await Trainer.Release();
    }

    private async Task RunStages()
    {
        AtomicFolder.Clean(_folder.Path);
        AtomicFolder.Clean(_folder.Stages);
        AtomicFolder.WriteFile(_folder.Recipe, RecipeFile.Render(recipe));
        _finished = ReadFinished(_folder, recipe);
        _secondsBefore = _finished.Sum(s => s.Seconds);
        var remaining = recipe.Stages.Skip(_finished.Count).ToList();
        Enter(remaining.FirstOrDefault());
        var data = await catalog.Get(runId, recipe);
        if (recipe.Stages.FirstOrDefault(s => s.Steps == 0) is { } open)
            throw new RecipeException(
                $"stage {open.Name} has epochs but no steps: a run is started with the steps that its data makes of them");
        data.Check(recipe);
        foreach (var note in DataFit.Steps(recipe, data))
            warn(note.Text);
        await TryEndpoints(remaining, data);
        foreach (var stage in remaining)
        {
            Enter(stage);
            if (!await RunStage(stage, data))
            {
                IsCancelled = true;
                return;
            }
        }
        Enter(null);
        await TripletLog.FinishAsync(_folder);
        await new RunEvaluation(runId, request, recipe, _folder, _finished, data, grains).Run(Elapsed);
    }

    // An endpoint that cannot judge is to be heard of now, not when the stages before it have been trained.
    private async Task TryEndpoints(List<StageRecipe> remaining, TrainingData data)
    {
        foreach (var endpoint in remaining.Select(recipe.JudgeOf).Append(recipe.EvaluationJudge()).OfType<JudgeRef.Endpoint>()
            .Select(j => j.At).Distinct())
        {
            using var judge = ChatEndpoint.Judge(endpoint);
            await judge.Judge(data.Prompt(0), "yes .", "no .", CancellationToken.None);
        }
    }

    public RunStatus Status(RunState state, string? message, bool canResume)
    {
        var done = _last?.Step ?? 0;
        double? left = _secondsPerStep > 0 && _activity == _stage.Name ? (_stage.Steps - done) * _secondsPerStep : null;
        var triplets = _finished.Aggregate(_last?.Triplets ?? TripletCounts.None, (sum, s) => sum + s.Triplets);
        return new RunStatus(runId, state, request.Folder, recipe.Name, [.. recipe.Stages.Select(s => s.Name)], _activity,
            recipe.Stages.ToList().IndexOf(_stage), done, _stage.Steps,
            Elapsed(), _tokensPerSecond, left, _last?.Metrics ?? new Dictionary<string, double>(), triplets,
                message ?? (_warnings.Count == 0 ? null : string.Join('\n', _warnings)), canResume);
    }

    // A stage, or after the last of them the evaluation: nothing of what came before is said of it.
    private void Enter(StageRecipe? stage)
    {
        (_stage, _activity) = (stage ?? recipe.Stages[^1], stage?.Name ?? (recipe.Evaluation is null ? "report" : "evaluation"));
        (_last, _tokensPerSecond, _secondsPerStep) = (null, 0, 0);
    }

    // Returns false where the run was cancelled.
    private async Task<bool> RunStage(StageRecipe stage, TrainingData data)
    {
        var opening = await Trainer.OpenStage(new StageAssignment(request, stage.Name));
        _warnings.AddRange(opening.Warnings);
        _secondsBefore += opening.Seconds;
        _mark = (time.GetTimestamp(), opening.StepsDone, 0);
        _last = new StepOutcome(opening.StepsDone, opening.PolicyVersion, new Dictionary<string, double>(), 0, 0, opening.Triplets);
        if (stage.Spec.IsRollout && await Trainer.CheckJudge() is { } warning)
            _warnings.Add(warning);
        if (!await (stage.Spec.IsRollout ? RunRollouts(stage, data, opening) : RunSteps(stage)))
            return false;
        _finished.Add(await Trainer.FinishStage());
        AtomicFolder.WriteFile(_folder.StageResults, JsonSerializer.Serialize(_finished, Json));
        return true;
    }

    private async Task<bool> RunSteps(StageRecipe stage)
    {
        while (_last!.Step < stage.Steps)
        {
            if (_cancelRequested)
                return false;
            Progress(await Trainer.TrainOnData());
        }
        return true;
    }

    // Self-training (section 3.2): the prompts of a step sample, judge and hand over; the trainer steps when all have.
    // The next step's prompts are on their way as soon as the device has this step before it: whatever they ask of the
    // device comes after, so they sample from the new version, and the device does not wait for them.
    private async Task<bool> RunRollouts(StageRecipe stage, TrainingData data, StageOpening opening)
    {
        using var abandon = new CancellationTokenSource();
        try
        {
            var version = opening.PolicyVersion;
            Task? playing = null;
            var last = stage.Spec.SamplingSteps(stage);
            for (var step = _last!.Step + 1; step <= last; step++)
            {
                if (_cancelRequested)
                {
                    await abandon.CancelAsync();
                    return false;
                }
                playing ??= PlayAll(stage, data, opening, step, version, abandon.Token);
                var beginning = Trainer.BeginStep(step, stage.Prompts, abandon.Token);
                await await Task.WhenAny(playing, beginning);
                await playing;
                version = (await beginning).PolicyVersion;
                playing = step < last ? PlayAll(stage, data, opening, step + 1, version, abandon.Token) : null;
                Progress(await Trainer.FinishStep(step));
            }
            return await RunSteps(stage); // what learns from samples gathered before
        }
        catch
        {
            await abandon.CancelAsync();
            throw;
        }
    }

    private Task PlayAll(StageRecipe stage, TrainingData data, StageOpening opening, int step, long version, CancellationToken cancellation)
    {
        var isOnPolicy = stage.Spec.IsOnPolicy;
        var seed = Seeds.Derive(Seeds.Derive(recipe.Seed, $"{stage.Name}/rollout"), step);
        var prior = PriorRequest.Of(stage.Prior, opening.Initial);
        var training = new TripletRequest(runId, stage.Name, opening.Epoch, step, stage.Triplets, version,
            isOnPolicy ? stage.MaxStaleness : null, recipe.Judge.RequireAgreement);
        return FirstFailure.OrAll(Enumerable.Range(0, stage.Prompts).Select(i => Play($"{runId}/{stage.Name}/{i}", new PromptRequest
        {
            Index = i,
            Turns = data.Prompt((long)(step - 1) * stage.Prompts + i),
            PolicyHost = opening.Host,
            PolicyModel = isOnPolicy ? opening.Policy : opening.Initial,
            JudgeHost = opening.Host,
            JudgeModel = opening.FeedbackModel,
            JudgeTemplates = recipe.TemplatesOf(stage),
            Samples = stage.Samples,
            Sampling = recipe.Sampling,
            Seed = Seeds.Derive(seed, i),
            Cohort = recipe.Deterministic ? new Cohort($"{runId}/{stage.Name}/{step}", stage.Prompts, i) : null,
            Training = training,
            Feedback = opening.Feedback,
            AcceptanceBeta = stage.AcceptanceBeta,
            Prior = prior,
        }, cancellation)));
    }

    // A prompt whose silo died is played again: by the same seeds it samples the same, and what the trainer has
    // already it drops. It no longer waits for the others of its batch, which may be done.
    private async Task Play(string key, PromptRequest prompt, CancellationToken cancellation)
    {
        for (var attempt = 1; ; attempt++)
            try
            {
                await grains.GetGrain<IPromptGrain>(key).Play(attempt == 1 ? prompt : prompt with { Cohort = null }, cancellation);
                return;
            }
            catch (Exception e) when (attempt < PlayAttempts && e is OrleansException or TimeoutException)
            {
                await Task.Delay(TimeSpan.FromSeconds(attempt), time, cancellation);
            }
    }

    private void Progress(StepOutcome outcome)
    {
        var now = time.GetTimestamp();
        var seconds = time.GetElapsedTime(_mark.At, now).TotalSeconds;
        var tokens = outcome.Tokens - (_last!.Tokens == 0 ? outcome.Tokens : _last.Tokens);
        if (outcome.Step > _mark.Step && seconds > 0)
        {
            // Smoothed over the last few reports.
            var perStep = seconds / (outcome.Step - _mark.Step);
            _secondsPerStep = _secondsPerStep == 0 || _mark.Step == 0 ? perStep : 0.7 * _secondsPerStep + 0.3 * perStep;
            if (tokens > 0)
                _tokensPerSecond = _tokensPerSecond == 0 ? tokens / seconds : 0.7 * _tokensPerSecond + 0.3 * tokens / seconds;
        }
        _mark = (now, outcome.Step, outcome.Tokens);
        _last = outcome;
    }

    // Of earlier executions, the steps count that are kept.
    private double Elapsed() => _secondsBefore + time.GetElapsedTime(_started).TotalSeconds;

    // Stages are finished in order; what one of them left must still be there, and be what it left.
    internal static List<StageSummary> ReadFinished(RunFolder folder, Recipe recipe)
    {
        if (!File.Exists(folder.StageResults))
            return [];
        List<StageSummary?>? finished;
        try
        {
            finished = JsonSerializer.Deserialize<List<StageSummary?>>(File.ReadAllText(folder.StageResults), Json);
        }
        catch (JsonException e)
        {
            throw Damaged(e.Message);
        }
        if (finished is null || finished.Contains(null))
            throw Damaged("it is no list of stages");
        var kept = finished.OfType<StageSummary>().Zip(recipe.Stages)
            .TakeWhile(p => p.First.Name == p.Second.Name && Directory.Exists(folder.OutputOf(recipe, p.Second))).ToList();
        foreach (var (summary, stage) in kept)
            if (summary.Seal is not null && FolderSeal.HashOf(folder.OutputOf(recipe, stage)) != summary.Seal)
                throw new CheckpointException(
                    $"{folder.OutputOf(recipe, stage)} is not what stage {stage.Name} left, by its {FolderSeal.FileName} and "
                    + $"{folder.StageResults}: put it back, or delete it and {folder.Checkpoints}, and the run goes on from that stage");
        return [.. kept.Select(p => p.First)];

        CheckpointException Damaged(string how) =>
            new($"{folder.StageResults}, which says which stages are finished, is damaged: {how}; put it back from a copy, or delete it "
                + $"and {folder.Checkpoints}, and the run begins anew");
    }
}
