using SelfJudge.Modeling.Learning;

namespace SelfJudge.Samples;

/// <summary>
/// A preference loss that the libraries do not have: σ(−βΔ)², the Savage loss (Masnadi-Shirazi and Vasconcelos 2008), with
/// Δ = (log π(y⁺|x) − log π_ref(y⁺|x)) − (log π(y⁻|x) − log π_ref(y⁻|x)), summed over tokens, in nats. It is at most 1, so that a
/// pair with a wrong label weighs little. The loss of a step is the mean over its pairs.
/// </summary>
/// <param name="Pairs">What is learned: token ids of prompts, chosen and rejected responses.</param>
/// <param name="Beta">How strongly the policy is held to the reference.</param>
internal sealed record SavageObjective(IReadOnlyList<PreferencePair> Pairs, double Beta = 0.1) : Objective
{
    // The trainer divides the pairs among its workers by these.
    public override IReadOnlyList<int> Lengths => [.. Pairs.Select(p => p.Tokens)];

    public override IEnumerable<int> Sequences => Pairs.SelectMany(p => p.Sequences);

    public override bool NeedsReference => true;

    public override StepReport Step(IPasses passes)
    {
        var (losses, deltas) = (new double[Pairs.Count], new double[Pairs.Count]);
        var norm = passes.Update(Lengths, (batch, pass) => Pass(batch, pass, losses, deltas), losses.Average);
        var metrics = new Dictionary<string, double> { ["rewards/accuracies"] = deltas.Average(d => d > 0 ? 1.0 : 0.0) };
        return new StepReport(losses.Average(), norm, Pairs.Sum(p => (long)p.Tokens), metrics);
    }

    /// <summary>The loss at Δ and its slope there.</summary>
    public static (double Loss, double Slope) Savage(double delta, double beta)
    {
        var wrong = 1 / (1 + Math.Exp(beta * delta)); // σ(−βΔ)
        return (wrong * wrong, -2 * beta * wrong * wrong * (1 - wrong));
    }

    // A worker's share: called on several threads, each with other pairs.
    private void Pass(int[] batch, BatchPass pass, double[] losses, double[] deltas)
    {
        var responses = new ResponseBatch([.. batch.SelectMany(i => Both(Pairs[i]))]);
        var reference = responses.Sums(pass.Reference(responses));
        pass.Forward(responses.Batch);
        var policy = responses.Sums(pass.LogProbs(responses.Rows, responses.Targets));
        var slopes = new double[responses.Sequences];
        for (var i = 0; i < batch.Length; i++)
        {
            var (chosen, rejected) = (2 * i, 2 * i + 1);
            var delta = policy[chosen] - reference[chosen] - (policy[rejected] - reference[rejected]);
            var (loss, slope) = Savage(delta, Beta);
            (losses[batch[i]], deltas[batch[i]]) = (loss, delta);
            (slopes[chosen], slopes[rejected]) = (slope / Pairs.Count, -slope / Pairs.Count);
        }
        // By the chain rule a token's log-probability has the slope of its sequence's sum; the libraries go on from there.
        pass.Backward(responses.Rows, responses.Targets, responses.Spread(slopes));
    }

    private static IEnumerable<(int[], int[])> Both(PreferencePair pair) => [(pair.Prompt, pair.Chosen), (pair.Prompt, pair.Rejected)];
}
