namespace SelfJudge.Modeling.Hosting;

/// <summary>Holds the members of cohorts until all are there.</summary>
internal sealed class CohortGathering(TimeSpan timeout, TimeProvider time)
{
    private readonly Dictionary<string, (List<HostWork> Members, long Since)> _open = new(StringComparer.Ordinal);

    public bool IsEmpty => _open.Count == 0;

    /// <summary>Takes a request in. Returns the batch that it completes, or null.</summary>
    public Batch? Add(HostWork work)
    {
        if (work.Cohort is not { } cohort)
            return new Batch(work.Model, [work]);
        if (!_open.TryGetValue(cohort.Key, out var gathered))
            _open[cohort.Key] = gathered = ([], time.GetTimestamp());
        // Who asked for them is gone: what is asked for under this key from now on is another attempt.
        Leave(gathered.Members);
        if (gathered.Members is [var first, ..]
            && (first.GetType() != work.GetType() || first.Model != work.Model || first.Cohort!.Size != cohort.Size))
        {
            work.Fail(new ArgumentException(
                $"batch '{cohort.Key}' is of {first.Cohort!.Size} requests of one kind to '{first.Model}', and this one is another"));
            return null;
        }
        // A member that comes again, after a caller's retry, takes the place of its first coming.
        if (gathered.Members.FindIndex(m => m.Cohort!.Ordinal == cohort.Ordinal) is var at and >= 0)
        {
            gathered.Members[at].Fail(new OperationCanceledException(
                $"request {cohort.Ordinal} of batch '{cohort.Key}' was asked for again"));
            gathered.Members.RemoveAt(at);
        }
        gathered.Members.Add(work);
        if (gathered.Members.Count < cohort.Size)
            return null;
        _open.Remove(cohort.Key);
        return new Batch(work.Model, [.. gathered.Members.OrderBy(m => m.Cohort!.Ordinal)]);
    }

    /// <summary>Lets abandoned members go, and fails those of cohorts that have waited too long.</summary>
    public void FailOverdue()
    {
        foreach (var (key, (members, _)) in _open.ToList())
        {
            Leave(members);
            if (members.Count == 0)
                _open.Remove(key);
        }
        foreach (var (key, (members, since)) in _open.Where(c => time.GetElapsedTime(c.Value.Since) > timeout).ToList())
        {
            _open.Remove(key);
            foreach (var member in members)
                member.Fail(new CohortIncompleteException(key, members.Count, members[0].Cohort!.Size, timeout));
        }
    }

    private static void Leave(List<HostWork> members)
    {
        foreach (var abandoned in members.Where(m => m.IsAbandoned).ToList())
        {
            abandoned.Fail(new OperationCanceledException(
                $"request {abandoned.Cohort!.Ordinal} of batch '{abandoned.Cohort.Key}' was abandoned"));
            members.Remove(abandoned);
        }
    }

    public void FailAll(Exception reason)
    {
        foreach (var member in _open.Values.SelectMany(c => c.Members))
            member.Fail(reason);
        _open.Clear();
    }
}
