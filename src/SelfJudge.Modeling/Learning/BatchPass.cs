using SelfJudge.Modeling.Llama;
using SelfJudge.Modeling.Tensors;
using static TorchSharp.torch;

namespace SelfJudge.Modeling.Learning;

/// <summary>
/// What a worker does with the models for one packed batch. Its tensors live in the dispose scope that the trainer opens
/// around it.
/// </summary>
/// <param name="gradient">Where gradients are added; null where the batch is only read.</param>
internal sealed class BatchPass(LlamaModel policy, LlamaModel? reference, GradientBuffer? gradient, bool checkpointing)
{
    private Tape? _tape;
    private Tensor? _hidden;

    // [T, D] of the policy.
    private Tensor Hidden => _hidden ?? throw new InvalidOperationException("the policy has not read the batch yet");

    /// <summary>log π_ref of every response token, in nats. Nothing of this pass stays in memory: it goes before the policy's.</summary>
    public float[] Reference(ResponseBatch responses)
    {
        using var scope = Ops.Scope();
        var model = reference ?? throw new InvalidOperationException("there is no reference model");
        return TokenLogProbs.Forward(model, model.Hidden(responses.Batch), responses.Rows, responses.Targets);
    }

    /// <summary>Passes a batch forward through the policy, and keeps what the way back needs where gradients are taken.</summary>
    public void Forward(PackedBatch batch)
    {
        _tape = gradient is null ? null : new Tape(batch, checkpointing);
        _hidden = policy.Hidden(batch, _tape);
    }

    /// <summary>log π(targets[i]) at row rows[i], in nats. The logits are not kept: <see cref="Backward"/> makes them again.</summary>
    public float[] LogProbs(int[] rows, int[] targets) => TokenLogProbs.Forward(policy, Hidden, rows, targets);

    /// <summary>The scalar head's reading at each row.</summary>
    public float[] Scalars(int[] rows) => ScalarReadings.Forward(policy, Hidden, rows);

    /// <summary>Adds the gradient of Σ byLogProb[i]·log π(targets[i]) and, where given, Σ byScalar[i]·scalar(rows[i]).</summary>
    /// <returns>The log-probabilities, in nats.</returns>
    public float[] Backward(int[] rows, int[] targets, float[] byLogProb, float[]? byScalar = null)
    {
        var (logProbs, dHidden) = TokenLogProbs.Backward(policy, Hidden, rows, targets, byLogProb, gradient!.Base);
        if (byScalar is not null)
            ScalarReadings.BackwardInto(policy, Hidden, rows, byScalar, dHidden, gradient.Score);
        policy.Backward(_tape!, dHidden, gradient.Base, gradient.Adapter);
        return logProbs;
    }

    /// <summary>Adds the gradient of Σ byScalar[i]·scalar(rows[i]).</summary>
    public void BackwardScalars(int[] rows, float[] byScalar)
    {
        var dHidden = Ops.ZerosLike(Hidden);
        ScalarReadings.BackwardInto(policy, Hidden, rows, byScalar, dHidden, gradient!.Score);
        policy.Backward(_tape!, dHidden, gradient.Base, gradient.Adapter);
    }
}
