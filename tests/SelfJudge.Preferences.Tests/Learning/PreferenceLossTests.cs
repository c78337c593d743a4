using System.Text.Json;
using CsCheck;
using SelfJudge.Preferences.Learning;
using SelfJudge.Tests.Shared;

namespace SelfJudge.Preferences.Tests.Learning;

public sealed class PreferenceLossTests
{
    [Fact]
    public void Dpo_and_hinge_give_the_numbers_of_torchtunes_own_test()
    {
        using var json = JsonDocument.Parse(File.ReadAllText(SharedData.Path("numbers/expected.json")));
        var expected = json.RootElement.GetProperty("torchtune_dpo");
        double[] Numbers(string name) => [.. expected.GetProperty(name).EnumerateArray().Select(e => e.GetDouble())];
        double[] policyChosen = Numbers("policy_chosen"), policyRejected = Numbers("policy_rejected"), refChosen = Numbers("ref_chosen"), refRejected = Numbers("ref_rejected");
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
        Assert.Equal(12.25, new PreferenceLoss(PreferenceLossKind.Ipo, 0.1, PerToken: true).Of(new PairLogProbs(-1, -4, -2, -1, 2, 3)).Loss, 12);
    }

    [Fact]
    public void Dpo_stays_finite_for_extreme_margins()
    {
        Assert.Equal(0, new PreferenceLoss().Of(new PairLogProbs(0, -1e6, 0, 0, 1, 1)).Loss, 12);
        Assert.Equal(1e5, new PreferenceLoss().Of(new PairLogProbs(-1e6, 0, 0, 0, 1, 1)).Loss, 6);
    }

    [Fact]
    public void Derivatives_are_those_of_the_loss() =>
        Gen.Select(Gen.Enum<PreferenceLossKind>(), Gen.Bool, Gen.Double[-30, 0], Gen.Double[-30, 0], Gen.Double[-30, 0], Gen.Double[-30, 0]).Sample((kind, perToken, pc, pr, rc, rr) =>
        {
            const double H = 1e-6;
            var loss = new PreferenceLoss(kind, 0.1, perToken);
            double At(double chosen, double rejected) => loss.Of(new PairLogProbs(chosen, rejected, rc, rr, 4, 3)).Loss;
            if (kind == PreferenceLossKind.Hinge && At(pc, pr) < 1e-3)
                return; // at the corner the derivative is one-sided
            var at = loss.Of(new PairLogProbs(pc, pr, rc, rr, 4, 3));
            Assert.Equal((At(pc + H, pr) - At(pc - H, pr)) / (2 * H), at.ByChosen, tolerance: 1e-4);
            Assert.Equal((At(pc, pr + H) - At(pc, pr - H)) / (2 * H), at.ByRejected, tolerance: 1e-4);
        });
}
