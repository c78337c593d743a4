using SelfJudge.Modeling.Decoders;
using SelfJudge.Preferences.Learning;

namespace SelfJudge.Modeling.Learning.Objectives;

/// <summary>The Bradley-Terry loss, the mean over the pairs. The reward is read at a response's last token.</summary>
public sealed record BradleyTerryObjective(IReadOnlyList<PreferencePair> Pairs) : Objective
{
    public override IReadOnlyList<int> Lengths => [.. Pairs.Select(p => p.Tokens)];

    public override IEnumerable<int> Sequences => Pairs.SelectMany(p => p.Sequences);

    public override ScalarHead Head => ScalarHead.Reward;

    public override StepReport Step(IPasses passes)
    {
        var rewards = new (double Chosen, double Rejected)[Pairs.Count];
        double Loss() => rewards.Average(r => BradleyTerry.Of(r.Chosen - r.Rejected).Loss);
        var norm = passes.Update(Lengths, (batch, pass) => Pass(batch, pass, rewards), Loss);
        var metrics = new Dictionary<string, double>
        {
            ["rewards/chosen"] = rewards.Average(r => r.Chosen),
            ["rewards/rejected"] = rewards.Average(r => r.Rejected),
            ["rewards/accuracies"] = rewards.Average(r => r.Chosen > r.Rejected ? 1.0 : 0.0),
            ["rewards/margins"] = rewards.Average(r => r.Chosen - r.Rejected),
        };
        return new StepReport(Loss(), norm, Pairs.Sum(p => (long)p.Tokens), metrics);
    }

    private void Pass(int[] batch, BatchPass pass, (double Chosen, double Rejected)[] rewards)
    {
        var packed = PackedBatch.Of([.. from i in batch
                                        from response in new[] { Pairs[i].Chosen, Pairs[i].Rejected }
                                        select (ReadOnlyMemory<int>)(int[])[.. Pairs[i].Prompt, .. response]]);
        var rows = ScalarReadings.LastRows(packed);
        pass.Forward(packed);
        var scores = pass.Scalars(rows);
        var slopes = new float[rows.Length];
        for (var i = 0; i < batch.Length; i++)
        {
            var (chosen, rejected) = rewards[batch[i]] = (scores[2 * i], scores[2 * i + 1]);
            slopes[2 * i] = (float)(BradleyTerry.Of(chosen - rejected).ByMargin / Pairs.Count);
            slopes[2 * i + 1] = -slopes[2 * i];
        }
        pass.BackwardScalars(rows, slopes);
    }
}
