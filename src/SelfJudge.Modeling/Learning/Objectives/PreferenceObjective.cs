using SelfJudge.Preferences.Losses;

namespace SelfJudge.Modeling.Learning.Objectives;

/// <summary>A preference loss, the mean over the pairs (stage 2 of the method).</summary>
public sealed record PreferenceObjective(IReadOnlyList<PreferencePair> Pairs, PreferenceLoss Loss) : Objective
{
    public override IReadOnlyList<int> Lengths => [.. Pairs.Select(p => p.Tokens)];

    public override IEnumerable<int> Sequences => Pairs.SelectMany(p => p.Sequences);

    public override bool NeedsReference => Loss.NeedsReference;

    public override StepReport Step(IPasses passes)
    {
        var mismatched = Loss.NeedsBaseline ? KlBaseline.Mismatched(Pairs) : [];
        var baseline = Loss.NeedsBaseline ? KlBaseline.Of(mismatched, passes) : 0;
        var results = new (PairLogProbs LogProbs, PairLoss Loss)[Pairs.Count];
        double Mean() => results.Average(r => r.Loss.Loss);
        var norm = passes.Update(Lengths, (batch, pass) => Pass(batch, pass, baseline, results), Mean);
        var metrics = new Dictionary<string, double>
        {
            ["rewards/chosen"] = results.Average(r => r.Loss.ChosenReward),
            ["rewards/rejected"] = results.Average(r => r.Loss.RejectedReward),
            ["rewards/accuracies"] = results.Average(r => r.Loss.Margin > 0 ? 1.0 : 0.0),
            ["rewards/margins"] = results.Average(r => r.Loss.Margin),
            ["logps/chosen"] = results.Average(r => r.LogProbs.PolicyChosen),
            ["logps/rejected"] = results.Average(r => r.LogProbs.PolicyRejected),
        };
        // The mean of log π − log π_ref over sampled responses estimates their KL divergence where they are on-policy.
        if (NeedsReference)
            metrics["objective/kl"] = results.Average(r => (r.LogProbs.PolicyChosen - r.LogProbs.ReferenceChosen
                + r.LogProbs.PolicyRejected - r.LogProbs.ReferenceRejected) / 2);
        if (Loss.NeedsBaseline)
            metrics["kl"] = baseline;
        if (Loss.HasNll)
            metrics["nll_loss"] = results.Average(r => r.LogProbs.ChosenNll);
        var tokens = Pairs.Sum(p => (long)p.Tokens) + mismatched.Sum(m => (long)m.Prompt.Length + m.Response.Length);
        return new StepReport(Mean(), norm, tokens, metrics);
    }

    private void Pass(int[] batch, BatchPass pass, double baseline, (PairLogProbs, PairLoss)[] results)
    {
        var pairs = Array.ConvertAll(batch, i => Pairs[i]);
        var responses = new ResponseBatch([.. pairs.SelectMany(p => new[] { (p.Prompt, p.Chosen), (p.Prompt, p.Rejected) })]);
        var reference = NeedsReference ? responses.Sums(pass.Reference(responses)) : new double[responses.Sequences];
        pass.Forward(responses.Batch);
        // The loss's slope needs the sums first.
        var policy = responses.Sums(pass.LogProbs(responses.Rows, responses.Targets));
        var slopes = new double[responses.Sequences];
        for (var i = 0; i < pairs.Length; i++)
        {
            var (chosen, rejected) = (2 * i, 2 * i + 1);
            var logProbs = new PairLogProbs(
                policy[chosen], policy[rejected], reference[chosen], reference[rejected], pairs[i].Chosen.Length, pairs[i].Rejected.Length);
            var loss = Loss.Of(logProbs, baseline);
            results[batch[i]] = (logProbs, loss);
            (slopes[chosen], slopes[rejected]) = (loss.ByChosen / Pairs.Count, loss.ByRejected / Pairs.Count);
        }
        pass.Backward(responses.Rows, responses.Targets, responses.Spread(slopes));
    }
}
