using System.Text.Json;
using CsCheck;
using SelfJudge.Preferences.Losses;
using SelfJudge.Tests.Shared;

namespace SelfJudge.Preferences.Tests.Losses;

public sealed class PreferenceLossTests
{
    [Fact]
    public void Dpo_and_hinge_give_the_numbers_of_torchtunes_own_test()
    {
        using var json = JsonDocument.Parse(File.ReadAllText(TestData.Path("shared/numbers/expected.json")));
        var expected = json.RootElement.GetProperty("torchtune_dpo");
        double[] Numbers(string name) => [.. expected.GetProperty(name).EnumerateArray().Select(e => e.GetDouble())];
        double[] policyChosen = Numbers("policy_chosen"), policyRejected = Numbers("policy_rejected"), refChosen = Numbers("ref_chosen"),
            refRejected = Numbers("ref_rejected");
        var dpo = new PreferenceLoss(PreferenceLossKind.Sigmoid, expected.GetProperty("beta").GetDouble());
        var hinge = new PreferenceLoss(PreferenceLossKind.Hinge, expected.GetProperty("hinge_gamma").GetDouble());
        for (var i = 0; i < policyChosen.Length; i++)
        {
            var pair = new PairLogProbs(policyChosen[i], policyRejected[i], refChosen[i], refRejected[i], 1, 1);
            Assert.Equal(Numbers("dpo_losses_numeric")[i], dpo.Of(pair).Loss, 6);
            Assert.Equal(Numbers("hinge_losses")[i], hinge.Of(pair).Loss, 6);
        }
    }

    [Fact]
    public void Ipo_by_hand()
    {
        // Δ = (−1 − −2) − (−4 − −1) = 4; 1/(2β) = 5; (4 − 5)² = 1; derivative 2·(4 − 5) = −2.
        var loss = new PreferenceLoss(PreferenceLossKind.Ipo, 0.1).Of(new PairLogProbs(-1, -4, -2, -1, 3, 2));
        Assert.Equal(1, loss.Loss, 12);
        Assert.Equal(-2, loss.ByChosen, 12);
        Assert.Equal(2, loss.ByRejected, 12);
        Assert.Equal(0.1, loss.ChosenReward, 12);
        Assert.Equal(-0.3, loss.RejectedReward, 12);
        Assert.Equal(0.4, loss.Margin, 12);
    }

    [Fact]
    public void Ipo_per_token_divides_each_log_ratio_by_its_length_as_trl_does()
    {
        // Δ = 1/2 − (−3)/3 = 1.5; (1.5 − 5)² = 12.25.
        Assert.Equal(12.25, new PreferenceLoss(PreferenceLossKind.Ipo, 0.1, PerToken: true).Of(new PairLogProbs(-1, -4, -2, -1, 2, 3)).Loss,
            12);
    }

    [Fact]
    public void Dpo_stays_finite_for_extreme_margins()
    {
        Assert.Equal(0, new PreferenceLoss().Of(new PairLogProbs(0, -1e6, 0, 0, 1, 1)).Loss, 12);
        Assert.Equal(1e5, new PreferenceLoss().Of(new PairLogProbs(-1e6, 0, 0, 0, 1, 1)).Loss, 6);
    }

    /// <summary>
    /// Of log π = −2 over two tokens and −6 over three, under a reference of −3 and −5: u⁺ = 1, u⁻ = −1, Δ = 2, and per token
    /// 0.5 + 1/3. The figures are those of the papers' formulas in fifty digits.
    /// </summary>
    public static TheoryData<string, PreferenceLoss, double, double, double> Figures => new()
    {
        { "DPO: −log σ(1)", new(PreferenceLossKind.Sigmoid, 0.5), 0.313261687518, -0.134470710685, 0.134470710685 },
        { "DPO per token", new(PreferenceLossKind.Sigmoid, 0.5, PerToken: true), 0.506360046019, -0.099328665505, 0.066219110337 },
        { "cDPO: −0.9 log σ(1) − 0.1 log σ(−1)", new(PreferenceLossKind.Sigmoid, 0.5) { LabelSmoothing = 0.1 }, 0.413261687518,
            -0.084470710685, 0.084470710685 },
        { "robust: (−0.9 log σ(1) + 0.1 log σ(−1)) / 0.8", new(PreferenceLossKind.Robust, 0.5) { LabelSmoothing = 0.1 }, 0.188261687518,
            -0.196970710685, 0.196970710685 },
        { "robust without flips is DPO", new(PreferenceLossKind.Robust, 0.5), 0.313261687518, -0.134470710685, 0.134470710685 },
        { "SLiC: 1 − 0.5", new(PreferenceLossKind.Hinge, 0.25), 0.5, -0.25, 0.25 },
        { "SLiC per token: 1 − 0.25·5/6", new(PreferenceLossKind.Hinge, 0.25, PerToken: true), 0.791666666667, -0.125, 0.083333333333 },
        { "SLiC beyond its margin", new(PreferenceLossKind.Hinge, 1), 0, 0, 0 },
        { "IPO: (2 − 1)²", new(PreferenceLossKind.Ipo, 0.5), 1, 2, -2 },
        { "IPO per token: (5/6 − 1)²", new(PreferenceLossKind.Ipo, 0.5, PerToken: true), 0.027777777778, -0.166666666667, 0.111111111111 },
        { "SimPO: −log σ(2·(−1 − −2) − 0.3)", new(PreferenceLossKind.Simpo, 2) { Gamma = 0.3 }, 0.167786029386, -0.154465265084,
            0.102976843389 },
        { "SimPO by its default: −log σ(2 − 0.5)", new(PreferenceLossKind.Simpo, 2), 0.201413277983, -0.182425523806, 0.121617015871 },
        { "ORPO: 1 − 0.5 log σ(log-odds of e⁻¹ − those of e⁻²)", new(PreferenceLossKind.Orpo, 0.5), 1.119091513207, -0.583821651842,
            0.040852358436 },
        { "KTO: ½(1 − σ(0.5·0.6) + 1 − σ(0.5·1.4))", new(PreferenceLossKind.Kto, 0.5), 0.378684855510, -0.061114577923, 0.055428218323 },
        { "KTO weighted", new(PreferenceLossKind.Kto, 0.5) { DesirableWeight = 1.5, UndesirableWeight = 0.75 }, 0.443597697828,
            -0.091671866884, 0.041571163742 },
        { "DPO with the anchor: + 0.2·2/2", new(PreferenceLossKind.Sigmoid, 0.5) { NllWeight = 0.2 }, 0.513261687518, -0.234470710685,
            0.134470710685 },
        { "SimPO with the anchor", new(PreferenceLossKind.Simpo, 2) { Gamma = 0.3, NllWeight = 0.2 }, 0.367786029386, -0.254465265084,
            0.102976843389 },
    };

    [Theory]
    [MemberData(nameof(Figures))]
    public void Value_and_slopes_are_those_of_the_papers_formula(string formula, PreferenceLoss loss, double value, double byChosen,
        double byRejected)
    {
        var at = loss.Of(Pair, baseline: 0.4);
        Assert.Equal((formula, value, byChosen, byRejected),
            (formula, Math.Round(at.Loss, 12), Math.Round(at.ByChosen, 12), Math.Round(at.ByRejected, 12)));
    }

    [Theory]
    [InlineData(PreferenceLossKind.Sigmoid, null, false)]
    [InlineData(PreferenceLossKind.Sigmoid, 0.0, false)]
    [InlineData(PreferenceLossKind.Sigmoid, 0.1, true)]
    [InlineData(PreferenceLossKind.Orpo, null, true)]
    [InlineData(PreferenceLossKind.Kto, null, false)]
    public void The_likelihood_of_the_chosen_response_is_part_of_orpo_and_of_what_is_anchored(
        PreferenceLossKind kind, double? weight, bool hasNll) =>
        Assert.Equal(hasNll, new PreferenceLoss(kind) { NllWeight = weight }.HasNll);

    private static readonly PairLogProbs Pair = new(-2, -6, -3, -5, 2, 3);

    [Fact]
    public void Rewards_are_beta_times_what_the_loss_compares()
    {
        (double, double, double) Rewards(PreferenceLoss loss) =>
            loss.Of(Pair) is var at ? (at.ChosenReward, at.RejectedReward, at.Margin) : default;
        Assert.Equal((0.5, -0.5, 1), Rewards(new(PreferenceLossKind.Kto, 0.5)));
        Assert.Equal((0.25, -0.5 / 3, 0.25 + 0.5 / 3), Rewards(new(PreferenceLossKind.Sigmoid, 0.5, PerToken: true)));
        Assert.Equal((-2, -4, 2), Rewards(new(PreferenceLossKind.Simpo, 2)));
        Assert.Equal((-0.5, -1, 0.5), Rewards(new(PreferenceLossKind.Orpo, 0.5)));
    }

    [Theory]
    [InlineData(PreferenceLossKind.Simpo)]
    [InlineData(PreferenceLossKind.Orpo)]
    public void A_loss_without_a_reference_does_not_look_at_one(PreferenceLossKind kind)
    {
        var loss = new PreferenceLoss(kind, 2);
        Assert.False(loss.NeedsReference);
        Assert.Equal(loss.Of(Pair), loss.Of(Pair with { ReferenceChosen = double.NaN, ReferenceRejected = double.NaN }));
        Assert.All(Enum.GetValues<PreferenceLossKind>().Where(k => k is not (PreferenceLossKind.Simpo or PreferenceLossKind.Orpo)), k =>
            Assert.True(new PreferenceLoss(k).NeedsReference));
    }

    /// <summary>Where a model is certain of a response, its odds would be infinite.</summary>
    [Theory]
    [InlineData(0, -6)]
    [InlineData(-2, 0)]
    [InlineData(0, 0)]
    public void Orpo_stays_finite_for_certain_responses(double chosen, double rejected)
    {
        var at = new PreferenceLoss(PreferenceLossKind.Orpo).Of(Pair with { PolicyChosen = chosen, PolicyRejected = rejected });
        Assert.True(double.IsFinite(at.Loss) && double.IsFinite(at.ByChosen) && double.IsFinite(at.ByRejected), $"{at}");
    }

    /// <summary>In expectation over labels flipped with probability ε, robust DPO is DPO on the true ones (Chowdhury et al. 2024, lemma
    /// 3.1).</summary>
    [Fact]
    public void Robust_dpo_is_unbiased()
    {
        var robust = new PreferenceLoss(PreferenceLossKind.Robust, 0.3) { LabelSmoothing = 0.2 };
        PairLogProbs flipped = new(Pair.PolicyRejected, Pair.PolicyChosen, Pair.ReferenceRejected, Pair.ReferenceChosen, 3, 2);
        Assert.Equal(new PreferenceLoss(PreferenceLossKind.Sigmoid, 0.3).Of(Pair).Loss,
            0.8 * robust.Of(Pair).Loss + 0.2 * robust.Of(flipped).Loss, 12);
    }

    [Fact]
    public void Derivatives_are_those_of_the_loss() =>
        Gen.Select(Gen.Enum<PreferenceLossKind>(), Gen.Bool, Gen.Double[-30, -1], Gen.Double[-30, -1], Gen.Double[-30, -1],
            Gen.Double[-30, -1], Gen.Double[0, 0.4]).Sample((kind, perToken, pc, pr, rc, rr, setting) =>
        {
            const double H = 1e-6;
            var loss = new PreferenceLoss(kind, 0.1, perToken)
            {
                LabelSmoothing = setting,
                Gamma = setting,
                NllWeight = setting,
                DesirableWeight = 2 * setting,
                UndesirableWeight = 3 * setting
            };
            PairLoss At(double chosen, double rejected) => loss.Of(new PairLogProbs(chosen, rejected, rc, rr, 4, 3), setting);
            var at = At(pc, pr);
            if (kind == PreferenceLossKind.Hinge && Math.Abs(at.Margin - 1) < 1e-3)
                return; // at the corner the derivative is one-sided
            Assert.Equal((At(pc + H, pr).Loss - At(pc - H, pr).Loss) / (2 * H), at.ByChosen, tolerance: 1e-4);
            Assert.Equal((At(pc, pr + H).Loss - At(pc, pr - H).Loss) / (2 * H), at.ByRejected, tolerance: 1e-4);
        });
}
