using SelfJudge.Abstractions;

namespace SelfJudge.Runs.Stages;

/// <summary>What an inbox makes of a batch that arrives.</summary>
public enum Arrival
{
    /// <summary>New; it waits for its step.</summary>
    Kept,

    /// <summary>It is here already, or its step is done: drop it.</summary>
    Duplicate,

    /// <summary>It belongs to another stage than the one that is open, or to an earlier opening of it: nobody will learn from it.</summary>
    OtherStage,

    /// <summary>It belongs to a later opening of the stage, by a trainer that has taken over: it is for that one to answer.</summary>
    LaterEpoch,
}

/// <summary>
/// The trainer's side of the triplet stream, which delivers at least once and in any order: batches wait here, by step
/// and prompt, until all of a step are there; each counts once; the order of training is that of prompts and matches,
/// whatever the order of arrival.
/// </summary>
public sealed class TripletInbox(string stage, long epoch, int lastStepDone)
{
    private readonly SortedDictionary<int, SortedDictionary<int, TripletBatch>> _steps = [];
    private int _lastStepDone = lastStepDone;

    public long DuplicatesDropped { get; private set; }

    public Arrival Add(TripletBatch batch)
    {
        if (batch.Epoch > epoch)
            return Arrival.LaterEpoch;
        if (batch.Stage != stage || batch.Epoch < epoch)
            return Arrival.OtherStage;
        if (batch.Step > _lastStepDone)
        {
            if (!_steps.TryGetValue(batch.Step, out var prompts))
                _steps[batch.Step] = prompts = [];
            if (prompts.TryAdd(batch.PromptIndex, batch))
                return Arrival.Kept;
        }
        DuplicatesDropped += batch.Triplets.Count;
        return Arrival.Duplicate;
    }

    public int Arrived(int step) => _steps.TryGetValue(step, out var prompts) ? prompts.Count : 0;

    /// <summary>The batches of a step in the order of their prompts. From here on the step is done, and what comes for it again is a
    /// duplicate.</summary>
    public IReadOnlyList<TripletBatch> Take(int step)
    {
        _lastStepDone = step;
        var taken = _steps.Remove(step, out var prompts) ? prompts.Values.ToList() : [];
        foreach (var earlier in _steps.Keys.Where(s => s <= step).ToList())
            _steps.Remove(earlier);
        return taken;
    }

    /// <summary>Divides triplets by whether both completions come from a policy at most <paramref name="maxStaleness"/> versions old; null
    /// takes all.</summary>
    public static (IReadOnlyList<Triplet> Fresh, int Stale) ByStaleness(IEnumerable<TripletBatch> batches, long policyVersion,
        int? maxStaleness)
    {
        var triplets = batches.SelectMany(b => b.Triplets.OrderBy(t => t.Match)).ToList();
        var fresh = triplets.Where(t => maxStaleness is null
            || policyVersion - Math.Min(t.Chosen.PolicyVersion, t.Rejected.PolicyVersion) <= maxStaleness).ToList();
        return (fresh, triplets.Count - fresh.Count);
    }
}
