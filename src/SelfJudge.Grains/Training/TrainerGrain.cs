using Microsoft.Extensions.Logging;
using Orleans.Concurrency;
using Orleans.Placement;
using Orleans.Streams;
using Orleans.Streams.Core;
using SelfJudge.Abstractions;
using SelfJudge.Grains.Placement;
using SelfJudge.Grains.Prompts;
using SelfJudge.Modeling.Hosting;
using SelfJudge.Runs.Folders;
using SelfJudge.Runs.Judging;
using SelfJudge.Runs.Logs;
using SelfJudge.Runs.Models;
using SelfJudge.Runs.Stages;

namespace SelfJudge.Grains.Training;

/// <summary>
/// The learner of a run. It gathers the triplets of a step from the stream, makes the step on its silo's model host,
/// and acknowledges to the prompts what is on disk. It writes under an epoch: of two activations, the later one writes.
/// </summary>
[Reentrant, OnModelHost, Immovable, GrainType("trainer"), ImplicitStreamSubscription(TripletStream.Namespace)]
public sealed partial class TrainerGrain(
    [PersistentState("trainer")] IPersistentState<TrainerState> state, IModelHost host, ChatJudges chats, DataCatalog catalog,
        RunInstruments instruments, TrainerGrainOptions options, ILogger<TrainerGrain> logger)
    : Grain, ITrainerGrain, IStreamSubscriptionObserver
{
    private LearnerState _at = LearnerState.Closed;
    private (StageTraining Stage, TripletInbox Inbox)? _open;
    private TaskCompletionSource _changed = new(); // whoever waits for triplets looks again
    private Task _acknowledging = Task.CompletedTask;
    private Task _stepping = Task.CompletedTask;
    private Task _leaving = Task.CompletedTask;
    private Task<StepOutcome>? _outcome; // of the step begun last

    private string Run => this.GetPrimaryKeyString();
    private (StageTraining Stage, TripletInbox Inbox) Open => _open ?? throw new InvalidOperationException($"run {Run} has no open stage");
    private StageTraining Stage => Open.Stage;

    public async Task OnSubscribed(IStreamSubscriptionHandleFactory handleFactory) =>
        await handleFactory.Create<TripletBatch>().ResumeAsync((batch, _) => Receive(batch));

    public async Task<StageOpening> OpenStage(StageAssignment assignment)
    {
        await LeaveStage();
        state.State.Epoch++;
        await state.WriteStateAsync();
        var warnings = new List<string>();
        var stage = await StageTraining.Open(Run, assignment.Run, assignment.Stage, host, chats, catalog, state.State.Epoch, warnings.Add);
        try
        {
            _at = _at.Open(stage.Epoch);
        }
        catch
        {
            await stage.DisposeAsync();
            throw;
        }
        _open = (stage, new TripletInbox(assignment.Stage, stage.Epoch, stage.Progress.Step));
        foreach (var warning in warnings)
            LogWarning(Run, warning);
        var opening = new StageOpening(host.Name, stage.Policy, stage.InitialModel, stage.Progress.Step, stage.PolicyVersion,
            stage.Progress.Triplets, warnings, stage.Progress.Seconds, stage.Feedback.Model, stage.Feedback.Kind, stage.Epoch);
        // Files that came from elsewhere may be ahead of this cluster. If they are deleted, the next epoch is to be a higher one all
        // the same.
        if (opening.Epoch > state.State.Epoch + 1)
        {
            state.State.Epoch = opening.Epoch - 1;
            await state.WriteStateAsync();
        }
        return opening;
    }

    public async Task<string?> CheckJudge()
    {
        var warning = await Stage.CheckJudge();
        if (warning is not null)
            LogWarning(Run, warning);
        return warning;
    }

    public async Task<StepOutcome> TrainOnData()
    {
        var started = host.Time.GetTimestamp();
        var stage = Stage;
        IReadOnlyDictionary<string, double> metrics;
        do
            metrics = await Step(stage, stage.StepOnData());
        while (_at.Epoch == stage.Epoch && !stage.IsDone && host.Time.GetElapsedTime(started) < options.CallLength);
        return Outcome(stage, metrics);
    }

    public async Task<StepBegun> BeginStep(int step, int prompts, CancellationToken cancellation)
    {
        var (stage, inbox) = Open;
        _at = _at.Await(step, prompts, stage.Progress.Step);
        try
        {
            await AllHandedOver(step, prompts, stage.Epoch, inbox, cancellation);
        }
        catch
        {
            _at = _at.GiveUp(stage.Epoch);
            throw;
        }
        var batches = inbox.Take(step);
        _at = _at.Begin();
        var (version, training) = stage.BeginOnTriplets(batches, NewDuplicates(inbox));
        _outcome = End();
        return new StepBegun(step, version);

        async Task<StepOutcome> End()
        {
            var metrics = await Step(stage, training);
            _acknowledging = Acknowledge(batches, stage.Durable);
            return Outcome(stage, metrics);
        }
    }

    public Task<StepOutcome> FinishStep(int step) => _at.Begun == step && _outcome is { } outcome ? outcome
        : throw new InvalidOperationException($"step {step} was never begun");

    public async Task<StageSummary> FinishStage()
    {
        await _acknowledging;
        // The last step's may have come again since.
        var (stage, inbox) = Open;
        stage.Count(TripletCounts.None with { DuplicatesDropped = NewDuplicates(inbox) });
        var summary = await stage.Finish();
        await LeaveStage();
        return summary;
    }

    public async Task Release()
    {
        try
        {
            await LeaveStage();
        }
        finally
        {
            catalog.Release(Run);
            chats.CloseAll(Run);
            await RunModels.UnloadAll(host, Run);
        }
    }

    public async Task<LoadedModel> EnsureLoaded(RunRequest run, string? stage) =>
        new(host.Name, await RunModels.EnsureLoaded(host, this.GetPrimaryKeyString(), RequestedRecipes.Of(run), new RunFolder(run.Folder),
            stage));

    public override Task OnDeactivateAsync(DeactivationReason reason, CancellationToken cancellationToken) => LeaveStage();

    private async Task LeaveStage()
    {
        if (_open is { } open)
        {
            (_at, _open) = (_at.Leave(), null);
            Changed();
            instruments.Forget(Run);
            _leaving = Close(open.Stage);
        }
        var leaving = _leaving;
        try
        {
            await leaving;
        }
        finally
        {
            if (_leaving == leaving)
                _leaving = Task.CompletedTask;
        }
    }

    private async Task Receive(TripletBatch batch)
    {
        // Without an open stage nothing is kept and nothing acknowledged: the prompt sends it again.
        if (_open is not (var stage, var inbox))
            return;
        var arrival = inbox.Add(batch);
        if (arrival == Arrival.Kept && _at.IsComplete(batch.Step, inbox.Arrived(batch.Step)))
            Changed();
        if (LearnerState.IsAnsweredAtOnce(arrival, batch.Step, stage.Progress.Step, stage.Durable.IsCompletedSuccessfully))
            await Acknowledge(batch);
    }

    private async Task AllHandedOver(int step, int prompts, long epoch, TripletInbox inbox, CancellationToken cancellation)
    {
        var started = host.Time.GetTimestamp();
        while (_at.HasToWait(epoch, inbox.Arrived(step)))
        {
            var left = options.TripletTimeout - host.Time.GetElapsedTime(started);
            try
            {
                await _changed.Task.WaitAsync(left > TimeSpan.Zero ? left : TimeSpan.Zero, host.Time, cancellation);
            }
            catch (TimeoutException)
            {
                throw new TimeoutException(
                    $"step {step}: only {inbox.Arrived(step)} of {prompts} prompts handed over their triplets within "
                        + $"{options.TripletTimeout.TotalSeconds:0} s");
            }
        }
        if (_at.Epoch != epoch)
            throw new InvalidOperationException($"step {step}: the stage was left while it waited for triplets");
    }

    private void Changed()
    {
        var changed = _changed;
        _changed = new TaskCompletionSource();
        changed.TrySetResult();
    }

    // A stage is closed behind the step that is under way: what has been trained is logged.
    private async Task Close(StageTraining stage)
    {
        await _stepping.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing | ConfigureAwaitOptions.ContinueOnCapturedContext);
        await stage.DisposeAsync();
    }

    private async Task<IReadOnlyDictionary<string, double>> Step(StageTraining stage, Task<IReadOnlyDictionary<string, double>> step)
    {
        _stepping = step;
        var metrics = await step;
        if (_at.Epoch == stage.Epoch)
            instruments.Record(Run, stage.Stage.Name, metrics);
        return metrics;
    }

    private long NewDuplicates(TripletInbox inbox)
    {
        (_at, var duplicates) = _at.Count(inbox.DuplicatesDropped);
        return duplicates;
    }

    private async Task Acknowledge(IReadOnlyList<TripletBatch> batches, Task durable)
    {
        await durable;
        await Task.WhenAll(batches.Select(Acknowledge));
    }

    // A prompt that does not hear it sends its triplets again, and is told again.
    private async Task Acknowledge(TripletBatch batch)
    {
        try
        {
            await GrainFactory.GetGrain<IPromptGrain>(batch.PromptGrain).Acknowledge(batch.Step, batch.Epoch);
        }
        catch (Exception e) when (e is OrleansException or TimeoutException)
        {
            LogUnacknowledged(e, Run, batch.PromptGrain);
        }
    }

    private static StepOutcome Outcome(StageTraining stage, IReadOnlyDictionary<string, double> metrics) =>
        new(stage.Progress.Step, stage.PolicyVersion, metrics, stage.Progress.Seconds, stage.Progress.Tokens, stage.Progress.Triplets);

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Run}: {Warning}")]
    private partial void LogWarning(string run, string warning);

    [LoggerMessage(Level = LogLevel.Information, Message = "{Run}: {Prompt} did not hear that its triplets have arrived")]
    private partial void LogUnacknowledged(Exception e, string run, string prompt);
}

/// <summary>What outlives a trainer's activation: how many there have been.</summary>
[GenerateSerializer, Alias("sj.TrainerState")]
public sealed class TrainerState
{
    [Id(0)]
    public long Epoch { get; set; }
}

/// <summary>How the trainer waits.</summary>
public sealed record TrainerGrainOptions
{
    /// <summary>For so long a call trains on data before it reports.</summary>
    public TimeSpan CallLength { get; init; } = TimeSpan.FromSeconds(0.5);

    /// <summary>For so long a step waits for the triplets of all its prompts.</summary>
    public TimeSpan TripletTimeout { get; init; } = TimeSpan.FromMinutes(10);
}
