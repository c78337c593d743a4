using SelfJudge.Modeling.Decoders;
using SelfJudge.Modeling.Learning;
using SelfJudge.Modeling.Tensors;
using SelfJudge.Modeling.Workers;

namespace SelfJudge.Modeling.Tests.Learning.Objectives;

/// <summary>The gradient that a trainer takes of an objective, and what it is held against.</summary>
internal static class TrainedGradient
{
    // Adam's first moment after one step is (1 − β₁) times the gradient; at a rate of 0 the weights stay.
    public static (StepReport Report, float[] Gradient) Of(Objective objective, DecoderWeights weights, DecoderWeights? reference,
        int workerCount, int maxTokens)
    {
        using var workers = new WorkerPool(workerCount);
        using var trainer = new PolicyTrainer(TestModels.Model(weights), reference is null ? null : TestModels.Model(reference), workers,
            new OptimizerOptions(ClipNorm: 0, MaxTokensPerBatch: maxTokens));
        var report = trainer.Step(objective, 0);
        return (report, Array.ConvertAll(Ops.ToArray(trainer.Mean.Flat), m => m / 0.1f));
    }

    // Along its own direction, and within each parameter by itself, the loss changes by the gradient's squared norm.
    public static void AssertIsOf(DecoderWeights weights, float[] gradient, Func<DecoderModel, double> loss)
    {
        foreach (var parameter in weights.Buffer.Layout.Parameters)
        {
            var part = gradient.AsSpan((int)parameter.Offset, (int)parameter.Size).ToArray();
            var norm = Math.Sqrt(part.Sum(g => (double)g * g));
            Assert.True(norm > 0, $"{parameter.Name} has no gradient");
            const double H = 3e-3;
            double At(double distance)
            {
                using var moved = weights.Clone();
                var values = Ops.Floats(moved.Buffer.Flat).Slice((int)parameter.Offset, part.Length);
                for (var i = 0; i < part.Length; i++)
                    values[i] += (float)(distance * part[i] / norm);
                return loss(TestModels.Model(moved));
            }
            var slope = (At(H) - At(-H)) / (2 * H);
            Assert.True(Math.Abs(slope - norm) < 0.03 * norm + 2e-4, $"{parameter.Name}: slope {slope}, gradient {norm}");
        }
    }

    /// <summary>log π(y|x), summed, in nats.</summary>
    public static double LogProb(DecoderModel model, int[] prompt, int[] response)
    {
        using var scope = Ops.Scope();
        var batch = new ResponseBatch([(prompt, response)]);
        return batch.Sums(TokenLogProbs.Forward(model, model.Hidden(batch.Batch), batch.Rows, batch.Targets))[0];
    }

    /// <summary>The gradient of log π(y|x), summed, by all base weights.</summary>
    public static float[] OfLogProb(DecoderWeights weights, int[] prompt, int[] response)
    {
        using var scope = Ops.Scope();
        var model = TestModels.Model(weights);
        var batch = new ResponseBatch([(prompt, response)]);
        var tape = new Tape(batch.Batch);
        var hidden = model.Hidden(batch.Batch, tape);
        using var gradient = weights.NewLike();
        Ops.Zero(gradient.Buffer.Flat);
        var (_, dHidden) = TokenLogProbs.Backward(model, hidden, batch.Rows, batch.Targets, batch.Spread([1]), gradient);
        model.Backward(tape, dHidden, gradient, null);
        return Ops.ToArray(gradient.Buffer.Flat);
    }
}
