using SelfJudge.Modeling.Decoders;
using SelfJudge.Modeling.Kernels;
using SelfJudge.Modeling.Tensors;
using SelfJudge.Modeling.Workers;
using static TorchSharp.torch;

namespace SelfJudge.Modeling.Learning;

/// <summary>
/// Optimizer steps on one model: on its adapter if it has one, else on its base weights. Each worker passes its share
/// of a batch forward and backward into a gradient buffer of its own; the buffers are added in a fixed order, so that
/// the result depends on the batch and the number of workers, never on timing. Runs on the device thread.
/// </summary>
public sealed class PolicyTrainer : IDisposable
{
    // Stretches of flat buffers begin at whole cache lines.
    private const long StretchUnit = 16;

    private const string Remedy = "lower the learning rate, or look for damaged weights or data";

    private readonly DecoderModel _policy;
    private readonly DecoderModel? _reference;
    private readonly WorkerPool _workers;
    private readonly OptimizerOptions _options;
    private readonly GradientBuffer[] _gradients; // by worker
    private readonly IReadOnlyList<(long Start, long Length)> _decayRanges;

    /// <param name="reference">What objectives compare with; null where none needs it.</param>
    public PolicyTrainer(DecoderModel policy, DecoderModel? reference, WorkerPool workers, OptimizerOptions options)
    {
        if (policy.Adapter is null && policy.Weights.IsNarrow)
            throw new ArgumentException("weights held in fewer bits than float32 cannot be trained: "
                + "steps are smaller than their rounding");
        (_policy, _reference, _workers, _options) = (policy, reference, workers, options);
        _gradients = [.. Enumerable.Range(0, workers.Count).Select(_ => new GradientBuffer(policy))];
        Trained = policy.Adapter?.Buffer ?? policy.Weights.Buffer;
        Mean = Trained.NewLike();
        Variance = Trained.NewLike();
        _decayRanges = Trained.Layout.DecayRanges();
    }

    /// <summary>The parameters that steps change.</summary>
    public FlatBuffer Trained { get; }

    /// <summary>Adam's first moment.</summary>
    public FlatBuffer Mean { get; }

    /// <summary>Adam's second moment.</summary>
    public FlatBuffer Variance { get; }

    /// <summary>Updates made so far, which Adam's bias correction counts.</summary>
    public long Steps { get; set; }

    /// <summary>One step on an objective: an update, or as many as the objective makes of it.</summary>
    /// <exception cref="InvalidOperationException">The objective needs a reference or a scalar head, and there is none.</exception>
    /// <exception cref="ArithmeticException">A loss, gradient or rate is not finite; that update was not made.</exception>
    public StepReport Step(Objective objective, double learningRate)
    {
        if (objective.NeedsReference && _reference is null)
            throw new InvalidOperationException("the objective compares with a reference model, and the training was opened without one");
        if (objective.Head != ScalarHead.None && _policy.Score is null)
            throw new InvalidOperationException("the objective reads a scalar head, and the model has none");
        return objective.Step(new Passes(this, learningRate));
    }

    public void Dispose()
    {
        foreach (var gradient in _gradients)
            gradient.Dispose();
        Mean.Dispose();
        Variance.Dispose();
    }

    private void ForEachBatch(IReadOnlyList<int> lengths, bool takesGradients, Action<int[], BatchPass> body)
    {
        var shares = WorkShares.Balance(lengths, _workers.Count);
        _workers.Run(worker =>
        {
            var gradient = takesGradients ? _gradients[worker] : null;
            gradient?.Clear();
            foreach (var batch in WorkShares.Batches(shares[worker], i => lengths[i], _options.MaxTokensPerBatch))
            {
                using var scope = Ops.Scope();
                body(batch, new BatchPass(_policy, _reference, gradient, _options.GradientCheckpointing));
            }
        });
    }

    // Whatever is not finite would be in the weights for good: it is found before they change.
    private double Apply(double loss, double learningRate)
    {
        if (!float.IsFinite((float)learningRate))
            throw new ArithmeticException($"the learning rate of step {Steps + 1} is {learningRate}, which is no number to train with");
        var squares = new double[_workers.Count];
        ForEachStretch((worker, stretch) =>
        {
            var gradient = stretch(_gradients[0].Buffer);
            for (var other = 1; other < _workers.Count; other++)
                Ops.AddInto(gradient, stretch(_gradients[other].Buffer));
            squares[worker] = _policy.Kernels.SumOfSquares(gradient);
        });
        var norm = Math.Sqrt(squares.Sum());
        if (!double.IsFinite(norm))
            throw new ArithmeticException($"the gradient of step {Steps + 1} is not finite: {Remedy}");
        if (!double.IsFinite(loss))
            throw new ArithmeticException($"the loss of step {Steps + 1} is {loss}: {Remedy}, "
                + "or a setting of the loss that is no number");
        var scale = _options.ClipNorm > 0 && norm > _options.ClipNorm ? _options.ClipNorm / norm : 1;
        var (beta1, beta2, epsilon, decay) = ((float)_options.Beta1, (float)_options.Beta2, (float)_options.Epsilon,
            (float)_options.WeightDecay);
        var step = new AdamWStep(++Steps, (float)learningRate, beta1, beta2, epsilon, decay, (float)scale, _decayRanges);
        ForEachStretch((worker, stretch) =>
        {
            var (start, length) = Stretch(worker);
            var (trained, gradient) = (stretch(Trained), stretch(_gradients[0].Buffer));
            _policy.Kernels.AdamW(trained, gradient, stretch(Mean), stretch(Variance), step.Within(start, length));
        });
        return norm;
    }

    // Each worker has a stretch of the flat buffers to itself.
    private void ForEachStretch(Action<int, Func<FlatBuffer, Tensor>> body) => _workers.Run(worker =>
    {
        using var scope = Ops.Scope();
        var (start, length) = Stretch(worker);
        if (length > 0)
            body(worker, buffer => buffer.Flat.narrow(0, start, length));
    });

    private (long Start, long Length) Stretch(int worker)
    {
        long size = Trained.Layout.Size, each = (size / _workers.Count + StretchUnit - 1) / StretchUnit * StretchUnit;
        var start = Math.Min(size, worker * each);
        return (start, worker == _workers.Count - 1 ? size - start : Math.Min(each, size - start));
    }

    private sealed class Passes(PolicyTrainer trainer, double learningRate) : IPasses
    {
        public void Read(IReadOnlyList<int> lengths, Action<int[], BatchPass> read) =>
            trainer.ForEachBatch(lengths, takesGradients: false, read);

        public double Update(IReadOnlyList<int> lengths, Action<int[], BatchPass> pass, Func<double> loss)
        {
            trainer.ForEachBatch(lengths, takesGradients: true, pass);
            return trainer.Apply(loss(), learningRate);
        }
    }
}
