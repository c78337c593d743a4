using SelfJudge.Modeling.Hosting;
using SelfJudge.Modeling.Sampling;
using SelfJudge.Preferences.Judging;
using SelfJudge.Preferences.Sampling;

namespace SelfJudge.Modeling.Tests.Hosting;

/// <summary>What runs next, without a model and without waiting.</summary>
public sealed class HostSchedulerTests
{
    private static readonly TimeSpan Window = TimeSpan.FromMilliseconds(2), Patience = TimeSpan.FromSeconds(30);
    private readonly Clock _clock = new();
    private readonly HostScheduler _scheduler;
    private readonly List<HostWork> _named = [];

    public HostSchedulerTests() => _scheduler = new HostScheduler(
        new ModelHostOptions { Name = "h", QueueCapacity = 4, BatchWindow = Window, CohortTimeout = Patience }, _clock);

    [Fact]
    public void Readings_run_before_the_slice_and_exclusive_work_after_it()
    {
        HostWork sample = Sample("a"), exclusive = Exclusive("b"), judge = Judge("a");
        Assert.Equal([Admits(sample), Reads(judge), "slice", Runs(exclusive)], Turn([sample, exclusive, judge]));
    }

    [Fact]
    public void What_is_to_be_judged_runs_before_the_next_slice_of_what_generates()
    {
        Assert.Equal(["slice"], Turn([], "a"));
        HostWork first = Judge("a"), second = Judge("a");
        Assert.Equal([Reads(first, second), "slice"], Turn([first, second], "a"));
        Assert.Equal(["slice"], Turn([], "a"));
    }

    [Fact]
    public void Exclusive_work_waits_for_the_generations_of_its_model_and_holds_back_what_comes_later()
    {
        HostWork step = Exclusive("a"), sample = Sample("a"), judge = Judge("a"), other = Sample("b");
        Assert.Equal([Admits(other), "slice"], Turn([step, sample, judge, other], "a"));
        Assert.Equal(["slice"], Turn([], "a", "b"));
        Assert.Equal(["slice", Runs(step)], Turn([], "b")); // a's last sequence has ended
        Assert.Equal([Admits(sample), Reads(judge), "slice"], Turn([], "b"));
    }

    [Fact]
    public void Exclusive_work_waits_for_what_begins_or_is_read_before_it_on_its_model()
    {
        HostWork sample = Sample("a"), afterSample = Exclusive("a"), judge = Judge("b"), afterJudge = Exclusive("b");
        Assert.Equal([Admits(sample), Reads(judge), "slice"], Turn([sample, afterSample, judge, afterJudge]));
        Assert.Equal(["slice", Runs(afterJudge)], Turn([], "a"));
        Assert.Equal([Runs(afterSample)], Turn([]));
    }

    [Fact]
    public void Of_exclusive_work_one_piece_runs_in_a_turn_in_the_order_of_arrival()
    {
        HostWork first = Exclusive("a"), second = Exclusive("b"), third = Exclusive("a");
        Assert.Equal([Runs(first)], Turn([first, second, third]));
        Assert.Equal([Runs(second)], Turn([]));
        Assert.Equal([Runs(third)], Turn([]));
        Assert.Equal(Timeout.InfiniteTimeSpan, _scheduler.Receive(isGenerating: false));
    }

    [Fact]
    public void Readings_that_wait_are_gathered_by_model_and_kind()
    {
        HostWork a = Judge("a"), b = Judge("b"), reward = Reward("a"), another = Judge("a");
        Assert.Equal([Reads(a, another), Reads(b), Reads(reward)], Turn([a, b, reward, another]));
    }

    [Fact]
    public void A_cohort_waits_for_its_members_and_is_a_batch_of_its_own_in_their_order()
    {
        HostWork last = Judge("a", At(2)), first = Judge("a", At(0)), single = Judge("a"), middle = Judge("a", At(1));
        Assert.Equal([Reads(single)], Turn([last, first, single]));
        Assert.Equal(TimeSpan.FromSeconds(1), _scheduler.Receive(isGenerating: false));
        var another = Judge("a");
        Assert.Equal([Reads(first, middle, last), Reads(another)], Turn([another, middle]));
    }

    [Fact]
    public void A_cohort_generates_once_the_generations_before_it_have_ended_and_alone()
    {
        HostWork[] cohort = [Sample("a", At(0)), Sample("a", At(1)), Sample("a", At(2))];
        var later = Sample("a");
        Assert.Equal(["slice"], Turn([.. cohort, later], "a"));
        Assert.Equal([Admits(cohort), "slice"], Turn([]));
        Assert.Equal([Admits(later), "slice"], Turn([], "a"));
    }

    [Fact]
    public async Task A_cohort_fails_whole_when_one_of_its_members_does_not_come()
    {
        JudgeWork first = Judge("a", At(0)), second = Judge("a", At(1));
        Receive(first, second);
        _clock.Advance(Patience);
        _scheduler.Receive(isGenerating: false);
        Assert.False(first.Completion.Task.IsCompleted);
        _clock.Advance(TimeSpan.FromTicks(1));
        Assert.Equal(Timeout.InfiniteTimeSpan, _scheduler.Receive(isGenerating: false));
        foreach (var member in new[] { first, second })
            Assert.Equal("only 2 of the 3 requests of batch 'c' arrived within 30 s",
                (await Assert.ThrowsAsync<CohortIncompleteException>(() => member.Completion.Task)).Message);
        Assert.Empty(Turn([]));
    }

    [Fact]
    public async Task A_member_whose_caller_has_gone_leaves_its_cohort_and_is_no_part_of_the_next_attempt()
    {
        using var gone = new CancellationTokenSource();
        var first = Judge("a", At(0), gone.Token);
        Receive(first);
        await gone.CancelAsync();
        HostWork[] again = [Judge("a", At(1)), Judge("a", At(2)), Judge("a", At(0))];
        Receive(again[..2]);
        await Assert.ThrowsAsync<OperationCanceledException>(() => first.Completion.Task);
        Assert.Empty(_scheduler.Next(new HashSet<string>()));
        Assert.Equal([Reads(again[2], again[0], again[1])], Turn([again[2]]));
    }

    [Fact]
    public void The_first_request_after_a_pause_is_given_company_for_the_length_of_the_window()
    {
        Assert.Equal(Timeout.InfiniteTimeSpan, _scheduler.Receive(isGenerating: false));
        _scheduler.Enqueue(Judge("a"));
        Assert.Equal(Window, _scheduler.Receive(isGenerating: false));
        _clock.Advance(Window / 2);
        _scheduler.Enqueue(Judge("a"));
        Assert.Equal(Window / 2, _scheduler.Receive(isGenerating: false));
        _clock.Advance(Window / 2);
        Assert.Equal(TimeSpan.Zero, _scheduler.Receive(isGenerating: false));
        Assert.Equal(2, Assert.IsType<Reading>(Assert.Single(_scheduler.Next(new HashSet<string>()))).Work.Count);
    }

    [Fact]
    public void Nothing_waits_for_company_that_is_exclusive_a_complete_cohort_or_beside_what_generates()
    {
        Assert.Equal(TimeSpan.Zero, Receive(Exclusive("a")));
        _scheduler.Next(new HashSet<string>());
        Assert.Equal(TimeSpan.Zero, Receive(Judge("a", At(0)), Judge("a", At(1)), Judge("a", At(2))));
        _scheduler.Next(new HashSet<string>());
        _scheduler.Enqueue(Judge("a"));
        Assert.Equal(TimeSpan.Zero, _scheduler.Receive(isGenerating: true));
    }

    [Fact]
    public void A_full_queue_refuses_until_the_host_has_taken_in_what_is_there()
    {
        HostWork[] accepted = [.. Enumerable.Range(0, 4).Select(_ => Judge("a"))];
        foreach (var work in accepted)
            _scheduler.Enqueue(work);
        var refused = Assert.Throws<HostBusyException>(() => _scheduler.Enqueue(Judge("a")));
        Assert.StartsWith("model host h has 4 requests waiting and takes no more for now", refused.Message);
        Assert.Equal(4, _scheduler.Arrived);
        _scheduler.Receive(isGenerating: false);
        Assert.Equal(0, _scheduler.Arrived);
        var next = Judge("a");
        _scheduler.Enqueue(next);
        Assert.Equal([Reads([.. accepted, next])], Turn([]));
    }

    [Fact]
    public async Task Whatever_waits_when_the_host_stops_hears_of_it()
    {
        JudgeWork pending = Judge("a"), member = Judge("a", At(0)), arrived = Judge("a");
        Receive(pending, member);
        _scheduler.Enqueue(arrived);
        var reason = new ObjectDisposedException("h");
        _scheduler.FailAll(reason);
        foreach (var work in new[] { pending, member, arrived })
            Assert.Same(reason, await Assert.ThrowsAsync<ObjectDisposedException>(() => work.Completion.Task));
        Assert.Equal(0, _scheduler.Arrived);
        Assert.Empty(Turn([]));
    }

    private TimeSpan Receive(params HostWork[] work)
    {
        foreach (var w in work)
            _scheduler.Enqueue(w);
        return _scheduler.Receive(isGenerating: false);
    }

    // The turn that follows when these have come and company has been waited for.
    private List<string> Turn(HostWork[] work, params string[] generating)
    {
        foreach (var w in work)
            _scheduler.Enqueue(w);
        if (_scheduler.Receive(generating.Length > 0) > TimeSpan.Zero)
        {
            _clock.Advance(Window);
            _scheduler.Receive(generating.Length > 0);
        }
        return [.. _scheduler.Next(generating.ToHashSet()).Select(step => step switch
        {
            Admission { Work: var admitted } => Admits([.. admitted]),
            Reading { Work: var read } => Reads([.. read]),
            GenerationSlice => "slice",
            ExclusiveStep { Work: var alone } => Runs(alone),
            _ => throw new InvalidOperationException($"{step}"),
        })];
    }

    private string Admits(params HostWork[] work) => $"admit {Names(work)}";

    private string Reads(params HostWork[] work) => $"read {Names(work)}";

    private string Runs(HostWork work) => $"run {Names([work])}";

    private string Names(HostWork[] work) => string.Join(' ', work.Select(Name));

    // By identity: two requests may ask for the same.
    private int Name(HostWork work)
    {
        if (!_named.Exists(w => ReferenceEquals(w, work)))
            _named.Add(work);
        return _named.FindIndex(w => ReferenceEquals(w, work));
    }

    private static Cohort At(int ordinal) => new("c", 3, ordinal);

    private static GenerateWork Sample(string model, Cohort? cohort = null) =>
        new(model, new GenerationJob(new SamplePrompt([1], [1], new SamplingOptions()), default), cohort);

    private static JudgeWork Judge(string model, Cohort? cohort = null, CancellationToken cancellation = default) =>
        new(model, [], new TaskCompletionSource<JudgeProbabilities[]>(), cohort, cancellation);

    private static RewardWork Reward(string model) => new(model, [], new TaskCompletionSource<double[]>(), null, default);

    private static ExclusiveWork Exclusive(string model) => new(model, () => { }, _ => { }, WorkKind.Other);

    private sealed class Clock : TimeProvider
    {
        private long _ticks;

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override long GetTimestamp() => _ticks;

        public void Advance(TimeSpan by) => _ticks += by.Ticks;
    }
}
