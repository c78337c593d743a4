using SelfJudge.Preferences.Learning;

namespace SelfJudge.Modeling.Learning.Objectives;

/// <summary>A preference loss, the mean over the pairs (stage 2 of the method).</summary>
public sealed record PreferenceObjective(IReadOnlyList<PreferencePair> Pairs, PreferenceLoss Loss) : Objective
{
    public override IReadOnlyList<int> Lengths => [.. Pairs.Select(p => p.Tokens)];

    public override IEnumerable<int> Sequences => Pairs.SelectMany(p => p.Sequences);

    public override bool NeedsReference => true;

    internal override StepReport Step(IPasses passes)
    {
        var results = new (PairLogProbs LogProbs, PairLoss Loss)[Pairs.Count];
        double Mean() => results.Average(r => r.Loss.Loss);
        var norm = passes.Update(Lengths, (batch, pass) => Pass(batch, pass, results), Mean);
        var metrics = new Dictionary<string, double>
        {
            ["rewards/chosen"] = results.Average(r => r.Loss.ChosenReward),
            ["rewards/rejected"] = results.Average(r => r.Loss.RejectedReward),
            ["rewards/accuracies"] = results.Average(r => r.Loss.Margin > 0 ? 1.0 : 0.0),
            ["rewards/margins"] = results.Average(r => r.Loss.Margin),
            ["logps/chosen"] = results.Average(r => r.LogProbs.PolicyChosen),
            ["logps/rejected"] = results.Average(r => r.LogProbs.PolicyRejected),
            // The mean of log π − log π_ref over sampled responses estimates their KL divergence where they are on-policy.
            ["objective/kl"] = results.Average(r => (r.LogProbs.PolicyChosen - r.LogProbs.ReferenceChosen
                + r.LogProbs.PolicyRejected - r.LogProbs.ReferenceRejected) / 2),
        };
        return new StepReport(Mean(), norm, Pairs.Sum(p => (long)p.Tokens), metrics);
    }

    private void Pass(int[] batch, BatchPass pass, (PairLogProbs, PairLoss)[] results)
    {
        var pairs = Array.ConvertAll(batch, i => Pairs[i]);
        var responses = new ResponseBatch([.. pairs.SelectMany(p => new[] { (p.Prompt, p.Chosen), (p.Prompt, p.Rejected) })]);
        var reference = responses.Sums(pass.Reference(responses));
        pass.Forward(responses.Batch);
        // The loss's slope needs the sums first.
        var policy = responses.Sums(pass.LogProbs(responses.Rows, responses.Targets));
        var slopes = new double[responses.Sequences];
        for (var i = 0; i < pairs.Length; i++)
        {
            var (chosen, rejected) = (2 * i, 2 * i + 1);
            var logProbs = new PairLogProbs(
                policy[chosen], policy[rejected], reference[chosen], reference[rejected], pairs[i].Chosen.Length, pairs[i].Rejected.Length);
            var loss = Loss.Of(logProbs);
            results[batch[i]] = (logProbs, loss);
            (slopes[chosen], slopes[rejected]) = (loss.ByChosen / Pairs.Count, loss.ByRejected / Pairs.Count);
        }
        pass.Backward(responses.Rows, responses.Targets, responses.Spread(slopes));
    }
}
