using SelfJudge.Preferences.Losses;

namespace SelfJudge.Preferences.Learning;

/// <summary>The loss of a reward model (Bradley and Terry 1952): −log σ(r(x, y⁺) − r(x, y⁻)).</summary>
public static class BradleyTerry
{
    /// <summary>The loss at a margin r⁺ − r⁻, and its derivative by the margin.</summary>
    public static (double Loss, double ByMargin) Of(double margin) => (Logistic.Softplus(-margin), -1 / (1 + Math.Exp(margin)));
}
