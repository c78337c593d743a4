using SelfJudge.Preferences.Learning;

namespace SelfJudge.Modeling.Learning.Objectives;

/// <summary>A response as it was sampled, and what it is worth to whoever evaluates.</summary>
public sealed record RewardedResponse(int[] Prompt, int[] Response, double Reward)
{
    internal int Tokens => Prompt.Length + Response.Length;
}

/// <summary>
/// PPO on the responses of one step: log-probabilities, reference and values as they are now give rewards per token and
/// advantages; then one update per mini-batch, in the responses' order.
/// </summary>
/// <param name="KlCoefficient">What the divergence from the reference costs, per nat.</param>
public sealed record PpoObjective(IReadOnlyList<RewardedResponse> Responses, PpoOptions Options, double KlCoefficient) : Objective
{
    public override IReadOnlyList<int> Lengths => [.. Responses.Select(r => r.Tokens)];

    public override bool NeedsReference => true;

    public override ScalarHead Head => ScalarHead.Value;

    public override StepReport Step(IPasses passes)
    {
        var rollouts = new Rollout[Responses.Count];
        passes.Read(Lengths, (batch, pass) => Roll(batch, pass, rollouts));
        Ppo.Whiten([.. rollouts.Select(r => r.Advantages)]);
        var sums = new Sums[Responses.Count];
        double norm = 0;
        for (var epoch = 0; epoch < Options.InnerEpochs; epoch++)
            foreach (var miniBatch in Enumerable.Range(0, Responses.Count).Chunk(Options.MiniBatch))
                norm = Math.Max(norm, Update(passes, miniBatch, rollouts, sums));
        var total = Total(sums);
        double all = rollouts.Sum(r => r.LogProbs.Length) * Options.InnerEpochs, kl = rollouts.Average(r => r.Kl);
        var metrics = new Dictionary<string, double>
        {
            ["objective/kl"] = kl,
            ["objective/kl_coef"] = KlCoefficient,
            ["objective/scores"] = Responses.Average(r => r.Reward),
            ["objective/rlhf_reward"] = Responses.Average(r => r.Reward) - KlCoefficient * kl,
            ["loss/policy_avg"] = total.Policy / all,
            ["loss/value_avg"] = total.Value / all,
            ["policy/clipfrac_avg"] = total.Clipped / all,
            ["policy/approxkl_avg"] = total.SquaredLogRatio / 2 / all,
        };
        var passed = 2 + Options.InnerEpochs; // policy and reference once, then the updates
        return new StepReport(LossOf(total) / all, norm, passed * Responses.Sum(r => (long)r.Tokens), metrics);
    }

    private void Roll(int[] batch, BatchPass pass, Rollout[] rollouts)
    {
        var responses = BatchOf(batch);
        var reference = pass.Reference(responses);
        pass.Forward(responses.Batch);
        var logProbs = pass.LogProbs(responses.Rows, responses.Targets);
        var values = pass.Scalars(responses.Rows);
        var at = 0;
        foreach (var i in batch)
        {
            var range = at..(at += Responses[i].Response.Length);
            var own = Array.ConvertAll(values[range], v => (double)v);
            var rewards = Ppo.TokenRewards(Responses[i].Reward, logProbs[range], reference[range], KlCoefficient);
            var (advantages, returns) = Ppo.Advantages(rewards, own, Options.Discount, Options.Lambda);
            var kl = logProbs[range].Zip(reference[range], (p, r) => (double)p - r).Sum();
            rollouts[i] = new Rollout(logProbs[range], own, advantages, returns, kl);
        }
    }

    private double Update(IPasses passes, int[] miniBatch, Rollout[] rollouts, Sums[] sums)
    {
        var tokens = miniBatch.Sum(i => Responses[i].Response.Length);
        void Learn(int[] batch, BatchPass pass) => Pass([.. batch.Select(i => miniBatch[i])], pass, tokens, rollouts, sums);
        return passes.Update([.. miniBatch.Select(i => Responses[i].Tokens)], Learn, () => LossOf(Total(sums)));
    }

    private void Pass(int[] batch, BatchPass pass, int tokens, Rollout[] rollouts, Sums[] sums)
    {
        var responses = BatchOf(batch);
        pass.Forward(responses.Batch);
        var logProbs = pass.LogProbs(responses.Rows, responses.Targets);
        var values = pass.Scalars(responses.Rows);
        float[] byLogProb = new float[logProbs.Length], byValue = new float[logProbs.Length];
        var at = 0;
        foreach (var i in batch)
        {
            var old = rollouts[i];
            for (var t = 0; t < old.LogProbs.Length; t++, at++)
            {
                var token = Ppo.Token(logProbs[at], old.LogProbs[t], old.Advantages[t], values[at], old.Values[t], old.Returns[t], Options);
                byLogProb[at] = (float)(token.ByLogProb / tokens);
                byValue[at] = (float)(Options.ValueCoefficient * token.ByValue / tokens);
                var logRatio = logProbs[at] - (double)old.LogProbs[t];
                sums[i] += new Sums(token.Policy, token.Value, token.IsClipped ? 1 : 0, logRatio * logRatio);
            }
        }
        pass.Backward(responses.Rows, responses.Targets, byLogProb, byValue);
    }

    private ResponseBatch BatchOf(int[] batch) => new([.. batch.Select(i => (Responses[i].Prompt, Responses[i].Response))]);

    private double LossOf(Sums sums) => sums.Policy + Options.ValueCoefficient * sums.Value;

    private static Sums Total(Sums[] sums) => sums.Aggregate(new Sums(), (a, b) => a + b);

    /// <summary>A response as it was before the updates, token by token.</summary>
    private sealed record Rollout(float[] LogProbs, double[] Values, double[] Advantages, double[] Returns, double Kl);

    /// <summary>Sums over a response's tokens and all updates so far.</summary>
    private readonly record struct Sums(double Policy, double Value, double Clipped, double SquaredLogRatio)
    {
        public static Sums operator +(Sums a, Sums b) =>
            new(a.Policy + b.Policy, a.Value + b.Value, a.Clipped + b.Clipped, a.SquaredLogRatio + b.SquaredLogRatio);
    }
}
