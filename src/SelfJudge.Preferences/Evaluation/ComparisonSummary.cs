using SelfJudge.Preferences.Judging;
using SelfJudge.Preferences.Statistics;

namespace SelfJudge.Preferences.Evaluation;

/// <summary>How one policy fares against another by a judge, over prompts that both have answered.</summary>
/// <param name="Ties">Exact ties, the <paramref name="Identical"/> answers and, unless the mean over both orders decides them, the
/// <paramref name="Inconsistent"/> pairs.</param>
/// <param name="NoVerdicts">Prompts that the judge decided neither way nor as a tie; they are left out of the win rate.</param>
/// <param name="Unreadable">Answers of the judge that named neither response.</param>
/// <param name="WinRate">(wins + ties / 2) / (wins + ties + losses); null where nothing was decided.</param>
/// <param name="WinRateCi95">Wilson's score interval over prompts, lower and upper end. With ties as half it is, if anything, too
/// wide.</param>
/// <param name="SwapConsistency">Share of judgments whose two orders agree; null where the judge knows no order. So are the two after
/// it.</param>
/// <param name="PositionBias">See <see cref="JudgeHealth"/>.</param>
/// <param name="JudgeMass">See <see cref="JudgeHealth"/>.</param>
/// <param name="Inconsistent">Pairs on which the judge's two orders disagree.</param>
/// <param name="InconsistentRate">Their share of the pairs that were judged; null where the judge knows no order.</param>
public sealed record ComparisonSummary(
    int Prompts, int Wins, int Ties, int Losses, int Identical, int NoVerdicts, int Unreadable, double? WinRate,
        IReadOnlyList<double>? WinRateCi95,
    double? SwapConsistency, double? PositionBias, double? JudgeMass, int Inconsistent, double? InconsistentRate)
{
    /// <param name="identical">Prompts on which both gave the same answer.</param>
    public static ComparisonSummary Of(IReadOnlyList<PairJudgment> judgments, int identical)
    {
        var verdicts = judgments.Select(j => j.Verdict).OfType<Verdict>().ToList();
        int wins = verdicts.Count(v => v.Winner == 1), losses = verdicts.Count(v => v.Winner == 2), ties = verdicts.Count - wins - losses;
        var rate = verdicts.Count == 0 ? null : Estimate.OfShare((wins + ties / 2.0) / verdicts.Count, verdicts.Count);
        var health = JudgeHealth.Of(verdicts);
        double? Known(double value) => health.Judged == 0 ? null : value;
        var inconsistent = verdicts.Count(v => !v.OrdersAgree);
        return new ComparisonSummary(judgments.Count, wins, ties, losses, identical, judgments.Count - verdicts.Count,
            judgments.Sum(j => j.Unreadable.Count),
            rate?.Mean, rate is null ? null : [rate.Low, rate.High], Known(health.SwapConsistency), Known(health.PositionBias),
                Known(health.JudgeMass),
            inconsistent, Known((double)inconsistent / health.Judged));
    }
}
