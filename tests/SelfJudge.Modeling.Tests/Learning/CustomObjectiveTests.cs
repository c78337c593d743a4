using SelfJudge.Modeling.Decoders;
using SelfJudge.Modeling.Learning;
using SelfJudge.Modeling.Tensors;
using SelfJudge.Modeling.Workers;

namespace SelfJudge.Modeling.Tests.Learning;

/// <summary>What an objective that somebody else writes may do wrong is an error, and changes nothing.</summary>
public sealed class CustomObjectiveTests : IDisposable
{
    private readonly TorchSharp.DisposeScope _scope = Ops.Scope();
    private readonly DecoderWeights _weights = DecoderWeights.Random(TestModels.Config(), 5);

    public void Dispose()
    {
        _weights.Dispose();
        _scope.Dispose();
    }

    private sealed record Written(Func<IPasses, IReadOnlyList<int>, double> Body) : Objective
    {
        public override IReadOnlyList<int> Lengths => [7];

        public override StepReport Step(IPasses passes) => new(0, Body(passes, Lengths), 7, new Dictionary<string, double>());
    }

    private static readonly ResponseBatch Responses = new([(TestModels.Tokens(4, 1), TestModels.Tokens(3, 2))]);

    [Fact]
    public void Targets_and_slopes_are_one_for_each_row()
    {
        Refused<ArgumentException>("there are 3 rows, but 4 targets", pass => pass.LogProbs(Responses.Rows, [1, 2, 3, 4]));
        Refused<ArgumentException>("there are 3 rows, but 4 targets", pass => pass.Backward(Responses.Rows, [1, 2, 3, 4], [1, 1, 1]));
        Refused<ArgumentException>("there are 3 rows, but 4 byLogProb", pass =>
            pass.Backward(Responses.Rows, Responses.Targets, [1, 1, 1, 1]));
        Refused<ArgumentException>("there are 3 rows, but 1 byScalar", pass =>
            pass.Backward(Responses.Rows, Responses.Targets, [1, 1, 1], [1]));
        Refused<ArgumentException>("there are 3 rows, but 4 byScalar", pass => pass.BackwardScalars(Responses.Rows, [1, 1, 1, 1]));
    }

    [Fact]
    public void A_batch_that_is_only_read_has_no_gradient() =>
        Refused<InvalidOperationException>("the batch is only read: gradients are of updates",
            pass => pass.Backward(Responses.Rows, Responses.Targets, [1, 1, 1]), isRead: true);

    private void Refused<T>(string message, Action<BatchPass> wrong, bool isRead = false)
        where T : Exception
    {
        var before = Ops.ToArray(_weights.Buffer.Flat);
        using var workers = new WorkerPool(1);
        using var trainer = new PolicyTrainer(TestModels.Model(_weights), null, workers, new OptimizerOptions());
        void Pass(int[] batch, BatchPass pass)
        {
            pass.Forward(Responses.Batch);
            wrong(pass);
        }
        double Body(IPasses passes, IReadOnlyList<int> lengths)
        {
            if (!isRead)
                return passes.Update(lengths, Pass, () => 0);
            passes.Read(lengths, Pass);
            return 0;
        }
        Assert.StartsWith(message, Assert.Throws<T>(() => trainer.Step(new Written(Body), 1e-3)).Message, StringComparison.Ordinal);
        Assert.Equal(before, Ops.ToArray(_weights.Buffer.Flat));
    }
}
