namespace SelfJudge.Modeling.Learning.Objectives;

/// <summary>
/// KTO's point of reference z₀ (Ethayarajh et al. 2024): how far the policy is from the reference, as the mean of
/// log π(y|x) − log π_ref(y|x) over prompts of the batch and responses to other ones, and no less than 0. It has no gradient.
/// </summary>
internal static class KlBaseline
{
    /// <summary>
    /// Each prompt with the two responses of the next pair, in a circle, that is of another prompt; none where all pairs are of one
    /// prompt. A response that would make a longer sequence than any of the batch's own is cut.
    /// </summary>
    public static IReadOnlyList<(int[] Prompt, int[] Response)> Mismatched(IReadOnlyList<PreferencePair> pairs)
    {
        var longest = pairs.Max(p => p.Prompt.Length + Math.Max(p.Chosen.Length, p.Rejected.Length));
        return [.. from i in Enumerable.Range(0, pairs.Count)
                   let prompt = pairs[i].Prompt
                   let others = Enumerable.Range(i + 1, pairs.Count - 1).Select(j => pairs[j % pairs.Count])
                   let other = others.FirstOrDefault(p => !p.Prompt.AsSpan().SequenceEqual(prompt))
                   where other is not null
                   from response in new[] { other.Chosen, other.Rejected }
                   select (prompt, response.Length <= longest - prompt.Length ? response : response[..(longest - prompt.Length)])];
    }

    /// <summary>z₀ in nats; 0, its least value, where there are no mismatched sequences.</summary>
    public static double Of(IReadOnlyList<(int[] Prompt, int[] Response)> mismatched, IPasses passes)
    {
        var logRatios = new double[mismatched.Count];
        passes.Read([.. mismatched.Select(m => m.Prompt.Length + m.Response.Length)], (batch, pass) =>
        {
            var responses = new ResponseBatch([.. batch.Select(i => mismatched[i])]);
            var reference = responses.Sums(pass.Reference(responses));
            pass.Forward(responses.Batch);
            var policy = responses.Sums(pass.LogProbs(responses.Rows, responses.Targets));
            for (var i = 0; i < batch.Length; i++)
                logRatios[batch[i]] = policy[i] - reference[i];
        });
        return Math.Max(0, logRatios.DefaultIfEmpty().Average());
    }
}
