using SelfJudge.Preferences.Recipes;

namespace SelfJudge.Preferences.Learning;

/// <summary>The losses over one preference pair that the paper names.</summary>
public enum PreferenceLossKind
{
    /// <summary>DPO (Rafailov et al. 2023): −log σ(β·Δ).</summary>
    Sigmoid,

    /// <summary>SLiC (Zhao et al. 2023): max(0, 1 − β·Δ).</summary>
    Hinge,

    /// <summary>IPO (Azar et al. 2023): (Δ − 1/(2β))².</summary>
    Ipo,
}

/// <summary>
/// A loss over Δ = (log π(y⁺|x) − log π_ref(y⁺|x)) − (log π(y⁻|x) − log π_ref(y⁻|x)), section 3.2 of the paper.
/// Log-probabilities are sums over response tokens, in nats, or means of them where <see cref="PerToken"/> is set
/// (TRL's IPO divides so, the authors of DPO do not).
/// </summary>
public sealed record PreferenceLoss(
    [property: Setting("Which loss: DPO's sigmoid, SLiC's hinge, or IPO's square.")] PreferenceLossKind Kind,
    [property: Setting("How strongly the policy is held to the reference.", AtLeast = 1e-6, AtMost = 1000)] double Beta = 0.1,
    [property: Setting("Whether log-probabilities count as means over a response's tokens instead of sums.")] bool PerToken = false)
{
    /// <summary>DPO with the paper's β.</summary>
    public PreferenceLoss()
        : this(PreferenceLossKind.Sigmoid)
    {
    }

    /// <summary>The loss of one pair.</summary>
    public PairLoss Of(PairLogProbs pair)
    {
        double chosenScale = PerToken ? 1.0 / pair.ChosenTokens : 1, rejectedScale = PerToken ? 1.0 / pair.RejectedTokens : 1;
        var chosen = (pair.PolicyChosen - pair.ReferenceChosen) * chosenScale;
        var rejected = (pair.PolicyRejected - pair.ReferenceRejected) * rejectedScale;
        var delta = chosen - rejected;
        var (loss, slope) = Kind switch
        {
            PreferenceLossKind.Sigmoid => (Softplus(-Beta * delta), -Beta / (1 + Math.Exp(Beta * delta))),
            PreferenceLossKind.Hinge => (Math.Max(0, 1 - Beta * delta), Beta * delta < 1 ? -Beta : 0),
            _ => (Math.Pow(delta - 1 / (2 * Beta), 2), 2 * (delta - 1 / (2 * Beta))),
        };
        return new PairLoss(loss, slope * chosenScale, -slope * rejectedScale, Beta * chosen, Beta * rejected);
    }

    internal static double Softplus(double x) => x > 0 ? x + Math.Log(1 + Math.Exp(-x)) : Math.Log(1 + Math.Exp(x));
}

/// <summary>Summed response log-probabilities of one pair, in nats, and the responses' lengths.</summary>
public readonly record struct PairLogProbs(double PolicyChosen, double PolicyRejected, double ReferenceChosen, double ReferenceRejected, int ChosenTokens, int RejectedTokens);

/// <summary>A pair's loss, its derivative by each policy log-probability, and the implicit rewards β·(log π − log π_ref).</summary>
public readonly record struct PairLoss(double Loss, double ByChosen, double ByRejected, double ChosenReward, double RejectedReward)
{
    public double Margin => ChosenReward - RejectedReward;
}
