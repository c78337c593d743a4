namespace SelfJudge.Preferences.Losses;

/// <summary>SLiC (Zhao et al. 2023), on log-ratios as Liu et al. 2023 have it: max(0, 1 − βΔ).</summary>
internal sealed class HingeLoss : PairwiseLoss
{
    public override IReadOnlyList<string> Settings => [nameof(PreferenceLoss.PerToken), nameof(PreferenceLoss.NllWeight)];

    public override LossSlopes Of(double chosen, double rejected, PreferenceLoss settings, double baseline)
    {
        var x = settings.Beta * (chosen - rejected);
        return LossSlopes.OfDelta(Math.Max(0, 1 - x), x < 1 ? -settings.Beta : 0);
    }
}
