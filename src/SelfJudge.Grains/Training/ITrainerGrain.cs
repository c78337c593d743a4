using SelfJudge.Abstractions;

namespace SelfJudge.Grains.Training;

/// <summary>The one learner of a run. Its key is the run's id, and it lives where a model host is.</summary>
[Alias("sj.ITrainerGrain")]
public interface ITrainerGrain : IGrainWithStringKey
{
    /// <summary>Opens a stage, from its newest checkpoint if it has one, and takes over the run's checkpoints: no earlier activation can
    /// write any more.</summary>
    [Alias("OpenStage"), ResponseTimeout("00:10:00")]
    Task<StageOpening> OpenStage(StageAssignment assignment);

    /// <summary>Measures the stage's judge on held-out pairs before the first step; once. Says what is to be said of it, or null; fails
    /// where the recipe lets no such judge through.</summary>
    [Alias("CheckJudge"), ResponseTimeout("02:00:00")]
    Task<string?> CheckJudge();

    /// <summary>Makes the next steps of a supervised or offline stage, for about half a second and at least one.</summary>
    [Alias("TrainOnData"), ResponseTimeout("00:10:00")]
    Task<StepOutcome> TrainOnData();

    /// <summary>
    /// Waits for the triplets of <paramref name="prompts"/> prompts of a step, then hands the step to the device. What is
    /// asked of the device from then on comes after it.
    /// </summary>
    [Alias("BeginStep"), ResponseTimeout("00:20:00")]
    Task<StepBegun> BeginStep(int step, int prompts, CancellationToken cancellation);

    /// <summary>The end of the step that was begun.</summary>
    [Alias("FinishStep"), ResponseTimeout("00:20:00")]
    Task<StepOutcome> FinishStep(int step);

    /// <summary>Measures the stage's judge, writes its model, and closes it.</summary>
    [Alias("FinishStage"), ResponseTimeout("00:10:00")]
    Task<StageSummary> FinishStage();

    /// <summary>The run is over, or stops here: closes the open stage where it stands and frees the run's models on the host. Its folder
    /// keeps everything.</summary>
    [Alias("Release"), ResponseTimeout("00:10:00")]
    Task Release();

    /// <summary>Loads the model that a finished stage left, or that the run starts from where <paramref name="stage"/> is null.</summary>
    /// <returns>Its id on the model host.</returns>
    [Alias("EnsureLoaded"), ResponseTimeout("00:10:00")]
    Task<LoadedModel> EnsureLoaded(RunRequest run, string? stage);
}

/// <summary>A stage to be trained.</summary>
[GenerateSerializer, Immutable, Alias("sj.StageAssignment")]
public sealed record StageAssignment([property: Id(0)] RunRequest Run, [property: Id(1)] string Stage);

/// <summary>How a stage was opened.</summary>
/// <param name="Host">The name of the model host that trains.</param>
/// <param name="Policy">The id of the model in training.</param>
/// <param name="Initial">The id of the model that it started from: reference, and judge.</param>
/// <param name="StepsDone">Steps that its checkpoint holds.</param>
/// <param name="Warnings">What was amiss and was got over.</param>
/// <param name="Seconds">Spent on the steps done.</param>
/// <param name="FeedbackModel">The id of the model that judges or rewards samples.</param>
/// <param name="Feedback">How it does.</param>
/// <param name="Epoch">Under which the trainer writes, higher than that of any opening before. Triplets that another one asked for are not
/// learned from.</param>
[GenerateSerializer, Immutable, Alias("sj.StageOpening")]
public sealed record StageOpening(
    [property: Id(0)] string Host,
    [property: Id(1)] string Policy,
    [property: Id(2)] string Initial,
    [property: Id(3)] int StepsDone,
    [property: Id(4)] long PolicyVersion,
    [property: Id(5)] TripletCounts Triplets,
    [property: Id(6)] IReadOnlyList<string> Warnings,
    [property: Id(7)] double Seconds,
    [property: Id(8)] string FeedbackModel,
    [property: Id(9)] FeedbackKind Feedback,
    [property: Id(10)] long Epoch);

/// <summary>A step that the device has before it.</summary>
/// <param name="PolicyVersion">The policy's version once it is made.</param>
[GenerateSerializer, Immutable, Alias("sj.StepBegun")]
public sealed record StepBegun([property: Id(0)] int Step, [property: Id(1)] long PolicyVersion);

/// <summary>What a call of the trainer has done.</summary>
/// <param name="Step">The last step made.</param>
[GenerateSerializer, Immutable, Alias("sj.StepOutcome")]
public sealed record StepOutcome(
    [property: Id(0)] int Step,
    [property: Id(1)] long PolicyVersion,
    [property: Id(2)] IReadOnlyDictionary<string, double> Metrics,
    [property: Id(3)] double Seconds,
    [property: Id(4)] long Tokens,
    [property: Id(5)] TripletCounts Triplets);

/// <summary>A model on a host.</summary>
[GenerateSerializer, Immutable, Alias("sj.LoadedModel")]
public sealed record LoadedModel([property: Id(0)] string Host, [property: Id(1)] string Id);
