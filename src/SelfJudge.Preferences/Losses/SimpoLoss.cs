namespace SelfJudge.Preferences.Losses;

/// <summary>SimPO (Meng et al. 2024, equation 6), on means over tokens and without a reference: −log σ(βΔ − γ).</summary>
internal sealed class SimpoLoss : PairwiseLoss
{
    /// <summary>γ where a recipe gives none, as in TRL.</summary>
    private const double DefaultGamma = 0.5;

    public override bool NeedsReference => false;

    public override bool IsPerToken => true;

    public override IReadOnlyList<string> Settings => [nameof(PreferenceLoss.Gamma), nameof(PreferenceLoss.NllWeight)];

    public override LossSlopes Of(double chosen, double rejected, PreferenceLoss settings, double baseline)
    {
        var x = settings.Beta * (chosen - rejected) - (settings.Gamma ?? DefaultGamma);
        return LossSlopes.OfDelta(Logistic.Softplus(-x), -settings.Beta * Logistic.Sigmoid(-x));
    }
}
