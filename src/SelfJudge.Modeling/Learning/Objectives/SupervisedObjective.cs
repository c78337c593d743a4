using SelfJudge.Modeling.Decoders;
using SelfJudge.Preferences.Learning;

namespace SelfJudge.Modeling.Learning.Objectives;

/// <summary>Cross-entropy on the learned parts of the examples (stage 1 of the method).</summary>
public sealed record SupervisedObjective(IReadOnlyList<SupervisedExample> Examples, PartWeights Weights) : Objective
{
    private static readonly TokenPart[] Parts = Enum.GetValues<TokenPart>();

    public override IReadOnlyList<int> Lengths => [.. Examples.Select(e => e.Tokens.Length)];

    public override StepReport Step(IPasses passes)
    {
        var counts = new int[Parts.Length];
        foreach (var example in Examples)
            foreach (var part in example.Parts.Skip(1)) // Nothing predicts a sequence's first token.
                counts[(int)part]++;
        var tokenWeights = Weights.TokenWeights(counts);
        var sums = Examples.Select(_ => new double[Parts.Length]).ToArray(); // Σ log p by example and part
        double Sum(TokenPart part) => sums.Sum(s => s[(int)part]);
        double Loss() => -Parts.Sum(p => Sum(p) * tokenWeights[(int)p]);
        var norm = passes.Update(Lengths, (batch, pass) => Pass(batch, pass, tokenWeights, sums), Loss);
        var metrics = Parts.Where(p => tokenWeights[(int)p] > 0).ToDictionary(p => $"loss/{NameOf(p)}", p => -Sum(p) / counts[(int)p]);
        return new StepReport(Loss(), norm, Examples.Sum(e => e.Tokens.Length), metrics);
    }

    // The loss is linear in the log-probabilities: its slopes are known before they are, and logits are made once.
    private void Pass(int[] batch, BatchPass pass, double[] tokenWeights, double[][] sums)
    {
        var packed = PackedBatch.Of([.. batch.Select(i => (ReadOnlyMemory<int>)Examples[i].Tokens)]);
        var (rows, targets, learned) = (new List<int>(), new List<int>(), new List<(int Example, TokenPart Part)>());
        foreach (var (at, i) in batch.Index())
            for (var t = 1; t < Examples[i].Tokens.Length; t++)
                if (Examples[i].Parts[t] is var part && tokenWeights[(int)part] > 0)
                {
                    rows.Add(packed.Offsets[at] + t - 1);
                    targets.Add(Examples[i].Tokens[t]);
                    learned.Add((i, part));
                }
        pass.Forward(packed);
        var logProbs = pass.Backward([.. rows], [.. targets], [.. learned.Select(l => (float)-tokenWeights[(int)l.Part])]);
        foreach (var (logProb, (example, part)) in logProbs.Zip(learned))
            sums[example][(int)part] += logProb;
    }

    private static string NameOf(TokenPart part) => part switch
    {
        TokenPart.Response => "response",
        TokenPart.JudgeToken => "judge_token",
        TokenPart.Rationale => "rationale",
        _ => "judge_prompt",
    };
}
