namespace SelfJudge.Preferences.Losses;

/// <summary>
/// ORPO (Hong et al. 2024, equations 6 and 7), on means over tokens m and without a reference: the negative log-likelihood of the
/// chosen response, and β times −log σ of the difference of the log-odds: −m⁺ − β·log σ(o⁺ − o⁻), o = m − log(1 − eᵐ).
/// </summary>
internal sealed class OrpoLoss : PairwiseLoss
{
    // Float32 tells no probability below 1 from it that is nearer: the odds of certainty are those of one that is so near.
    private const double LeastComplement = 1.0 / (1 << 24);

    public override bool NeedsReference => false;

    public override bool IsPerToken => true;

    public override bool HasNll => true;

    public override IReadOnlyList<string> Settings => [];

    public override LossSlopes Of(double chosen, double rejected, PreferenceLoss settings, double baseline)
    {
        double notChosen = Complement(chosen), notRejected = Complement(rejected);
        var ratio = chosen - Math.Log(notChosen) - (rejected - Math.Log(notRejected));
        var slope = -settings.Beta * Logistic.Sigmoid(-ratio);
        return new LossSlopes(-chosen + settings.Beta * Logistic.Softplus(-ratio), -1 + slope / notChosen, -slope / notRejected);
    }

    // 1 − eᵐ
    private static double Complement(double logProb) => Math.Max(LeastComplement, 1 - Math.Exp(logProb));
}
