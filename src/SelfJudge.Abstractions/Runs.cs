namespace SelfJudge.Abstractions;

/// <summary>What a run is doing, or how it ended; completed, cancelled and failed runs do nothing more by themselves.</summary>
public enum RunState { Created, Running, Cancelling, Cancelled, Completed, Failed }

/// <summary>A run to be made.</summary>
/// <param name="Recipe">The resolved recipe as YAML.</param>
/// <param name="Folder">Where everything that the run makes lands, on a file system that the silos see.</param>
[GenerateSerializer, Immutable, Alias("sj.RunRequest")]
public sealed record RunRequest([property: Id(0)] string Recipe, [property: Id(1)] string Folder);

/// <summary>Where a run stands.</summary>
/// <param name="Stage">The stage now running, or the last one.</param>
/// <param name="StageIndex">Its place, from 0, among <paramref name="Stages"/>.</param>
/// <param name="Step">The last step of the stage that is finished.</param>
/// <param name="Metrics">The figures of that step by name.</param>
/// <param name="SecondsLeft">An estimate for the stage; null while there is none.</param>
/// <param name="Message">What failed, or what there is to know, a line each.</param>
/// <param name="CanResume">False where the run failed by its own recipe: to go on with it would end the same way.</param>
[GenerateSerializer, Immutable, Alias("sj.RunStatus")]
public sealed record RunStatus(
    [property: Id(0)] string RunId,
    [property: Id(1)] RunState State,
    [property: Id(2)] string Folder,
    [property: Id(3)] string Name,
    [property: Id(4)] IReadOnlyList<string> Stages,
    [property: Id(5)] string Stage,
    [property: Id(6)] int StageIndex,
    [property: Id(7)] int Step,
    [property: Id(8)] int StageSteps,
    [property: Id(9)] double Seconds,
    [property: Id(10)] double TokensPerSecond,
    [property: Id(11)] double? SecondsLeft,
    [property: Id(12)] IReadOnlyDictionary<string, double> Metrics,
    [property: Id(13)] TripletCounts Triplets,
    [property: Id(14)] string? Message,
    [property: Id(15)] bool CanResume = true);

/// <summary>What became of preference triplets.</summary>
/// <param name="Made">Arrived at the trainer for the first time.</param>
/// <param name="Trained">Went into an optimizer step.</param>
/// <param name="StaleRefused">Came from too old a policy.</param>
/// <param name="IdenticalSkipped">Matches of identical completions, which make no triplet.</param>
/// <param name="DuplicatesDropped">Arrived again.</param>
/// <param name="InconsistentSkipped">Comparisons whose two orders of presentation disagree, where the recipe requires that they
/// agree.</param>
[GenerateSerializer, Immutable, Alias("sj.TripletCounts")]
public sealed record TripletCounts(
    [property: Id(0)] long Made,
    [property: Id(1)] long Trained,
    [property: Id(2)] long StaleRefused,
    [property: Id(3)] long IdenticalSkipped,
    [property: Id(4)] long DuplicatesDropped,
    [property: Id(5)] long InconsistentSkipped = 0)
{
    public static TripletCounts None { get; } = new(0, 0, 0, 0, 0);

    public static TripletCounts operator +(TripletCounts a, TripletCounts b) =>
        new(a.Made + b.Made, a.Trained + b.Trained, a.StaleRefused + b.StaleRefused, a.IdenticalSkipped + b.IdenticalSkipped,
            a.DuplicatesDropped + b.DuplicatesDropped, a.InconsistentSkipped + b.InconsistentSkipped);
}
