namespace SelfJudge.Preferences.Losses;

/// <summary>
/// KTO (Ethayarajh et al. 2024) on both responses of a pair, the chosen one desirable and the rejected one undesirable;
/// the mean over the two: ½·[λ_D·(1 − σ(β(u⁺ − z₀))) + λ_U·(1 − σ(β(z₀ − u⁻)))]. The divergence z₀ is of the whole batch and has no
/// gradient.
/// </summary>
internal sealed class KtoLoss : PairwiseLoss
{
    public override bool NeedsBaseline => true;

    public override IReadOnlyList<string> Settings =>
        [nameof(PreferenceLoss.DesirableWeight), nameof(PreferenceLoss.UndesirableWeight), nameof(PreferenceLoss.NllWeight)];

    public override LossSlopes Of(double chosen, double rejected, PreferenceLoss settings, double baseline)
    {
        double gain = Logistic.Sigmoid(settings.Beta * (chosen - baseline)), loss = Logistic.Sigmoid(settings.Beta * (baseline - rejected));
        double desirable = (settings.DesirableWeight ?? 1) / 2, undesirable = (settings.UndesirableWeight ?? 1) / 2;
        return new LossSlopes(
            desirable * (1 - gain) + undesirable * (1 - loss),
            -desirable * settings.Beta * gain * (1 - gain),
            undesirable * settings.Beta * loss * (1 - loss));
    }
}
