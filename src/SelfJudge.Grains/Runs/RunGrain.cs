using Microsoft.Extensions.Logging;
using Orleans.Concurrency;
using SelfJudge.Abstractions;
using SelfJudge.Preferences.Recipes;
using SelfJudge.Runs.Folders;
using SelfJudge.Runs.Stages;

namespace SelfJudge.Grains.Runs;

/// <summary>
/// A run: it carries its recipe out stage by stage, and knows where it stands. What counts is in the run's folder;
/// started again on the same folder, by whatever process, it goes on from its last durable step.
/// </summary>
[Reentrant, GrainType("run")]
public sealed partial class RunGrain([PersistentState("run")] IPersistentState<RunGrainState> state, DataCatalog catalog, TimeProvider time,
    ILogger<RunGrain> logger) : Grain, IRunGrain
{
    private static readonly TimeSpan KeepAlivePeriod = TimeSpan.FromMinutes(1);

    private RunExecution? _execution;
    private IGrainTimer? _keepAlive;
    private Task _recording = Task.CompletedTask;

    public async Task Start(RunRequest request)
    {
        var (recipe, folder) = (RequestedRecipes.Check(request), new RunFolder(request.Folder));
        if (_execution is { IsOver: false } running)
        {
            if (RunId.RealPath(running.Request.Folder) != RunId.RealPath(request.Folder))
                throw new RunFolderException(
                    $"run {this.GetPrimaryKeyString()} is being executed in {running.Request.Folder}, not in {request.Folder}: start the "
                    + $"other one under another id");
            if (RecipeFile.Render(running.Recipe) != RecipeFile.Render(recipe))
                throw new RunFolderException(
                    $"run {this.GetPrimaryKeyString()} is being executed in {request.Folder} by another recipe: wait for its end, or "
                    + $"start the other recipe in another folder");
            return;
        }
        RunMarker.Claim(folder, RunMarker.Run);
        if (File.Exists(folder.Recipe) && RecipeFile.Render(RecipeFile.LoadOfRun(folder.Recipe)) != RecipeFile.Render(recipe))
            throw new RunFolderException(
                $"{request.Folder} holds a run of another recipe: start this one in another folder, or go on with that one by 'resume "
                + $"{request.Folder}'");
        // Taken before the first wait, so that a second call that comes meanwhile finds it.
        var execution = _execution = new RunExecution(this.GetPrimaryKeyString(), request, recipe, GrainFactory, catalog, time, warning =>
            LogWarning(this.GetPrimaryKeyString(), warning));
        state.State.Request = request;
        try
        {
            await Record(RunState.Running, null);
        }
        catch
        {
            execution.IsOver = true;
            throw;
        }
        // A run outlasts any call. It goes on in this activation's turns, and the timer keeps the activation.
        _keepAlive = this.RegisterGrainTimer(() =>
            Task.CompletedTask, new GrainTimerCreationOptions(KeepAlivePeriod, KeepAlivePeriod) { KeepAlive = true });
        Execute(execution).Ignore();
    }

    public async Task Cancel()
    {
        if (_execution is not { IsOver: false })
            return;
        _execution.Cancel();
        await Record(RunState.Cancelling, null);
    }

    public Task<RunStatus> GetStatus() => Task.FromResult(
        _execution?.Status(state.State.State, state.State.Message, !state.State.IsRecipesFault)
        ?? new RunStatus(this.GetPrimaryKeyString(), state.State.State, state.State.Request?.Folder ?? "", "", [], "", 0, 0, 0, 0, 0, null,
            new Dictionary<string, double>(), TripletCounts.None, state.State.Message, !state.State.IsRecipesFault));

    public async Task<string?> GetResult()
    {
        var path = state.State.Request is { } request ? new RunFolder(request.Folder).Result : null;
        return path is not null && File.Exists(path) ? await File.ReadAllTextAsync(path) : null;
    }

    private async Task Execute(RunExecution execution)
    {
        RunState reached;
        Exception? failure = null;
        try
        {
            await execution.Run();
            reached = execution.IsCancelled ? RunState.Cancelled : RunState.Completed;
        }
#pragma warning disable CA1031 // Whatever ended the run is the run's state, and is logged.
        catch (Exception e)
#pragma warning restore CA1031
        {
            LogFailed(e, this.GetPrimaryKeyString());
            (reached, failure) = (RunState.Failed, e);
        }
        // From here on there is nothing to cancel: no later word may stand over the end that was reached.
        execution.IsOver = true;
        _keepAlive?.Dispose();
        await Record(reached, failure);
    }

    private Task Record(RunState reached, Exception? failure)
    {
        // What is no number comes out of the same recipe again, as a judge does that its gate keeps out.
        (state.State.State, state.State.Message, state.State.IsRecipesFault) =
            (reached, failure?.Message, failure is JudgeGateException or ArithmeticException);
        return _recording = WriteAfter(_recording);
    }

    // Calls interleave, and of two writes at once storage would refuse the second.
    private async Task WriteAfter(Task earlier)
    {
        await earlier.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing | ConfigureAwaitOptions.ContinueOnCapturedContext);
        await state.WriteStateAsync();
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Run}: {Warning}")]
    private partial void LogWarning(string run, string warning);

    [LoggerMessage(Level = LogLevel.Error, Message = "run {Run} failed")]
    private partial void LogFailed(Exception e, string run);
}

/// <summary>What outlives a run's activation.</summary>
[GenerateSerializer, Alias("sj.RunGrainState")]
public sealed class RunGrainState
{
    [Id(0)]
    public RunRequest? Request { get; set; }
    [Id(1)]
    public RunState State { get; set; }
    [Id(2)]
    public string? Message { get; set; }
    [Id(3)]
    public bool IsRecipesFault { get; set; }
}
