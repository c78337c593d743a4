using SelfJudge.Preferences.Settings;

namespace SelfJudge.Preferences.Losses;

/// <summary>
/// A loss over Δ = (log π(y⁺|x) − log π_ref(y⁺|x)) − (log π(y⁻|x) − log π_ref(y⁻|x)), section 3.2 of the paper, or another function
/// of the same log-probabilities. They are sums over response tokens, in nats, or means of them where <see cref="PerToken"/> is set
/// (TRL's IPO divides so, the authors of DPO do not) or the loss is made of means.
/// </summary>
public sealed record PreferenceLoss(
    [property: Setting("Which loss: DPO's sigmoid (with label_smoothing conservative DPO), SLiC's hinge, IPO's square, robust DPO, "
        + "SimPO or ORPO without a reference, or KTO, for which the chosen response is desirable and the rejected one is not.")]
    PreferenceLossKind Kind,
    [property: Setting("How strongly the policy is held to the reference. In simpo it is the scale of the reward, in orpo the "
        + "weight of the odds ratio.",
        AtLeast = 1e-6, AtMost = 1000)]
    double Beta = 0.1,
    [property: Setting("Whether log-probabilities count as means over a response's tokens instead of sums. In sigmoid, hinge, ipo and "
        + "robust; simpo and orpo are made of means.")]
    bool PerToken = false)
{
    /// <summary>DPO with the paper's β.</summary>
    public PreferenceLoss()
        : this(PreferenceLossKind.Sigmoid)
    {
    }

    [Setting("The probability with which a label is wrong; 0 where null. In sigmoid (conservative DPO) and robust.",
        AtLeast = 0, LessThan = 0.5)]
    public double? LabelSmoothing { get; init; }

    [Setting("The margin between the rewards that simpo aims at; 0.5 where null.", AtLeast = 0, AtMost = 1000)]
    public double? Gamma { get; init; }

    [Setting("How much the negative log-likelihood of the chosen response, per token, weighs beside the loss; 0 where null. "
        + "It keeps the chosen response likely. In every kind but orpo, which has it with a weight of 1.", AtLeast = 0, AtMost = 1000)]
    public double? NllWeight { get; init; }

    [Setting("The weight of chosen responses in kto; 1 where null.", AtLeast = 0, AtMost = 1000)]
    public double? DesirableWeight { get; init; }

    [Setting("The weight of rejected responses in kto; 1 where null.", AtLeast = 0, AtMost = 1000)]
    public double? UndesirableWeight { get; init; }

    /// <summary>Whether it compares with a reference model. Where it does not, none is computed and none is kept.</summary>
    public bool NeedsReference => Function.NeedsReference;

    /// <summary>Whether it compares with the divergence from the reference over mismatched prompts and responses of its batch.</summary>
    public bool NeedsBaseline => Function.NeedsBaseline;

    /// <summary>Whether the likelihood of the chosen response is part of it.</summary>
    public bool HasNll => NllWeight > 0 || Function.HasNll;

    private PairwiseLoss Function => PairwiseLosses.Of(Kind);

    /// <summary>The loss of one pair.</summary>
    /// <param name="baseline">The divergence over mismatched prompts and responses, in nats, where the loss needs it.</param>
    public PairLoss Of(PairLogProbs pair, double baseline = 0)
    {
        var isMean = PerToken || Function.IsPerToken;
        double chosenScale = isMean ? 1.0 / pair.ChosenTokens : 1, rejectedScale = isMean ? 1.0 / pair.RejectedTokens : 1;
        var (referenceChosen, referenceRejected) = NeedsReference ? (pair.ReferenceChosen, pair.ReferenceRejected) : (0, 0);
        var chosen = (pair.PolicyChosen - referenceChosen) * chosenScale;
        var rejected = (pair.PolicyRejected - referenceRejected) * rejectedScale;
        var (loss, byChosen, byRejected) = Function.Of(chosen, rejected, this, baseline);
        var anchored = new PairLoss(loss, byChosen * chosenScale, byRejected * rejectedScale, Beta * chosen, Beta * rejected);
        return NllWeight is not { } weight ? anchored
            : anchored with { Loss = loss + weight * pair.ChosenNll, ByChosen = anchored.ByChosen - weight / pair.ChosenTokens };
    }

    /// <summary>What its settings must keep to together: each with its key and what is wrong otherwise.</summary>
    internal IEnumerable<(bool Holds, string Key, string Otherwise)> Checks() =>
        from key in SettingKeys.Of(typeof(PreferenceLoss)).Values
        where key.Property.Name is not (nameof(Kind) or nameof(Beta)) && key.Property.GetValue(this) is not (null or false)
        let kinds = PairwiseLosses.With(key.Property.Name).ToList()
        select (kinds.Contains(Kind), key.Name, $"{NameOf(Kind)} does not have it; it goes with {string.Join(", ", kinds.Select(NameOf))}");

    private static string NameOf(PreferenceLossKind kind) => SettingNames.AllOf(typeof(PreferenceLossKind))[(int)kind];
}

/// <summary>Summed response log-probabilities of one pair, in nats, and the responses' lengths.</summary>
public readonly record struct PairLogProbs(
    double PolicyChosen, double PolicyRejected, double ReferenceChosen, double ReferenceRejected, int ChosenTokens, int RejectedTokens)
{
    /// <summary>The negative log-likelihood of the chosen response, per token.</summary>
    public double ChosenNll => -PolicyChosen / ChosenTokens;
}

/// <summary>A pair's loss, its derivative by each policy log-probability, and the implicit rewards β·u⁺ and β·u⁻.</summary>
public readonly record struct PairLoss(double Loss, double ByChosen, double ByRejected, double ChosenReward, double RejectedReward)
{
    public double Margin => ChosenReward - RejectedReward;
}
