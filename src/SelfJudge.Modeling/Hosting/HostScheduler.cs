namespace SelfJudge.Modeling.Hosting;

/// <summary>
/// Decides what a host does next from what waits. It takes requests in, holds members of cohorts until all are there, gathers
/// readings into batches, and keeps the requests on one model in order around exclusive work. It computes nothing, knows models
/// by their ids alone, and is used by one thread at a time.
/// </summary>
/// <param name="options">Bound of the queue, batch window and timeout of cohorts.</param>
/// <param name="time">By which windows and timeouts are measured.</param>
internal sealed class HostScheduler(ModelHostOptions options, TimeProvider time)
{
    // Members of cohorts are waited for without a signal when time runs out for them: somebody has to look.
    private static readonly TimeSpan LookAfterCohorts = TimeSpan.FromSeconds(1);

    private readonly Queue<HostWork> _arrived = [];
    private readonly CohortGathering _cohorts = new(options.CohortTimeout, time);
    private List<Batch> _pending = [];
    private long? _windowSince;

    /// <summary>Requests that have come and have not been taken in.</summary>
    public int Arrived => _arrived.Count;

    /// <summary>Puts a request into the queue.</summary>
    /// <exception cref="HostBusyException">The queue is full.</exception>
    public void Enqueue(HostWork work)
    {
        if (_arrived.Count >= options.QueueCapacity)
            throw new HostBusyException(options.Name, options.QueueCapacity);
        _arrived.Enqueue(work);
    }

    /// <summary>
    /// Takes in what has arrived, and lets go of members of cohorts that wait in vain. Returns how long the host is to wait for
    /// further requests before its next turn: zero where it has something to do. Once that time is over, or a request has
    /// arrived, it asks again.
    /// </summary>
    public TimeSpan Receive(bool isGenerating)
    {
        // The first request after a pause is given company: others that come within the window join its batch.
        var isIdle = _pending.Count == 0 && !isGenerating;
        if (isIdle && _arrived.TryPeek(out var first) && first is { Cohort: null } and not ExclusiveWork)
            _windowSince = time.GetTimestamp();
        while (_arrived.TryDequeue(out var work))
            if (_cohorts.Add(work) is { } batch)
                _pending.Add(batch);
        _cohorts.FailOverdue();
        if (_windowSince is { } since && options.BatchWindow - time.GetElapsedTime(since) is { Ticks: > 0 } left)
            return left;
        _windowSince = null;
        return _pending.Count > 0 || isGenerating ? TimeSpan.Zero
            : _cohorts.IsEmpty ? Timeout.InfiniteTimeSpan
            : LookAfterCohorts;
    }

    /// <summary>
    /// What the host does at its next turn, step by step: what can begin to generate is admitted, each gathered batch of readings
    /// runs, then a slice of generation, then at most one piece of exclusive work. Exclusive work waits for the generations and
    /// readings of its model, a cohort's generation for the generations before it, and what comes later on the model waits for them.
    /// </summary>
    /// <param name="generating">The models with sequences in generation.</param>
    public IReadOnlyList<HostStep> Next(IReadOnlySet<string> generating)
    {
        var busy = new HashSet<string>(generating, StringComparer.Ordinal);
        var held = new HashSet<string>(StringComparer.Ordinal);
        var admissions = new List<Admission>();
        var cohorts = new List<Reading>();
        var joint = new OrderedDictionary<(string Model, Type Kind), List<ReadWork>>();
        ExclusiveWork? exclusive = null;
        var waiting = new List<Batch>();
        foreach (var batch in _pending)
        {
            var mustWait = held.Contains(batch.Model) || batch.Work[0] switch
            {
                ExclusiveWork => exclusive is not null || busy.Contains(batch.Model) || joint.Keys.Any(k => k.Model == batch.Model),
                GenerateWork => batch.IsCohort && busy.Contains(batch.Model),
                _ => false,
            };
            if (mustWait)
            {
                held.Add(batch.Model);
                waiting.Add(batch);
                continue;
            }
            switch (batch.Work[0])
            {
                case ExclusiveWork work:
                    exclusive = work;
                    held.Add(batch.Model);
                    break;
                case GenerateWork:
                    admissions.Add(new Admission(batch.Model, [.. batch.Work.Cast<GenerateWork>()]));
                    busy.Add(batch.Model);
                    if (batch.IsCohort)
                        held.Add(batch.Model);
                    break;
                case ReadWork when batch.IsCohort:
                    cohorts.Add(new Reading([.. batch.Work.Cast<ReadWork>()]));
                    break;
                case ReadWork work:
                    if (!joint.TryGetValue((batch.Model, work.GetType()), out var together))
                        joint[(batch.Model, work.GetType())] = together = [];
                    together.Add(work);
                    break;
            }
        }
        _pending = waiting;
        List<HostStep> steps = [.. admissions, .. cohorts, .. joint.Values.Select(together => new Reading(together))];
        if (busy.Count > 0)
            steps.Add(new GenerationSlice());
        if (exclusive is not null)
            steps.Add(new ExclusiveStep(exclusive));
        return steps;
    }

    /// <summary>Ends everything that waits without a result.</summary>
    public void FailAll(Exception reason)
    {
        foreach (var work in _arrived.Concat(_pending.SelectMany(b => b.Work)))
            work.Fail(reason);
        _cohorts.FailAll(reason);
        _arrived.Clear();
        _pending = [];
    }
}
