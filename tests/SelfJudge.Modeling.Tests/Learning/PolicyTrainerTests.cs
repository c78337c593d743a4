using SelfJudge.Modeling.Decoders;
using SelfJudge.Modeling.Kernels;
using SelfJudge.Modeling.Kernels.Cpu;
using SelfJudge.Modeling.Learning;
using SelfJudge.Modeling.Learning.Objectives;
using SelfJudge.Modeling.Tensors;
using SelfJudge.Modeling.Workers;
using SelfJudge.Preferences.Learning;
using SelfJudge.Preferences.Losses;

namespace SelfJudge.Modeling.Tests.Learning;

public sealed class PolicyTrainerTests : IDisposable
{
    private readonly TorchSharp.DisposeScope _scope = Ops.Scope();
    private readonly DecoderWeights _weights = DecoderWeights.Random(TestModels.Config(), 5);

    public void Dispose()
    {
        _weights.Dispose();
        _scope.Dispose();
    }

    private static readonly PreferencePair[] Pairs =
        [.. Enumerable.Range(0, 5)
            .Select(i =>
            new PreferencePair(TestModels.Tokens(4 + i, (ulong)i), TestModels.Tokens(3 + 2 * i, (ulong)(10 + i)),
            TestModels.Tokens(9 - i, (ulong)(20 + i))))];

    [Theory]
    [InlineData(PreferenceLossKind.Sigmoid)]
    [InlineData(PreferenceLossKind.Hinge)]
    [InlineData(PreferenceLossKind.Ipo)]
    public void A_preference_step_reports_the_loss_of_the_log_probabilities(PreferenceLossKind kind)
    {
        var reference = TestModels.Model(_weights);
        using var adapter = TestModels.Adapter(_weights.Config);
        var policy = TestModels.Model(_weights, adapter);
        var loss = new PreferenceLoss(kind, 0.1);
        double Sum(DecoderModel model, int[] prompt, int[] response)
        {
            var batch = new ResponseBatch([(prompt, response)]);
            return batch.Sums(TokenLogProbs.Forward(model, model.Hidden(batch.Batch), batch.Rows, batch.Targets))[0];
        }
        var expected = Pairs.Select(p =>
            loss.Of(new PairLogProbs(Sum(policy, p.Prompt, p.Chosen), Sum(policy, p.Prompt, p.Rejected), Sum(reference, p.Prompt, p.Chosen),
                Sum(reference, p.Prompt, p.Rejected), p.Chosen.Length, p.Rejected.Length))).ToList();
        using var workers = new WorkerPool(2);
        using var trainer = new PolicyTrainer(policy, reference, workers, new OptimizerOptions());
        var report = trainer.Step(new PreferenceObjective(Pairs, loss), 1e-3);
        Assert.Equal(expected.Average(e => e.Loss), report.Loss, 3);
        Assert.Equal(expected.Average(e => e.Margin), report.Metrics["rewards/margins"], 4);
        Assert.Equal(expected.Average(e => e.ChosenReward), report.Metrics["rewards/chosen"], 4);
        Assert.True(report.GradientNorm > 0);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Repeated_preference_steps_raise_the_margin(bool lora)
    {
        using var adapter = lora ? LoraAdapter.Random(_weights.Config, new LoraConfig(4, 8, ["q_proj", "v_proj"]), Ops.Cpu, 1) : null;
        using var full = lora ? null : _weights.Clone();
        var reference = TestModels.Model(_weights);
        var before = Ops.ToArray(_weights.Buffer.Flat);
        using var workers = new WorkerPool(2);
        using var trainer = new PolicyTrainer(TestModels.Model(full ?? _weights, adapter), reference, workers, new OptimizerOptions());
        var first = trainer.Step(new PreferenceObjective(Pairs, new PreferenceLoss()), 5e-3);
        Assert.Equal(Math.Log(2), first.Loss, 4); // policy and reference begin alike
        StepReport last = first;
        for (var i = 0; i < 20; i++)
            last = trainer.Step(new PreferenceObjective(Pairs, new PreferenceLoss()), 5e-3);
        Assert.True(last.Loss < 0.6 && last.Metrics["rewards/margins"] > 0.1, $"loss {last.Loss}");
        Assert.Equal(before, Ops.ToArray(_weights.Buffer.Flat)); // the reference never moves
    }

    [Fact]
    public void Accumulated_batches_and_divided_work_give_the_step_of_one_batch()
    {
        float[] After(int workerCount, int maxTokens)
        {
            using var weights = _weights.Clone();
            using var workers = new WorkerPool(workerCount);
            using var trainer = new PolicyTrainer(TestModels.Model(weights), TestModels.Model(_weights), workers,
                new OptimizerOptions(MaxTokensPerBatch: maxTokens, ClipNorm: 0, Epsilon: 1e-3));
            trainer.Step(new PreferenceObjective(Pairs, new PreferenceLoss()), 1e-2);
            return Ops.ToArray(weights.Buffer.Flat);
        }
        var whole = After(1, 10_000);
        TestModels.AssertClose(whole, After(1, 20), 1e-4f);
        TestModels.AssertClose(whole, After(2, 10_000), 1e-4f);
        TestModels.AssertClose(whole, After(3, 25), 1e-4f);
    }

    /// <summary>What is computed again in the backward pass is what the forward pass had, to the bit.</summary>
    [Theory]
    [InlineData("cpu", false)]
    [InlineData("cpu", true)]
    [InlineData("torch", false)]
    [InlineData("torch", true)]
    public void With_gradient_checkpointing_the_steps_have_the_same_bits(string kernels, bool lora)
    {
        IKernels by = kernels == "cpu" ? CpuKernels.Instance : TorchKernels.Instance;
        (float[] Trained, float[] Gradients, double[] Figures) After(bool checkpointing)
        {
            using var full = lora ? null : _weights.Clone();
            using var adapter = lora ? TestModels.Adapter(_weights.Config) : null;
            using var workers = new WorkerPool(2);
            using var trainer = new PolicyTrainer(TestModels.Model(full ?? _weights, adapter, by), TestModels.Model(_weights, kernels: by),
                workers, new OptimizerOptions(ClipNorm: 0, MaxTokensPerBatch: 40, GradientCheckpointing: checkpointing));
            var tokens = TestModels.Tokens(12, 1);
            var supervised = trainer.Step(new SupervisedObjective(
                [new SupervisedExample(tokens, [.. Enumerable.Repeat(TokenPart.Response, 12)])], new PartWeights(1)), 1e-2);
            var mean = Ops.ToArray(trainer.Mean.Flat); // a tenth of the first step's gradient
            var preference = trainer.Step(new PreferenceObjective(Pairs, new PreferenceLoss()), 1e-2);
            return (Ops.ToArray(trainer.Trained.Flat), mean,
                [supervised.Loss, supervised.GradientNorm, preference.Loss, preference.GradientNorm]);
        }
        var (kept, recomputed) = (After(false), After(true));
        Assert.Equal(kept.Gradients, recomputed.Gradients);
        Assert.Equal(kept.Trained, recomputed.Trained);
        Assert.Equal(kept.Figures, recomputed.Figures);
        Assert.True(kept.Figures[1] > 0 && kept.Figures[3] > 0);
    }

    [Fact]
    public void A_checkpointing_tape_keeps_one_tensor_a_layer()
    {
        var batch = TestModels.Batch(7, 12);
        Tape kept = new(batch), checkpointed = new(batch, checkpointing: true);
        var model = TestModels.Model(_weights);
        Assert.Equal(Ops.ToArray(model.Hidden(batch, kept)), Ops.ToArray(model.Hidden(batch, checkpointed)));
        Assert.Equal((2, 0), (kept.Layers.Count, kept.Inputs.Count));
        Assert.Equal((0, 2), (checkpointed.Layers.Count, checkpointed.Inputs.Count));
        Assert.All(checkpointed.Inputs, x => Assert.Equal(19 * 20, x.NumberOfElements));
    }

    [Fact]
    public void The_same_step_twice_gives_the_same_bits()
    {
        float[] After()
        {
            using var weights = _weights.Clone();
            using var workers = new WorkerPool(2);
            using var trainer = new PolicyTrainer(TestModels.Model(weights), TestModels.Model(_weights), workers, new OptimizerOptions());
            for (var i = 0; i < 3; i++)
                trainer.Step(new PreferenceObjective(Pairs, new PreferenceLoss()), 1e-2);
            return Ops.ToArray(weights.Buffer.Flat);
        }
        Assert.Equal(After(), After());
    }

    [Fact]
    public void A_supervised_step_learns_the_weighted_parts_and_reports_each()
    {
        using var weights = _weights.Clone();
        var model = TestModels.Model(weights);
        var tokens = TestModels.Tokens(8, 1);
        var example = new SupervisedExample(tokens,
            [TokenPart.Context, TokenPart.Context, TokenPart.JudgePrompt, TokenPart.JudgePrompt, TokenPart.Response, TokenPart.Response,
            TokenPart.JudgeToken, TokenPart.Rationale]);
        var logProbs = TokenLogProbs.Forward(model, model.Hidden(PackedBatch.Of([tokens])), [0, 1, 2, 3, 4, 5, 6], tokens[1..]);
        using var workers = new WorkerPool(2);
        using var trainer = new PolicyTrainer(model, null, workers, new OptimizerOptions());
        var report = trainer.Step(new SupervisedObjective([example], new PartWeights(2, 3, 0, 0.5)), 1e-3);
        double response = -(logProbs[3] + logProbs[4]) / 2, judge = -logProbs[5], prompt = -(logProbs[1] + logProbs[2]) / 2;
        Assert.Equal(response, report.Metrics["loss/response"], 4);
        Assert.Equal(judge, report.Metrics["loss/judge_token"], 4);
        Assert.Equal(prompt, report.Metrics["loss/judge_prompt"], 4);
        Assert.Equal(2 * response + 3 * judge + 0.5 * prompt, report.Loss, 3);
        Assert.Equal(8, report.Tokens);
    }

    [Fact]
    public void The_gradient_norm_is_clipped_in_effect_not_in_the_report()
    {
        (double Norm, float[] Mean) Step(double clip)
        {
            using var weights = _weights.Clone();
            using var workers = new WorkerPool(1);
            using var trainer = new PolicyTrainer(TestModels.Model(weights), null, workers, new OptimizerOptions(ClipNorm: clip));
            var tokens = TestModels.Tokens(12, 1);
            var report = trainer.Step(new SupervisedObjective(
                [new SupervisedExample(tokens, [.. Enumerable.Repeat(TokenPart.Response, 12)])], new PartWeights(1)), 1e-3);
            return (report.GradientNorm, Ops.ToArray(trainer.Mean.Flat));
        }
        var (norm, free) = Step(0);
        var (same, clipped) = Step(norm / 4);
        Assert.Equal(norm, same, 6);
        TestModels.AssertClose(Array.ConvertAll(free, f => f / 4), clipped, 1e-4f);
    }

    /// <summary>Each of the steps at once: what is not finite is found before the weights and the moments change.</summary>
    [Fact]
    public void A_loss_that_is_not_finite_stops_the_run_and_changes_nothing()
    {
        SupervisedExample[] examples = [new([1, 2, 3], [TokenPart.Context, TokenPart.Response, TokenPart.Response])];
        RewardedResponse[] responses = [new([1, 2], [3, 4], double.NaN), new([1, 2], [5], 1)];
        Stops("the loss of step 1 is NaN: lower the learning rate", t =>
            t.Step(new SupervisedObjective(examples, new PartWeights(double.NaN)), 1e-3));
        Stops("the learning rate of step 1 is Infinity", t =>
            t.Step(new SupervisedObjective(examples, new PartWeights(1)), double.PositiveInfinity));
        Stops("the learning rate of step 1 is 1E+300", t => t.Step(new SupervisedObjective(examples, new PartWeights(1)), 1e300));
        Stops("of step 1 is", t =>
            t.Step(new PreferenceObjective(Pairs, new PreferenceLoss(PreferenceLossKind.Sigmoid, double.NaN)), 1e-3));
        Stops("of step 1 is", t => t.Step(new PreferenceObjective(Pairs, new PreferenceLoss(PreferenceLossKind.Ipo, 0)), 1e-3));
        Stops("of step 1 is", t =>
            t.Step(new PreferenceObjective(Pairs, new PreferenceLoss(PreferenceLossKind.Hinge, double.PositiveInfinity)), 1e-3));
        Stops("the learning rate of step 1 is NaN", t => t.Step(new BradleyTerryObjective(Pairs), double.NaN));
        Stops("of step 1 is", t => t.Step(new PpoObjective(responses, new PpoOptions { MiniBatch = 1 }, 0.2), 1e-3));
        Stops("of step 1 is", t =>
            t.Step(new PpoObjective([new([1, 2], [3, 4], 1), new([1], [2], 0)], new PpoOptions(), double.NaN), 1e-3));

        void Stops(string message, Func<PolicyTrainer, StepReport> step)
        {
            using var policy = _weights.CloneWithScalarHead();
            var before = Ops.ToArray(policy.Buffer.Flat);
            using var workers = new WorkerPool(2);
            using var trainer = new PolicyTrainer(TestModels.Model(policy), TestModels.Model(_weights), workers,
                new OptimizerOptions(WeightDecay: 0.1));
            Assert.Contains(message, Assert.Throws<ArithmeticException>(() => step(trainer)).Message, StringComparison.Ordinal);
            Assert.Equal(before, Ops.ToArray(policy.Buffer.Flat));
            Assert.Equal((0, 0.0), (trainer.Steps, Ops.SumOfSquares(trainer.Mean.Flat)));
        }
    }

    [Fact]
    public void A_reward_models_step_of_damaged_weights_stops_the_run_and_changes_nothing()
    {
        using var weights = _weights.CloneWithScalarHead();
        Ops.Floats(weights.Norm)[0] = float.NaN;
        var before = Ops.ToArray(weights.Buffer.Flat);
        using var workers = new WorkerPool(2);
        using var trainer = new PolicyTrainer(TestModels.Model(weights), null, workers, new OptimizerOptions());
        Assert.Contains("the gradient of step 1 is not finite",
            Assert.Throws<ArithmeticException>(() => trainer.Step(new BradleyTerryObjective(Pairs), 1e-3)).Message,
            StringComparison.Ordinal);
        Assert.Equal(before, Ops.ToArray(weights.Buffer.Flat));
        Assert.Equal(0, trainer.Steps);
    }

    [Fact]
    public void An_objective_that_needs_more_than_there_is_says_what()
    {
        using var workers = new WorkerPool(1);
        using var weights = _weights.CloneWithScalarHead();
        Refuses(weights, new PreferenceObjective(Pairs, new PreferenceLoss()), "compares with a reference model");
        Refuses(weights, new PpoObjective([new([1], [2], 0)], new PpoOptions(), 0.2), "compares with a reference model");
        Refuses(_weights, new BradleyTerryObjective(Pairs), "reads a scalar head");

        void Refuses(DecoderWeights policy, Objective objective, string message)
        {
            using var trainer = new PolicyTrainer(TestModels.Model(policy), null, workers, new OptimizerOptions());
            Assert.Contains(message, Assert.Throws<InvalidOperationException>(() => trainer.Step(objective, 1e-3)).Message,
                StringComparison.Ordinal);
        }
    }

    [Fact]
    public void A_gradient_that_is_not_finite_stops_the_run_and_changes_nothing()
    {
        using var weights = _weights.Clone();
        Ops.Floats(weights.Norm)[0] = float.NaN;
        var before = Ops.ToArray(weights.Buffer.Flat);
        using var workers = new WorkerPool(2);
        using var trainer = new PolicyTrainer(TestModels.Model(weights), null, workers, new OptimizerOptions());
        var problem = Assert.Throws<ArithmeticException>(() =>
            trainer.Step(
                new SupervisedObjective([new SupervisedExample([1, 2, 3], [TokenPart.Context, TokenPart.Response, TokenPart.Response])],
                new PartWeights(1)), 1e-3));
        Assert.Contains("the gradient of step 1 is not finite", problem.Message);
        Assert.Equal(before, Ops.ToArray(weights.Buffer.Flat));
    }
}
