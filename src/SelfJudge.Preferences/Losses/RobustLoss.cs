namespace SelfJudge.Preferences.Losses;

/// <summary>
/// Robust DPO (Chowdhury et al. 2024), whose mean over labels that are flipped with probability ε is DPO's loss on the
/// true ones: [−(1 − ε)·log σ(βΔ) + ε·log σ(−βΔ)] / (1 − 2ε).
/// </summary>
internal sealed class RobustLoss : PairwiseLoss
{
    public override IReadOnlyList<string> Settings =>
        [nameof(PreferenceLoss.PerToken), nameof(PreferenceLoss.LabelSmoothing), nameof(PreferenceLoss.NllWeight)];

    public override LossSlopes Of(double chosen, double rejected, PreferenceLoss settings, double baseline)
    {
        var (beta, wrong) = (settings.Beta, settings.LabelSmoothing ?? 0);
        var x = beta * (chosen - rejected);
        return LossSlopes.OfDelta(
            ((1 - wrong) * Logistic.Softplus(-x) - wrong * Logistic.Softplus(x)) / (1 - 2 * wrong),
            -beta * ((1 - wrong) * Logistic.Sigmoid(-x) + wrong * Logistic.Sigmoid(x)) / (1 - 2 * wrong));
    }
}
