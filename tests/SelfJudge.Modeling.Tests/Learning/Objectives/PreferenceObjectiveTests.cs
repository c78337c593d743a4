using System.Reflection;
using SelfJudge.Modeling.Decoders;
using SelfJudge.Modeling.Kernels;
using SelfJudge.Modeling.Kernels.Cpu;
using SelfJudge.Modeling.Learning;
using SelfJudge.Modeling.Learning.Objectives;
using SelfJudge.Modeling.Tensors;
using SelfJudge.Modeling.Workers;
using SelfJudge.Preferences.Losses;

namespace SelfJudge.Modeling.Tests.Learning.Objectives;

public sealed class PreferenceObjectiveTests : IDisposable
{
    private readonly TorchSharp.DisposeScope _scope = Ops.Scope();
    private readonly DecoderWeights _weights = DecoderWeights.Random(TestModels.Config(), 5);
    private readonly DecoderWeights _reference = DecoderWeights.Random(TestModels.Config(), 6);

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

    /// <summary>A pair's log-probabilities, and the formula of its loss from the paper.</summary>
    private readonly record struct At(double Chosen, double Rejected, double RefChosen, double RefRejected, int ChosenTokens,
        int RejectedTokens, double Kl)
    {
        public double U => Chosen - RefChosen;
        public double V => Rejected - RefRejected;
        public double MeanChosen => Chosen / ChosenTokens;
        public double MeanRejected => Rejected / RejectedTokens;
    }

    private static double S(double x) => 1 / (1 + Math.Exp(-x));

    private static double LogOdds(double mean) => Math.Log(Math.Exp(mean) / (1 - Math.Exp(mean)));

    private static readonly Dictionary<string, (PreferenceLoss Loss, Func<At, double> Formula)> Losses = new()
    {
        ["dpo"] = (new(PreferenceLossKind.Sigmoid), p => -Math.Log(S(0.1 * (p.U - p.V)))),
        ["dpo per token"] = (new(PreferenceLossKind.Sigmoid, 0.5, PerToken: true), p =>
            -Math.Log(S(0.5 * (p.U / p.ChosenTokens - p.V / p.RejectedTokens)))),
        ["cdpo"] = (new(PreferenceLossKind.Sigmoid) { LabelSmoothing = 0.2 }, p =>
            -0.8 * Math.Log(S(0.1 * (p.U - p.V))) - 0.2 * Math.Log(S(-0.1 * (p.U - p.V)))),
        ["robust"] = (new(PreferenceLossKind.Robust) { LabelSmoothing = 0.2 }, p =>
            (-0.8 * Math.Log(S(0.1 * (p.U - p.V))) + 0.2 * Math.Log(S(-0.1 * (p.U - p.V)))) / 0.6),
        ["hinge"] = (new(PreferenceLossKind.Hinge), p => Math.Max(0, 1 - 0.1 * (p.U - p.V))),
        ["ipo"] = (new(PreferenceLossKind.Ipo, 0.5), p => Math.Pow(p.U - p.V - 1, 2)),
        ["simpo"] = (new(PreferenceLossKind.Simpo, 2) { Gamma = 0.6 }, p => -Math.Log(S(2 * (p.MeanChosen - p.MeanRejected) - 0.6))),
        ["orpo"] = (new(PreferenceLossKind.Orpo, 0.4), p =>
            -p.MeanChosen - 0.4 * Math.Log(S(LogOdds(p.MeanChosen) - LogOdds(p.MeanRejected)))),
        ["kto"] = (new(PreferenceLossKind.Kto) { DesirableWeight = 1.5, UndesirableWeight = 0.8 }, p =>
            (1.5 * (1 - S(0.1 * (p.U - p.Kl))) + 0.8 * (1 - S(0.1 * (p.Kl - p.V)))) / 2),
        ["anchored dpo"] = (new(PreferenceLossKind.Sigmoid) { NllWeight = 0.7 }, p => -Math.Log(S(0.1 * (p.U - p.V))) - 0.7 * p.MeanChosen),
    };

    public static TheoryData<string> Names => [.. Losses.Keys];

    /// <summary>
    /// Against finite differences of the paper's formula, and closer against the sum of the log-probabilities' own gradients,
    /// each times the formula's slope: there a wrong scale of either response shows in every digit.
    /// </summary>
    [Theory]
    [MemberData(nameof(Names))]
    public void The_gradient_is_that_of_the_papers_formula(string name)
    {
        var (loss, formula) = Losses[name];
        var kl = Kl();
        double Loss(DecoderModel model) => Pairs.Average(p => formula(Read(model, p, kl)));
        var slopes = Pairs.Select(p => Slopes(formula, Read(TestModels.Model(_weights), p, kl))).ToList();
        if (name == "hinge")
            Assert.Equal(2, slopes.Distinct().Count()); // pairs on either side of the corner
        var expected = new double[_weights.Buffer.Layout.Size];
        foreach (var (pair, (byChosen, byRejected)) in Pairs.Zip(slopes))
            foreach (var (response, slope) in new[] { (pair.Chosen, byChosen), (pair.Rejected, byRejected) })
                foreach (var (i, g) in TrainedGradient.OfLogProb(_weights, pair.Prompt, response).Index())
                    expected[i] += slope * g / Pairs.Length;
        var norm = Math.Sqrt(expected.Sum(g => g * g));
        foreach (var (workers, maxTokens) in new[] { (1, 10_000), (2, 20) })
        {
            var (report, gradient) = TrainedGradient.Of(new PreferenceObjective(Pairs, loss), _weights,
                loss.NeedsReference ? _reference : null, workers, maxTokens);
            Assert.Equal(Loss(TestModels.Model(_weights)), report.Loss, 1e-4 * (1 + report.Loss));
            var distance = Math.Sqrt(expected.Zip(gradient, (e, g) => (e - g) * (e - g)).Sum());
            Assert.True(distance < 1e-4 * norm, $"{distance} of {norm}");
            TrainedGradient.AssertIsOf(_weights, gradient, Loss);
        }
    }

    [Fact]
    public void Figures_are_those_of_the_field()
    {
        var at = Pairs.Select(p => Read(TestModels.Model(_weights), p, 0)).ToList();
        StepReport Report(PreferenceLoss loss) =>
            TrainedGradient.Of(new PreferenceObjective(Pairs, loss), _weights, loss.NeedsReference ? _reference : null, 2, 40).Report;
        string[] common = ["logps/chosen", "logps/rejected", "rewards/accuracies", "rewards/chosen", "rewards/margins", "rewards/rejected"];
        var simpo = Report(new(PreferenceLossKind.Simpo, 2));
        Assert.Equal(common, simpo.Metrics.Keys.Order(StringComparer.Ordinal));
        Assert.Equal(2 * at.Average(p => p.MeanChosen), simpo.Metrics["rewards/chosen"], 3);
        var kto = Report(new(PreferenceLossKind.Kto) { NllWeight = 0.1 });
        Assert.Equal(["kl", .. common[..2], "nll_loss", "objective/kl", .. common[2..]], kto.Metrics.Keys.Order(StringComparer.Ordinal));
        Assert.Equal(Kl(), kto.Metrics["kl"], 3);
        Assert.Equal(-at.Average(p => p.MeanChosen), kto.Metrics["nll_loss"], 3);
        Assert.Equal(-at.Average(p => p.MeanChosen), Report(new(PreferenceLossKind.Orpo)).Metrics["nll_loss"], 3);
        // The mismatched sequences pass through the trained model as well.
        Assert.Equal(2 * simpo.Tokens, kto.Tokens);
    }

    /// <summary>No second forward pass, even where there is a reference.</summary>
    [Theory]
    [InlineData(PreferenceLossKind.Simpo, 0)]
    [InlineData(PreferenceLossKind.Orpo, 0)]
    [InlineData(PreferenceLossKind.Sigmoid, 1)]
    [InlineData(PreferenceLossKind.Kto, 2)]
    public void A_loss_without_a_reference_computes_none(PreferenceLossKind kind, int passes)
    {
        var kernels = DispatchProxy.Create<IKernels, CountedPasses>();
        using var workers = new WorkerPool(1);
        using var trainer = new PolicyTrainer(TestModels.Model(_weights), TestModels.Model(_reference, kernels: kernels), workers,
            new OptimizerOptions());
        trainer.Step(new PreferenceObjective(Pairs, new(kind)), 0);
        Assert.Equal(passes, ((CountedPasses)kernels).Passes);
    }

    [Fact]
    public void The_divergence_is_measured_where_prompts_and_responses_do_not_belong_together()
    {
        PreferencePair[] pairs = [new([1, 2], [3], [4]), new([1, 2], [5], [6]), new([7], [8, 9, 10], [11, 12])];
        var mismatched = KlBaseline.Mismatched(pairs);
        // The first two have one prompt; of the third's responses what is longer than any sequence of the batch, four tokens, is cut.
        int[][] expected = [[1, 2, 8, 9], [1, 2, 11, 12], [1, 2, 8, 9], [1, 2, 11, 12], [7, 3], [7, 4]];
        Assert.Equal(expected, mismatched.Select(m => (int[])[.. m.Prompt, .. m.Response]));
        Assert.Empty(KlBaseline.Mismatched(pairs[..2]));
    }

    [Fact]
    public void A_divergence_below_zero_counts_as_zero_and_so_does_none()
    {
        // The policy finds the mismatched responses less likely than the reference does.
        var (weights, reference) = Kl(clamped: false) < 0 ? (_weights, _reference) : (_reference, _weights);
        double Baseline(PreferencePair[] pairs, DecoderWeights policy, DecoderWeights against) =>
            TrainedGradient.Of(new PreferenceObjective(pairs, new(PreferenceLossKind.Kto)), policy, against, 1,
                10_000).Report.Metrics["kl"];
        Assert.Equal(0, Baseline(Pairs, weights, reference));
        Assert.True(Baseline(Pairs, reference, weights) > 0);
        Assert.Equal(0, Baseline(Pairs[..1], reference, weights));
    }

    private At Read(DecoderModel model, PreferencePair p, double kl)
    {
        var reference = TestModels.Model(_reference);
        return new At(TrainedGradient.LogProb(model, p.Prompt, p.Chosen), TrainedGradient.LogProb(model, p.Prompt, p.Rejected),
            TrainedGradient.LogProb(reference, p.Prompt, p.Chosen), TrainedGradient.LogProb(reference, p.Prompt, p.Rejected),
                p.Chosen.Length, p.Rejected.Length, kl);
    }

    private double Kl(bool clamped = true)
    {
        DecoderModel policy = TestModels.Model(_weights), reference = TestModels.Model(_reference);
        var mean = Enumerable.Range(0, Pairs.Length)
            .Average(i => new[] { Pairs[(i + 1) % Pairs.Length].Chosen, Pairs[(i + 1) % Pairs.Length].Rejected }
            .Average(y => TrainedGradient.LogProb(policy, Pairs[i].Prompt, y) - TrainedGradient.LogProb(reference, Pairs[i].Prompt, y)));
        return clamped ? Math.Max(0, mean) : mean;
    }

    private static (double, double) Slopes(Func<At, double> formula, At at)
    {
        const double H = 1e-5;
        return (Math.Round((formula(at with { Chosen = at.Chosen + H }) - formula(at with { Chosen = at.Chosen - H })) / (2 * H), 8),
            Math.Round((formula(at with { Rejected = at.Rejected + H }) - formula(at with { Rejected = at.Rejected - H })) / (2 * H), 8));
    }

    /// <summary>Kernels that count the forward passes of a model of two layers.</summary>
    public class CountedPasses : DispatchProxy
    {
        private int _attended;

        public int Passes => _attended / 2;

        protected override object? Invoke(MethodInfo? targetMethod, object?[]? args)
        {
            if (targetMethod!.Name == nameof(IKernels.Attend))
                _attended++;
            return targetMethod.Invoke(CpuKernels.Instance, args);
        }
    }
}
