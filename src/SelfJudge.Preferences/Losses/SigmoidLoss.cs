namespace SelfJudge.Preferences.Losses;

/// <summary>
/// DPO (Rafailov et al. 2023, equation 7): −log σ(βΔ). With label smoothing ε it is conservative DPO (Mitchell 2023), for
/// labels that are wrong with probability ε: −(1 − ε)·log σ(βΔ) − ε·log σ(−βΔ).
/// </summary>
internal sealed class SigmoidLoss : PairwiseLoss
{
    public override IReadOnlyList<string> Settings =>
        [nameof(PreferenceLoss.PerToken), nameof(PreferenceLoss.LabelSmoothing), nameof(PreferenceLoss.NllWeight)];

    public override LossSlopes Of(double chosen, double rejected, PreferenceLoss settings, double baseline)
    {
        var (beta, wrong) = (settings.Beta, settings.LabelSmoothing ?? 0);
        var x = beta * (chosen - rejected);
        return LossSlopes.OfDelta(
            (1 - wrong) * Logistic.Softplus(-x) + wrong * Logistic.Softplus(x),
            (1 - wrong) * (-beta / (1 + Math.Exp(x))) + wrong * (beta / (1 + Math.Exp(-x))));
    }
}
