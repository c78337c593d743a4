namespace SelfJudge.Modeling.Learning;

/// <summary>
/// What a step minimises, with all that it learns from. It says what it needs of the models, what a batch's gradient is,
/// and what is reported; the trainer makes the passes and the updates. Whoever derives from it has an objective of their own, which
/// <see cref="Hosting.IPolicyTraining.StepAsync"/> takes like ours.
/// </summary>
public abstract record Objective
{
    /// <summary>The packed tokens of each of its items, which pass through the model together.</summary>
    public abstract IReadOnlyList<int> Lengths { get; }

    /// <summary>The tokens of every sequence; an item is one of them, or those of a pair.</summary>
    public virtual IEnumerable<int> Sequences => Lengths;

    /// <summary>Whether it compares with a reference model.</summary>
    public virtual bool NeedsReference => false;

    /// <summary>The scalar head that it reads.</summary>
    public virtual ScalarHead Head => ScalarHead.None;

    /// <summary>Carries the step out by the trainer's passes. Runs on the device thread, which waits for nothing meanwhile.</summary>
    public abstract StepReport Step(IPasses passes);
}

/// <summary>The passes of a step. The trainer divides items among workers and packed batches, by their tokens.</summary>
public interface IPasses
{
    /// <summary>Has every item read once, without gradients.</summary>
    /// <param name="lengths">Tokens of each item.</param>
    /// <param name="read">What is done with a batch of items, by their indices. Called on several threads.</param>
    void Read(IReadOnlyList<int> lengths, Action<int[], BatchPass> read);

    /// <summary>One update by the sum of the gradients that the batches' passes add.</summary>
    /// <param name="lengths">Tokens of each item.</param>
    /// <param name="pass">What is done with a batch of items, by their indices. Called on several threads.</param>
    /// <param name="loss">Asked for once every batch has passed: an update whose loss is not finite is not made.</param>
    /// <returns>The gradient's norm before clipping.</returns>
    double Update(IReadOnlyList<int> lengths, Action<int[], BatchPass> pass, Func<double> loss);
}
