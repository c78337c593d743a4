
namespace SelfJudge.Preferences.Judging;

/// <summary>Full-vocabulary probabilities of the two judge tokens at the judge position.</summary>
public readonly record struct JudgeProbabilities(double A, double B);

/// <summary>One template's judgment of a pair in both orders.</summary>
/// <param name="Principle">The principle that the template names; null for an overall template.</param>
/// <param name="Forward">With response 1 as A, response 2 as B.</param>
/// <param name="Swapped">With response 2 as A, response 1 as B.</param>
public sealed record TemplateJudgment(string? Principle, JudgeProbabilities Forward, JudgeProbabilities Swapped)
{
    /// <summary>½ [p_A(y1, y2) + p_B(y2, y1)], section 3.1: the mean likelihood of the token that names response 1.</summary>
    public double ScoreFirst => (Forward.A + Swapped.B) / 2;

    /// <summary>½ [p_B(y1, y2) + p_A(y2, y1)]</summary>
    public double ScoreSecond => (Forward.B + Swapped.A) / 2;

    /// <summary>Whether both orders prefer the same response.</summary>
    public bool OrdersAgree => Math.Sign(Forward.A - Forward.B) == Math.Sign(Swapped.B - Swapped.A);

    /// <summary>p_A + p_B, the mass that the judge tokens hold, as a mean over the two orders.</summary>
    public double JudgeMass => (Forward.A + Forward.B + Swapped.A + Swapped.B) / 2;

    /// <summary>Which response this template votes for: 1, 2, or 0 for an exact tie.</summary>
    public int Vote => ScoreFirst > ScoreSecond ? 1 : ScoreFirst < ScoreSecond ? 2 : 0;
}

/// <summary>How a pair was decided.</summary>
/// <param name="Winner">1 or 2; 0 for an exact tie, which makes no preference.</param>
/// <param name="VotesFirst">Templates that vote for response 1.</param>
/// <param name="VotesSecond">Templates that vote for response 2.</param>
/// <param name="ScoreFirst">Mean score of response 1 over templates, in [0, 1].</param>
/// <param name="ScoreSecond">Mean score of response 2 over templates, in [0, 1].</param>
/// <param name="Judgments">What each template said; empty where no template judged: the responses are identical, or the judge is an oracle,
/// or not understood.</param>
public sealed record Verdict(int Winner, int VotesFirst, int VotesSecond, double ScoreFirst, double ScoreSecond,
    IReadOnlyList<TemplateJudgment> Judgments)
{
    /// <summary>The verdict on two identical responses: a tie, unjudged.</summary>
    public static Verdict Identical { get; } = new(0, 0, 0, 0, 0, []);

    /// <summary>The verdict where the judge's answer names neither response: a tie, which makes no preference.</summary>
    public static Verdict Unreadable { get; } = new(0, 0, 0, 0, 0, []);

    /// <summary>Whether either order of presentation alone gives this verdict: swap-consistent. True where the judge knows no
    /// order.</summary>
    public bool OrdersAgree => Judgments.Count == 0
        || WinnerOf([.. Judgments.Select(j => (j.Forward.A, j.Forward.B))]) == Winner
        && WinnerOf([.. Judgments.Select(j => (j.Swapped.B, j.Swapped.A))]) == Winner;

    /// <summary>The verdict where a pair whose orders disagree counts as <paramref name="inconsistent"/> says.</summary>
    public Verdict Under(InconsistentPairs inconsistent) =>
        inconsistent == InconsistentPairs.Mean || OrdersAgree ? this : this with { Winner = 0 };

    /// <summary>
    /// One template: the higher score wins. Several: each votes, the majority wins, and where the votes are even the
    /// mean score decides (section 3.1).
    /// </summary>
    public static Verdict Of(IReadOnlyList<TemplateJudgment> judgments)
    {
        if (judgments.Count == 0)
            throw new ArgumentException("a verdict needs at least one judgment", nameof(judgments));
        int first = judgments.Count(j => j.Vote == 1), second = judgments.Count(j => j.Vote == 2);
        double scoreFirst = judgments.Average(j => j.ScoreFirst), scoreSecond = judgments.Average(j => j.ScoreSecond);
        return new Verdict(WinnerOf([.. judgments.Select(j => (j.ScoreFirst, j.ScoreSecond))]), first, second, scoreFirst, scoreSecond,
            judgments);
    }

    // The majority of templates; where it is even, the mean.
    private static int WinnerOf(IReadOnlyList<(double First, double Second)> scores)
    {
        var votes = scores.Sum(s => s.First.CompareTo(s.Second));
        return votes != 0 ? (votes > 0 ? 1 : 2)
            : scores.Average(s => s.First).CompareTo(scores.Average(s => s.Second)) switch { > 0 => 1, < 0 => 2, _ => 0 };
    }
}
