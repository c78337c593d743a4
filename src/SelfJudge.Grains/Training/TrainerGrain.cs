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
    private StageTraining? _stage;
    private TripletInbox? _inbox;
    private TaskCompletionSource _arrival = new();
    private (int Step, int Prompts) _awaited; // what the step that waits for triplets needs
    private Task _acknowledging = Task.CompletedTask;
    private Task _stepping = Task.CompletedTask;
    private Task _leaving = Task.CompletedTask;
    private long _duplicatesCounted;
    private (int Step, Task<StepOutcome> Outcome) _begun =
        (0, Task.FromException<StepOutcome>(new InvalidOperationException("no step was begun")));

    private string Run => this.GetPrimaryKeyString();
    private StageTraining Stage => _stage ?? throw new InvalidOperationException($"run {Run} has no open stage");

    public async Task OnSubscribed(IStreamSubscriptionHandleFactory handleFactory) =>
        await handleFactory.Create<TripletBatch>().ResumeAsync((batch, _) => Receive(batch));

    public async Task<StageOpening> OpenStage(StageAssignment assignment)
    {
        await LeaveStage();
        state.State.Epoch++;
        await state.WriteStateAsync();
        var warnings = new List<string>();
        _stage = await StageTraining.Open(Run, assignment.Run, assignment.Stage, host, chats, catalog, state.State.Epoch, warnings.Add);
        _inbox = new TripletInbox(assignment.Stage, _stage.Epoch, _stage.Progress.Step);
        _duplicatesCounted = 0;
        foreach (var warning in warnings)
            LogWarning(Run, warning);
        var opening = new StageOpening(host.Name, _stage.Policy, _stage.InitialModel, _stage.Progress.Step, _stage.PolicyVersion,
            _stage.Progress.Triplets,
            warnings, _stage.Progress.Seconds, _stage.Evaluator.Model, _stage.Evaluator.Kind, _stage.Epoch);
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
        var started = TimeProvider.System.GetTimestamp();
        var stage = Stage;
        IReadOnlyDictionary<string, double> metrics;
        do
            metrics = await Step(stage, stage.StepOnData());
        while (stage == _stage && !stage.IsDone && TimeProvider.System.GetElapsedTime(started) < options.CallLength);
        return Outcome(stage, metrics);
    }

    public async Task<StepBegun> BeginStep(int step, int prompts, CancellationToken cancellation)
    {
        var (stage, inbox) = (Stage, _inbox!);
        if (step != stage.Progress.Step + 1)
            throw new InvalidOperationException($"step {step} was asked for, but the stage is at step {stage.Progress.Step}");
        var started = TimeProvider.System.GetTimestamp();
        _awaited = (step, prompts);
        try
        {
            while (inbox == _inbox && inbox.Arrived(step) < prompts)
                await _arrival.Task.WaitAsync(options.TripletTimeout - TimeProvider.System.GetElapsedTime(started), cancellation);
        }
        catch (Exception e) when (e is TimeoutException or ArgumentOutOfRangeException)
        {
            throw new TimeoutException(
                $"step {step}: only {inbox.Arrived(step)} of {prompts} prompts handed over their triplets within "
                + $"{options.TripletTimeout.TotalSeconds:0} s");
        }
        if (inbox != _inbox)
            throw new InvalidOperationException($"step {step}: the stage was left while it waited for triplets");
        var batches = inbox.Take(step);
        var (version, training) = stage.BeginOnTriplets(batches, NewDuplicates(inbox));
        _begun = (step, End());
        return new StepBegun(step, version);

        async Task<StepOutcome> End()
        {
            var metrics = await Step(stage, training);
            _acknowledging = Acknowledge(batches, stage.Durable);
            return Outcome(stage, metrics);
        }
    }

    public Task<StepOutcome> FinishStep(int step) => _begun.Step == step ? _begun.Outcome
        : throw new InvalidOperationException($"step {step} was never begun");

    public async Task<StageSummary> FinishStage()
    {
        await _acknowledging;
        // The last step's may have come again since.
        Stage.Count(TripletCounts.None with { DuplicatesDropped = NewDuplicates(_inbox!) });
        var summary = await Stage.Finish();
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
        if (_stage is { } stage)
        {
            (_stage, _inbox) = (null, null);
            Arrived(); // whoever waits for triplets sees that the stage is gone
            instruments.Forget(Run);
            _leaving = Close(stage);
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
        var arrival = _inbox?.Add(batch);
        // Stages and their openings come one after the other: nobody asks for an earlier one's triplets any more.
        if (arrival == Arrival.OtherStage || arrival == Arrival.Duplicate && batch.Step <= Stage.Progress.Step
            && Stage.Durable.IsCompletedSuccessfully)
            await Acknowledge(batch);
        if (arrival == Arrival.Kept && batch.Step == _awaited.Step && _inbox!.Arrived(batch.Step) >= _awaited.Prompts)
            Arrived();
    }

    private void Arrived()
    {
        var arrival = _arrival;
        _arrival = new TaskCompletionSource();
        arrival.TrySetResult();
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
        if (stage == _stage)
            instruments.Record(Run, stage.Stage.Name, metrics);
        return metrics;
    }

    private long NewDuplicates(TripletInbox inbox)
    {
        var duplicates = inbox.DuplicatesDropped - _duplicatesCounted;
        _duplicatesCounted = inbox.DuplicatesDropped;
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
