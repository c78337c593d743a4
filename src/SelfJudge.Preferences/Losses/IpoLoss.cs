namespace SelfJudge.Preferences.Losses;

/// <summary>IPO (Azar et al. 2023, equation 17): (Δ − 1/(2β))².</summary>
internal sealed class IpoLoss : PairwiseLoss
{
    public override IReadOnlyList<string> Settings => [nameof(PreferenceLoss.PerToken), nameof(PreferenceLoss.NllWeight)];

    public override LossSlopes Of(double chosen, double rejected, PreferenceLoss settings, double baseline)
    {
        var error = chosen - rejected - 1 / (2 * settings.Beta);
        return LossSlopes.OfDelta(Math.Pow(error, 2), 2 * error);
    }
}
