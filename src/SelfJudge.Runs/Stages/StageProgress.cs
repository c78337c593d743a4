using SelfJudge.Abstractions;
using SelfJudge.Modeling.Checkpoints;
using SelfJudge.Preferences.Judging;

namespace SelfJudge.Runs.Stages;

/// <summary>What a stage has done so far, as its checkpoints count it.</summary>
/// <param name="Step">Steps made.</param>
/// <param name="Seconds">Spent on them, all resumptions together.</param>
/// <param name="Tokens">That passed through a model in any role.</param>
/// <param name="KlCoefficient">ppo: the penalty's coefficient as the controller has it; null before the first step.</param>
/// <param name="JudgeCheck">What its judge was worth before the first step; null where that was not measured.</param>
internal sealed record StageProgress(int Step, double Seconds, long Tokens, TripletCounts Triplets, double? KlCoefficient = null,
    JudgeCheck? JudgeCheck = null)
{
    private const string KlCounter = "kl_coefficient", InconsistentCounter = "triplets_inconsistent_skipped",
        JudgeCounters = "judge_check/";

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
            [InconsistentCounter] = Triplets.InconsistentSkipped,
        };
        if (KlCoefficient is { } kl)
            counters[KlCounter] = kl;
        foreach (var (name, value) in JudgeCheck?.ToFigures() ?? new Dictionary<string, double>())
            counters[JudgeCounters + name] = value;
        return counters;
    }

    /// <exception cref="CheckpointException">A counter is missing.</exception>
    public static StageProgress FromCounters(int step, IReadOnlyDictionary<string, double> counters)
    {
        double Counter(string name) => counters.TryGetValue(name, out var count) ? count
            : throw new CheckpointException($"the checkpoint of step {step} does not count {name}");
        return new(step, Counter("seconds"), (long)Counter("tokens"), new TripletCounts(
            (long)Counter("triplets_made"), (long)Counter("triplets_trained"), (long)Counter("triplets_stale_refused"),
                (long)Counter("triplets_identical_skipped"), (long)Counter("triplets_duplicates_dropped"),
            (long)counters.GetValueOrDefault(InconsistentCounter)),
            counters.TryGetValue(KlCounter, out var kl) ? kl : null, JudgeCheckOf(counters));
    }

    private static JudgeCheck? JudgeCheckOf(IReadOnlyDictionary<string, double> counters)
    {
        var figures = counters.Where(c => c.Key.StartsWith(JudgeCounters, StringComparison.Ordinal))
            .ToDictionary(c => c.Key[JudgeCounters.Length..], c => c.Value);
        return figures.Count == 0 ? null : JudgeCheck.Of(figures);
    }
}
