using Microsoft.Extensions.Logging;
using Orleans.Concurrency;
using Orleans.Placement;
using Orleans.Streams;
using Orleans.Streams.Core;
using SelfJudge.Abstractions;
using SelfJudge.Grains.Placement;
using SelfJudge.Grains.Prompts;
using SelfJudge.Grains.Runs;
using SelfJudge.Modeling.Hosting;
using SelfJudge.Preferences.Recipes;

namespace SelfJudge.Grains.Training;

/// <summary>
/// The learner of a run. It gathers the triplets of a step from the stream, makes the step on its silo's model host,
/// and acknowledges to the prompts what is on disk. It writes under an epoch: of two activations, the later one writes.
/// </summary>
[Reentrant, OnModelHost, Immovable, GrainType("trainer"), ImplicitStreamSubscription(TripletStream.Namespace)]
public sealed partial class TrainerGrain(
    [PersistentState("trainer")] IPersistentState<TrainerState> state, IModelHost host, DataCatalog catalog, TrainerGrainOptions options, ILogger<TrainerGrain> logger)
    : Grain, ITrainerGrain, IStreamSubscriptionObserver
{
    private StageTraining? _stage;
    private TripletInbox? _inbox;
    private TaskCompletionSource _arrival = NewArrival();
    private Task _acknowledging = Task.CompletedTask;
    private long _duplicatesCounted;

    private StageTraining Stage => _stage ?? throw new InvalidOperationException($"run {this.GetPrimaryKeyString()} has no open stage");

    public async Task OnSubscribed(IStreamSubscriptionHandleFactory handleFactory) => await handleFactory.Create<TripletBatch>().ResumeAsync((batch, _) => Receive(batch));

    public async Task<StageOpening> OpenStage(StageAssignment assignment)
    {
        await LeaveStage();
        state.State.Epoch++;
        await state.WriteStateAsync();
        var warnings = new List<string>();
        _stage = await StageTraining.Open(this.GetPrimaryKeyString(), assignment.Run, assignment.Stage, host, catalog, state.State.Epoch, warnings.Add);
        _inbox = new TripletInbox(assignment.Stage, _stage.Progress.Step);
        _duplicatesCounted = 0;
        foreach (var warning in warnings)
            LogWarning(this.GetPrimaryKeyString(), warning);
        return new StageOpening(host.Name, _stage.Policy, _stage.InitialModel, _stage.Progress.Step, _stage.PolicyVersion, _stage.Progress.Triplets, warnings, _stage.Progress.Seconds);
    }

    public async Task<StepOutcome> TrainOnData()
    {
        var started = TimeProvider.System.GetTimestamp();
        IReadOnlyDictionary<string, double> metrics;
        do
            metrics = await Stage.StepOnData();
        while (!Stage.IsDone && TimeProvider.System.GetElapsedTime(started) < options.CallLength);
        return Outcome(metrics);
    }

    public async Task<StepOutcome> TrainOnTriplets(int step, int prompts, CancellationToken cancellation)
    {
        if (step != Stage.Progress.Step + 1)
            throw new InvalidOperationException($"step {step} was asked for, but the stage is at step {Stage.Progress.Step}");
        var inbox = _inbox!;
        var started = TimeProvider.System.GetTimestamp();
        try
        {
            while (inbox.Arrived(step) < prompts)
                await _arrival.Task.WaitAsync(options.TripletTimeout - TimeProvider.System.GetElapsedTime(started), cancellation);
        }
        catch (Exception e) when (e is TimeoutException or ArgumentOutOfRangeException)
        {
            throw new TimeoutException($"step {step}: only {inbox.Arrived(step)} of {prompts} prompts handed over their triplets within {options.TripletTimeout.TotalSeconds:0} s");
        }
        var batches = inbox.Take(step);
        var duplicates = inbox.DuplicatesDropped - _duplicatesCounted;
        _duplicatesCounted = inbox.DuplicatesDropped;
        var metrics = await Stage.StepOnTriplets(batches, duplicates);
        _acknowledging = Acknowledge(batches, Stage.Durable);
        return Outcome(metrics);
    }

    public async Task<StageSummary> FinishStage()
    {
        await _acknowledging;
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
            await RunModels.UnloadAll(host, this.GetPrimaryKeyString());
        }
    }

    public async Task<LoadedModel> EnsureLoaded(RunRequest run, string? stage) =>
        new(host.Name, await RunModels.EnsureLoaded(host, this.GetPrimaryKeyString(), RecipeFile.Parse(run.Recipe, "recipe.yaml"), new RunFolder(run.Folder), stage));

    public override Task OnDeactivateAsync(DeactivationReason reason, CancellationToken cancellationToken) => LeaveStage();

    private async Task LeaveStage()
    {
        if (_stage is not { } stage)
            return;
        (_stage, _inbox) = (null, null);
        await stage.DisposeAsync();
    }

    private async Task Receive(TripletBatch batch)
    {
        // Without an open stage nothing is kept and nothing acknowledged: the prompt sends it again.
        var arrival = _inbox?.Add(batch);
        if (arrival == Arrival.Duplicate && batch.Step <= Stage.Progress.Step && Stage.Durable.IsCompletedSuccessfully)
            await GrainFactory.GetGrain<IPromptGrain>(batch.PromptGrain).Acknowledge();
        if (arrival == Arrival.Kept)
        {
            _arrival.TrySetResult();
            _arrival = NewArrival();
        }
    }

    private async Task Acknowledge(IReadOnlyList<TripletBatch> batches, Task durable)
    {
        await durable;
        await Task.WhenAll(batches.Select(b => GrainFactory.GetGrain<IPromptGrain>(b.PromptGrain).Acknowledge()));
    }

    private StepOutcome Outcome(IReadOnlyDictionary<string, double> metrics) =>
        new(Stage.Progress.Step, Stage.PolicyVersion, metrics, Stage.Progress.Seconds, Stage.Progress.Tokens, Stage.Progress.Triplets);

    private static TaskCompletionSource NewArrival() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Run}: {Warning}")]
    private partial void LogWarning(string run, string warning);
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
