using SelfJudge.Modeling.Decoders;
using SelfJudge.Modeling.Tensors;
using static TorchSharp.torch;

namespace SelfJudge.Modeling.Learning;

/// <summary>
/// What a worker does with the models for one packed batch. Its tensors live in the dispose scope that the trainer opens
/// around it.
/// </summary>
public sealed class BatchPass
{
    private readonly DecoderModel _policy;
    private readonly DecoderModel? _reference;
    private readonly GradientBuffer? _gradient;
    private readonly bool _checkpointing;
    private Tape? _tape;
    private Tensor? _hidden;

    /// <param name="gradient">Where gradients are added; null where the batch is only read.</param>
    internal BatchPass(DecoderModel policy, DecoderModel? reference, GradientBuffer? gradient, bool checkpointing) =>
        (_policy, _reference, _gradient, _checkpointing) = (policy, reference, gradient, checkpointing);

    // [T, D] of the policy.
    private Tensor Hidden => _hidden ?? throw new InvalidOperationException("the policy has not read the batch yet");

    private GradientBuffer Gradient => _gradient ?? throw new InvalidOperationException("the batch is only read: gradients are of updates");

    /// <summary>log π_ref of every response token, in nats. Nothing of this pass stays in memory: it goes before the policy's.</summary>
    public float[] Reference(ResponseBatch responses)
    {
        using var scope = Ops.Scope();
        var model = _reference ?? throw new InvalidOperationException("there is no reference model");
        return TokenLogProbs.Forward(model, model.Hidden(responses.Batch), responses.Rows, responses.Targets);
    }

    /// <summary>Passes a batch forward through the policy, and keeps what the way back needs where gradients are taken.</summary>
    public void Forward(PackedBatch batch)
    {
        _tape = _gradient is null ? null : new Tape(batch, _checkpointing);
        _hidden = _policy.Hidden(batch, _tape);
    }

    /// <summary>log π(targets[i]) at row rows[i], in nats. The logits are not kept: <see cref="Backward"/> makes them again.</summary>
    /// <exception cref="ArgumentException">There is not one target for each row.</exception>
    public float[] LogProbs(int[] rows, int[] targets)
    {
        CheckLength(rows, targets, nameof(targets));
        return TokenLogProbs.Forward(_policy, Hidden, rows, targets);
    }

    /// <summary>The scalar head's reading at each row.</summary>
    public float[] Scalars(int[] rows) => ScalarReadings.Forward(_policy, Hidden, rows);

    /// <summary>Adds the gradient of Σ byLogProb[i]·log π(targets[i]) and, where given, Σ byScalar[i]·scalar(rows[i]).</summary>
    /// <returns>The log-probabilities, in nats.</returns>
    /// <exception cref="ArgumentException">There is not one target, and one slope of each kind, for each row.</exception>
    /// <exception cref="InvalidOperationException">The batch is only read.</exception>
    public float[] Backward(int[] rows, int[] targets, float[] byLogProb, float[]? byScalar = null)
    {
        CheckLength(rows, targets, nameof(targets));
        CheckLength(rows, byLogProb, nameof(byLogProb));
        CheckLength(rows, byScalar ?? byLogProb, nameof(byScalar));
        var (logProbs, dHidden) = TokenLogProbs.Backward(_policy, Hidden, rows, targets, byLogProb, Gradient.Base);
        if (byScalar is not null)
            ScalarReadings.BackwardInto(_policy, Hidden, rows, byScalar, dHidden, Gradient.Score);
        _policy.Backward(_tape!, dHidden, Gradient.Base, Gradient.Adapter);
        return logProbs;
    }

    /// <summary>Adds the gradient of Σ byScalar[i]·scalar(rows[i]).</summary>
    /// <exception cref="ArgumentException">There is not one slope for each row.</exception>
    /// <exception cref="InvalidOperationException">The batch is only read.</exception>
    public void BackwardScalars(int[] rows, float[] byScalar)
    {
        CheckLength(rows, byScalar, nameof(byScalar));
        var dHidden = Ops.ZerosLike(Hidden);
        ScalarReadings.BackwardInto(_policy, Hidden, rows, byScalar, dHidden, Gradient.Score);
        _policy.Backward(_tape!, dHidden, Gradient.Base, Gradient.Adapter);
    }

    private static void CheckLength(int[] rows, Array values, string name)
    {
        if (values.Length != rows.Length)
            throw new ArgumentException($"there are {rows.Length} rows, but {values.Length} {name}", name);
    }
}
