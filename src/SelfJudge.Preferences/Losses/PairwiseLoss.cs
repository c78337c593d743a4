namespace SelfJudge.Preferences.Losses;

/// <summary>
/// A loss over one preference pair, as a function of u⁺ and u⁻: the log-ratios log π(y|x) − log π_ref(y|x) of the chosen and the
/// rejected response, or log π(y|x) alone where there is no reference; in nats, summed over tokens or their means.
/// </summary>
internal abstract class PairwiseLoss
{
    /// <summary>Whether it compares with a reference. For one that does not, none is computed.</summary>
    public virtual bool NeedsReference => true;

    /// <summary>Whether it is a function of means over tokens, whatever the settings say.</summary>
    public virtual bool IsPerToken => false;

    /// <summary>Whether it compares with the divergence from the reference over mismatched prompts and responses.</summary>
    public virtual bool NeedsBaseline => false;

    /// <summary>Whether the likelihood of the chosen response is part of it.</summary>
    public virtual bool HasNll => false;

    /// <summary>Properties of <see cref="PreferenceLoss"/> that it has, beside β.</summary>
    public abstract IReadOnlyList<string> Settings { get; }

    /// <summary>The loss and its slopes.</summary>
    /// <param name="baseline">The divergence, in nats; 0 where none is asked for.</param>
    public abstract LossSlopes Of(double chosen, double rejected, PreferenceLoss settings, double baseline);
}

/// <summary>A loss at u⁺ and u⁻, and its derivative by each.</summary>
internal readonly record struct LossSlopes(double Loss, double ByChosen, double ByRejected)
{
    /// <summary>Of a loss that is a function of Δ = u⁺ − u⁻.</summary>
    public static LossSlopes OfDelta(double loss, double slope) => new(loss, slope, -slope);
}
