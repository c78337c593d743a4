namespace SelfJudge.Preferences.Judging;

/// <summary>What a set of verdicts says about the judge that gave them.</summary>
/// <param name="Judged">Pairs that were judged; identical pairs are not.</param>
/// <param name="SwapConsistency">Share of judgments whose two orders agree; one half is chance.</param>
/// <param name="PositionBias">Mean of p_A / (p_A + p_B) over both orders, less one half: positive favours whatever stands first.</param>
/// <param name="TieRate">Share of verdicts without a winner.</param>
/// <param name="JudgeMass">Mean of p_A + p_B; far below 1, the model does not know that it is asked for a judge token.</param>
public sealed record JudgeHealth(int Judged, double SwapConsistency, double PositionBias, double TieRate, double JudgeMass)
{
    public static JudgeHealth Of(IEnumerable<Verdict> verdicts)
    {
        var judged = verdicts.Where(v => v.Judgments.Count > 0).ToList();
        if (judged.Count == 0)
            return new JudgeHealth(0, double.NaN, double.NaN, double.NaN, double.NaN);
        var judgments = judged.SelectMany(v => v.Judgments).ToList();
        return new JudgeHealth(
            judged.Count,
            judgments.Average(j => j.OrdersAgree ? 1.0 : 0.0),
            judgments.Average(j => (ShareOfA(j.Forward) + ShareOfA(j.Swapped)) / 2) - 0.5,
            judged.Average(v => v.Winner == 0 ? 1.0 : 0.0),
            judgments.Average(j => j.JudgeMass));
    }

    private static double ShareOfA(JudgeProbabilities p) => p.A + p.B > 0 ? p.A / (p.A + p.B) : 0.5;
}
