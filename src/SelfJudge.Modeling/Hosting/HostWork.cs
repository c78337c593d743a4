using SelfJudge.Modeling.Learning;
using SelfJudge.Modeling.Sampling;
using SelfJudge.Modeling.Tokenizers;
using SelfJudge.Preferences.Judging;
using SelfJudge.Preferences.Sampling;

namespace SelfJudge.Modeling.Hosting;

/// <summary>A request in a host's queue.</summary>
/// <param name="Model">The id of the model that it concerns. Requests on one model keep their order where one of them is exclusive.</param>
internal abstract record HostWork(string Model, Cohort? Cohort)
{
    /// <summary>Nobody waits for its result any more.</summary>
    public abstract bool IsAbandoned { get; }

    /// <summary>Ends the request without a result.</summary>
    public abstract void Fail(Exception reason);
}

/// <summary>Samples of a prompt.</summary>
internal sealed record GenerateWork(string Model, GenerationJob Job, Cohort? Cohort) : HostWork(Model, Cohort)
{
    public override bool IsAbandoned => Job.IsAbandoned;

    public override void Fail(Exception reason) => Job.Fail(reason);
}

/// <summary>
/// A forward pass that reads something off each of its sequences and changes nothing. Such requests on one model join into one
/// batch, by kind.
/// </summary>
internal abstract record ReadWork(string Model, Cohort? Cohort) : HostWork(Model, Cohort);

/// <summary>What is read off each item by itself, whatever it is batched with.</summary>
internal abstract record ReadWork<TItem, TResult>(string Model, IReadOnlyList<TItem> Items, TaskCompletionSource<TResult[]> Completion,
    Cohort? Cohort, CancellationToken Cancellation) : ReadWork(Model, Cohort)
{
    public override bool IsAbandoned => Cancellation.IsCancellationRequested;

    public override void Fail(Exception reason) => Completion.TrySetException(reason);
}

/// <summary>Probabilities of the judge tokens after each prompt.</summary>
internal sealed record JudgeWork(string Model, IReadOnlyList<EncodedJudgePrompt> Items,
    TaskCompletionSource<JudgeProbabilities[]> Completion, Cohort? Cohort, CancellationToken Cancellation)
    : ReadWork<EncodedJudgePrompt, JudgeProbabilities>(Model, Items, Completion, Cohort, Cancellation);

/// <summary>The scalar head's readings at the last tokens.</summary>
internal sealed record RewardWork(string Model, IReadOnlyList<ResponseSequence> Items, TaskCompletionSource<double[]> Completion,
    Cohort? Cohort, CancellationToken Cancellation)
    : ReadWork<ResponseSequence, double>(Model, Items, Completion, Cohort, Cancellation);

/// <summary>
/// Something that runs alone: a training step, a load. It waits for the generations of its model to end, and those asked for
/// later wait for it.
/// </summary>
/// <param name="Kind">As what its time counts.</param>
internal sealed record ExclusiveWork(string Model, Action Run, Action<Exception> OnFailure, WorkKind Kind) : HostWork(Model, null)
{
    public override bool IsAbandoned => false;

    public override void Fail(Exception reason) => OnFailure(reason);
}

/// <summary>Requests of a complete cohort, in the order of their ordinals, or a single request.</summary>
internal sealed record Batch(string Model, IReadOnlyList<HostWork> Work)
{
    public bool IsCohort => Work[0].Cohort is not null;
}
