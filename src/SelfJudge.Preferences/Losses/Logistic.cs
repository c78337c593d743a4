namespace SelfJudge.Preferences.Losses;

/// <summary>The logistic function, so that neither end overflows.</summary>
internal static class Logistic
{
    /// <summary>σ(x) = 1/(1 + e⁻ˣ).</summary>
    public static double Sigmoid(double x) => 1 / (1 + Math.Exp(-x));

    /// <summary>log(1 + eˣ), which is −log σ(−x).</summary>
    public static double Softplus(double x) => x > 0 ? x + Math.Log(1 + Math.Exp(-x)) : Math.Log(1 + Math.Exp(x));
}
