using SelfJudge.Preferences.Settings;

namespace SelfJudge.Preferences.Learning;

/// <summary>Proximal policy optimization from human feedback (Ziegler et al. 2020; Schulman et al. 2017): the paper's settings (Table 11)
/// where it names them, else those of TRL.</summary>
public sealed record PpoOptions
{
    [Setting("The paper's initial coefficient of the KL penalty.", AtLeast = 0, AtMost = 1000)]
    public double InitialKl { get; init; } = 0.2;

    [Setting("The KL divergence per response, in nats, that the adaptive controller aims at.", MoreThan = 0, AtMost = 1_000_000)]
    public double TargetKl { get; init; } = 6.0;

    [Setting("Samples over which the controller corrects.", AtLeast = 1, AtMost = 1_000_000_000)]
    public double KlHorizon { get; init; } = 10_000;

    [Setting("γ of the returns.", AtLeast = 0, AtMost = 1)]
    public double Discount { get; init; } = 1.0;

    [Setting("λ of generalized advantage estimation.", AtLeast = 0, AtMost = 1)]
    public double Lambda { get; init; } = 0.95;

    [Setting("How far the probability ratio counts.", MoreThan = 0, AtMost = 1000)]
    public double ClipRange { get; init; } = 0.2;

    [Setting("How far a value moves from what it was when the response was sampled.", MoreThan = 0, AtMost = 1_000_000)]
    public double ValueClipRange { get; init; } = 0.2;

    [Setting("What the value loss weighs beside the policy's.", AtLeast = 0, AtMost = 1_000_000)]
    public double ValueCoefficient { get; init; } = 0.1;

    [Setting("Responses per optimizer update.", AtLeast = 1)]
    public int MiniBatch { get; init; } = 32;

    [Setting("How often the responses of a step are gone through.", AtLeast = 1, AtMost = 1000)]
    public int InnerEpochs { get; init; } = 1;
}

/// <summary>What one token adds to PPO's loss, and the derivatives by the new log-probability and the new value.</summary>
public readonly record struct PpoTokenLoss(double Policy, double Value, double ByLogProb, double ByValue, bool IsClipped);

/// <summary>The plain parts of PPO. Token by token; log-probabilities in nats.</summary>
public static class Ppo
{
    /// <summary>
    /// The reward of each token of a response: −c·(log π − log π_ref) everywhere, and the response's own reward at its
    /// last token (Ziegler et al. 2020, equation 2).
    /// </summary>
    public static double[] TokenRewards(double reward, IReadOnlyList<float> logProbs, IReadOnlyList<float> reference, double klCoefficient)
    {
        var rewards = new double[logProbs.Count];
        for (var t = 0; t < rewards.Length; t++)
            rewards[t] = -klCoefficient * (logProbs[t] - (double)reference[t]);
        if (rewards.Length > 0)
            rewards[^1] += reward;
        return rewards;
    }

    /// <summary>
    /// Generalized advantage estimation (Schulman et al. 2016, equation 16): A_t = Σ (γλ)^l δ_{t+l} with
    /// δ_t = r_t + γ·V_{t+1} − V_t, and V = 0 behind the end. Returns advantages and returns A_t + V_t.
    /// </summary>
    public static (double[] Advantages, double[] Returns) Advantages(IReadOnlyList<double> rewards, IReadOnlyList<double> values,
        double discount, double lambda)
    {
        if (rewards.Count != values.Count)
            throw new ArgumentException($"{rewards.Count} rewards, but {values.Count} values");
        var (advantages, returns) = (new double[rewards.Count], new double[rewards.Count]);
        double next = 0, advantage = 0;
        for (var t = rewards.Count - 1; t >= 0; t--)
        {
            advantage = rewards[t] + discount * next - values[t] + discount * lambda * advantage;
            (advantages[t], returns[t], next) = (advantage, advantage + values[t], values[t]);
        }
        return (advantages, returns);
    }

    /// <summary>Brings the advantages of a batch to mean 0 and standard deviation 1 (of the population).</summary>
    public static void Whiten(IReadOnlyList<double[]> advantages)
    {
        var count = advantages.Sum(a => a.Length);
        if (count == 0)
            return;
        var mean = advantages.Sum(a => a.Sum()) / count;
        var deviation = Math.Sqrt(advantages.Sum(a => a.Sum(x => (x - mean) * (x - mean))) / count);
        foreach (var a in advantages)
            for (var t = 0; t < a.Length; t++)
                a[t] = (a[t] - mean) / (deviation + 1e-8);
    }

    /// <summary>
    /// max(−A·ρ, −A·clip(ρ, 1 ± ε)) with ρ = exp(log π − log π_old) (Schulman et al. 2017, equation 7), and half of the
    /// larger of the squared errors of the value and of the value clipped to its old one ± ε_v.
    /// </summary>
    public static PpoTokenLoss Token(double logProb, double oldLogProb, double advantage, double value, double oldValue, double @return,
        PpoOptions options)
    {
        var ratio = Math.Exp(logProb - oldLogProb);
        double free = -advantage * ratio, clipped = -advantage * Math.Clamp(ratio, 1 - options.ClipRange, 1 + options.ClipRange);
        var isClipped = clipped > free;
        var near = Math.Clamp(value, oldValue - options.ValueClipRange, oldValue + options.ValueClipRange);
        double error = value - @return, nearError = near - @return;
        // Where the clipped value is the worse one, it lies on its bound and does not move.
        var byValue = error * error >= nearError * nearError ? error : 0;
        return new PpoTokenLoss(Math.Max(free, clipped), 0.5 * Math.Max(error * error, nearError * nearError), isClipped ? 0 : free,
            byValue, isClipped);
    }

    /// <summary>
    /// The adaptive coefficient of the KL penalty (Ziegler et al. 2020, equation 4): it grows where the divergence of the
    /// last responses is above the target, by at most 0.2 of itself per horizon.
    /// </summary>
    /// <param name="kl">Mean over the responses of Σ (log π − log π_ref), in nats.</param>
    public static double NextKlCoefficient(double coefficient, double kl, int responses, PpoOptions options) =>
        coefficient * (1 + Math.Clamp(kl / options.TargetKl - 1, -0.2, 0.2) * responses / options.KlHorizon);
}
