using SelfJudge.Abstractions;
using SelfJudge.Modeling.Checkpoints;

namespace SelfJudge.Grains.Training;

/// <summary>What a stage has done so far, as its checkpoints count it.</summary>
/// <param name="Step">Steps made.</param>
/// <param name="Seconds">Spent on them, all resumptions together.</param>
/// <param name="Tokens">That passed through a model in any role.</param>
/// <param name="KlCoefficient">ppo: the penalty's coefficient as the controller has it; null before the first step.</param>
internal sealed record StageProgress(int Step, double Seconds, long Tokens, TripletCounts Triplets, double? KlCoefficient = null)
{
    private const string KlCounter = "kl_coefficient";

    public static StageProgress None { get; } = new(0, 0, 0, TripletCounts.None);

    public IReadOnlyDictionary<string, double> ToCounters()
    {
        var counters = new Dictionary<string, double>
        {
            ["seconds"] = Seconds,
            ["tokens"] = Tokens,
            ["triplets_made"] = Triplets.Made,
            ["triplets_trained"] = Triplets.Trained,
            ["triplets_stale_refused"] = Triplets.StaleRefused,
            ["triplets_identical_skipped"] = Triplets.IdenticalSkipped,
            ["triplets_duplicates_dropped"] = Triplets.DuplicatesDropped,
        };
        if (KlCoefficient is { } kl)
            counters[KlCounter] = kl;
        return counters;
    }

    /// <exception cref="CheckpointException">A counter is missing.</exception>
    public static StageProgress FromCounters(int step, IReadOnlyDictionary<string, double> counters)
    {
        double Counter(string name) => counters.TryGetValue(name, out var count) ? count : throw new CheckpointException($"the checkpoint of step {step} does not count {name}");
        return new(step, Counter("seconds"), (long)Counter("tokens"), new TripletCounts(
            (long)Counter("triplets_made"), (long)Counter("triplets_trained"), (long)Counter("triplets_stale_refused"), (long)Counter("triplets_identical_skipped"), (long)Counter("triplets_duplicates_dropped")),
            counters.TryGetValue(KlCounter, out var kl) ? kl : null);
    }
}
