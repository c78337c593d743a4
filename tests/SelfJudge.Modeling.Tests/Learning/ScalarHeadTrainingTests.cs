using SelfJudge.Modeling.Decoders;
using SelfJudge.Modeling.Learning;
using SelfJudge.Modeling.Learning.Objectives;
using SelfJudge.Modeling.Tensors;
using SelfJudge.Modeling.Tests.Learning.Objectives;
using SelfJudge.Modeling.Workers;
using SelfJudge.Preferences.Learning;

namespace SelfJudge.Modeling.Tests.Learning;

public sealed class ScalarHeadTrainingTests : IDisposable
{
    private readonly TorchSharp.DisposeScope _scope = Ops.Scope();
    private readonly DecoderWeights _reference = DecoderWeights.Random(TestModels.Config(), 5);
    private readonly DecoderWeights _weights;

    public ScalarHeadTrainingTests()
    {
        _weights = _reference.CloneWithScalarHead();
        // A head of zeros would pass no gradient on to the layers.
        TestModels.Tokens(_weights.Config.HiddenSize, 3).Select((t, i) => (t % 7 - 3) * 0.1f).ToArray().CopyTo(Ops.Floats(_weights.Score!));
    }

    public void Dispose()
    {
        _weights.Dispose();
        _reference.Dispose();
        _scope.Dispose();
    }

    private static readonly PreferencePair[] Pairs =
        [.. Enumerable.Range(0, 5)
            .Select(i =>
            new PreferencePair(TestModels.Tokens(4 + i, (ulong)i), TestModels.Tokens(3 + 2 * i, (ulong)(10 + i)),
            TestModels.Tokens(9 - i, (ulong)(20 + i))))];

    private static readonly RewardedResponse[] Responses =
        [.. Enumerable.Range(0, 6)
            .Select(i => new RewardedResponse(TestModels.Tokens(3 + i, (ulong)i), TestModels.Tokens(2 + i, (ulong)(30 + i)), i % 3 - 0.5))];

    [Theory]
    [InlineData(1, 10_000)]
    [InlineData(2, 20)]
    public void The_gradient_of_the_bradley_terry_loss_is_that_of_finite_differences(int workerCount, int maxTokens)
    {
        double Loss(DecoderModel model) => Pairs.Average(p =>
        {
            var rewards = ScalarReadings.Rewards(model,
                [new ResponseSequence(p.Prompt, p.Chosen), new ResponseSequence(p.Prompt, p.Rejected)]);
            return BradleyTerry.Of(rewards[0] - rewards[1]).Loss;
        });
        var (report, gradient) = TrainedGradient.Of(new BradleyTerryObjective(Pairs), _weights, null, workerCount, maxTokens);
        Assert.Equal(Loss(TestModels.Model(_weights)), report.Loss, 5);
        TrainedGradient.AssertIsOf(_weights, gradient, Loss);
    }

    [Theory]
    [InlineData(1, 10_000)]
    [InlineData(2, 20)]
    public void The_gradient_of_ppo_is_that_of_finite_differences(int workerCount, int maxTokens)
    {
        var options = new PpoOptions { ValueCoefficient = 0.5, MiniBatch = Responses.Length };
        var rollouts = Responses.Select(r =>
        {
            var (logProbs, values) = Read(TestModels.Model(_weights), r);
            var rewards = Ppo.TokenRewards(r.Reward, logProbs, Read(TestModels.Model(_weights), r, TestModels.Model(_reference)).LogProbs,
                0.2);
            var (advantages, returns) = Ppo.Advantages(rewards, values, options.Discount, options.Lambda);
            return (logProbs, values, advantages, returns);
        }).ToList();
        Ppo.Whiten([.. rollouts.Select(r => r.advantages)]);
        double Loss(DecoderModel model) => Responses.Zip(rollouts).Sum(p =>
        {
            var (logProbs, values) = Read(model, p.First);
            var (old, oldValues, advantages, returns) = p.Second;
            return Enumerable.Range(0, logProbs.Length)
                .Sum(t => Ppo.Token(logProbs[t], old[t], advantages[t], values[t], oldValues[t], returns[t], options) is var token
                ? token.Policy + options.ValueCoefficient * token.Value : 0);
        }) / Responses.Sum(r => r.Response.Length);
        var (report, gradient) = TrainedGradient.Of(new PpoObjective(Responses, options, 0.2), _weights, _reference, workerCount,
            maxTokens);
        Assert.Equal(Loss(TestModels.Model(_weights)), report.Loss, 4);
        TrainedGradient.AssertIsOf(_weights, gradient, Loss);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_reward_model_learns_which_response_is_chosen(bool lora)
    {
        using var adapter = lora ? LoraAdapter.Random(_reference.Config, new LoraConfig(4, 8, ["q_proj", "v_proj"], ScalarHead: true),
            Ops.Cpu, 1) : null;
        using var workers = new WorkerPool(2);
        using var trainer = new PolicyTrainer(lora ? TestModels.Model(_reference, adapter) : TestModels.Model(_weights), null, workers,
            new OptimizerOptions());
        var first = trainer.Step(new BradleyTerryObjective(Pairs), 1e-2);
        if (lora)
            Assert.Equal(Math.Log(2), first.Loss, 5); // the head begins at zero
        var last = first;
        for (var i = 0; i < 30; i++)
            last = trainer.Step(new BradleyTerryObjective(Pairs), 1e-2);
        Assert.True(last.Loss < first.Loss / 2, $"{first.Loss} to {last.Loss}");
        Assert.Equal(1, last.Metrics["rewards/accuracies"]);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Ppo_makes_the_rewarded_response_likelier_and_learns_its_value(bool lora)
    {
        using var adapter = lora ? LoraAdapter.Random(_reference.Config, new LoraConfig(4, 8, ["q_proj", "v_proj"], ScalarHead: true),
            Ops.Cpu, 1) : null;
        var policy = lora ? TestModels.Model(_reference, adapter) : TestModels.Model(_weights);
        RewardedResponse good = new(TestModels.Tokens(4, 1), TestModels.Tokens(5, 2), 1),
            bad = new(good.Prompt, TestModels.Tokens(5, 9), -1);
        using var workers = new WorkerPool(2);
        using var trainer = new PolicyTrainer(policy, TestModels.Model(_reference), workers, new OptimizerOptions());
        double Sum(RewardedResponse r) => Read(policy, r).LogProbs.Sum(p => (double)p);
        double before = Sum(good) - Sum(bad), firstValueLoss = 0, lastValueLoss = 0;
        for (var i = 0; i < 30; i++)
        {
            lastValueLoss = trainer.Step(new PpoObjective([good, bad], new PpoOptions { MiniBatch = 2 }, 0.01),
                3e-3).Metrics["loss/value_avg"];
            if (i == 0)
                firstValueLoss = lastValueLoss;
        }
        Assert.True(Sum(good) - Sum(bad) > before + 1, $"{before} to {Sum(good) - Sum(bad)}");
        Assert.True(lastValueLoss < firstValueLoss, $"value loss {firstValueLoss} to {lastValueLoss}");
    }

    [Fact]
    public void Mini_batches_are_updates_of_their_own()
    {
        using var weights = _weights.Clone();
        using var workers = new WorkerPool(2);
        using var trainer = new PolicyTrainer(TestModels.Model(weights), TestModels.Model(_reference), workers, new OptimizerOptions());
        var report = trainer.Step(new PpoObjective(Responses, new PpoOptions { MiniBatch = 2, InnerEpochs = 2 }, 0.2), 1e-3);
        Assert.Equal(6, trainer.Steps);
        Assert.True(report.Metrics["policy/approxkl_avg"] > 0);
    }

    private static (float[] LogProbs, double[] Values) Read(DecoderModel model, RewardedResponse response, DecoderModel? logProbsOf = null)
    {
        using var scope = Ops.Scope();
        var batch = new ResponseBatch([(response.Prompt, response.Response)]);
        var other = logProbsOf ?? model;
        return (TokenLogProbs.Forward(other, other.Hidden(batch.Batch), batch.Rows, batch.Targets),
            Array.ConvertAll(ScalarReadings.Forward(model, model.Hidden(batch.Batch), batch.Rows), v => (double)v));
    }
}
