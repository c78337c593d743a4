namespace SelfJudge.Abstractions;

/// <summary>A finished stage.</summary>
/// <param name="Tokens">That passed through a model in any role: trained, sampled, judged.</param>
/// <param name="Judge">Figures of its model as a judge on held-out pairs; empty where it was not measured.</param>
/// <param name="Device">What its model was trained on, among so many workers.</param>
/// <param name="Seal">The hash of the seal on its model; null where an earlier version of this program left one without.</param>
/// <param name="JudgeCheck">Figures of the judge that it learned from, measured on held-out pairs before its first step; null where it was
/// not measured.</param>
[GenerateSerializer, Immutable, Alias("sj.StageSummary")]
public sealed record StageSummary(
    [property: Id(0)] string Name,
    [property: Id(1)] double Seconds,
    [property: Id(2)] long Tokens,
    [property: Id(3)] IReadOnlyDictionary<string, double> Judge,
    [property: Id(4)] TripletCounts Triplets,
    [property: Id(5)] string Output,
    [property: Id(6)] long TrainedParameters,
    [property: Id(7)] string Device,
    [property: Id(8)] int Workers,
    [property: Id(9)] string? Seal = null,
    [property: Id(10)] IReadOnlyDictionary<string, double>? JudgeCheck = null);
