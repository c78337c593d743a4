using SelfJudge.Preferences.Settings;

namespace SelfJudge.Preferences.Judging;

/// <summary>Whose likelihood a prior is.</summary>
public enum PriorModel
{
    /// <summary>Of the model that sampled, as it was recorded when it did: nothing is computed for it.</summary>
    Policy,

    /// <summary>Of the frozen model that the stage started from.</summary>
    Reference,
}

/// <summary>What a prior takes of a response's log-likelihood.</summary>
public enum PriorUnit
{
    /// <summary>Its sum over tokens: every further word costs.</summary>
    Sequence,

    /// <summary>Its mean over tokens: length itself neither costs nor pays.</summary>
    Token,
}

/// <summary>
/// How the likelihood of two responses counts beside the judge in a match: the better one is decided by
/// log(score1 / score2) + λ·(log π(y1|x) − log π(y2|x)). Best-of-N by the judge alone is λ = 0, the paper's;
/// docs/method.md has the derivation. Likelihoods are the model's own, at temperature 1 and with nothing truncated.
/// </summary>
public sealed record MatchPrior
{
    [Setting("λ: how many nats of the judge's log-odds one nat of likelihood is worth. 0: the judge decides alone, as in the paper.",
        AtLeast = 0, AtMost = 1000)]
    public double Weight { get; init; }

    [Setting("Whose likelihood: policy, of the model that sampled, as recorded then; reference, of the frozen model that the stage "
        + "started from.")]
    public PriorModel Of { get; init; } = PriorModel.Policy;

    [Setting("sequence: the log-likelihood as it is, which favours short responses; token: its mean over tokens, for which λ is some ten "
        + "times as large.")]
    public PriorUnit Per { get; init; } = PriorUnit.Sequence;

    /// <summary>Whether it says anything.</summary>
    public bool IsUsed => Weight > 0;

    /// <summary>A response's part of the prior, in nats; that of a pair is the difference of two.</summary>
    /// <param name="logProb">Its log-probability, summed over its tokens.</param>
    /// <param name="tokens">How many those are.</param>
    public static double Weigh(double weight, PriorUnit per, double logProb, int tokens) =>
        weight * (per == PriorUnit.Token ? logProb / Math.Max(1, tokens) : logProb);
}
