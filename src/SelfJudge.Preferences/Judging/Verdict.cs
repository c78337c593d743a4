
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
/// <param name="VotesFirst">Templates that vote for response 1, with the prior where there is one.</param>
/// <param name="VotesSecond">Templates that vote for response 2, likewise.</param>
/// <param name="ScoreFirst">Mean score of response 1 over templates, in [0, 1].</param>
/// <param name="ScoreSecond">Mean score of response 2 over templates, in [0, 1].</param>
/// <param name="Judgments">What each template said; empty where no template judged: the responses are identical, or the judge is an oracle,
/// or not understood.</param>
public sealed record Verdict(int Winner, int VotesFirst, int VotesSecond, double ScoreFirst, double ScoreSecond,
    IReadOnlyList<TemplateJudgment> Judgments)
{
    /// <summary>
    /// What was added to the judge's log-odds, λ·(log π(y1|x) − log π(y2|x)) in nats (<see cref="MatchPrior"/>); 0 where the
    /// judge decides alone.
    /// </summary>
    public double Prior { get; init; }

    /// <summary>The judge's own term: the log-odds of the mean scores, log(score1 / score2), in nats.</summary>
    public double LogOdds => Math.Log(ScoreFirst / ScoreSecond);

    /// <summary>Whether the prior turned what the judge alone would have said.</summary>
    public bool IsOverruled => Prior != 0 && WinnerOf(Scores(Judgments), 0) != Winner;

    /// <summary>The verdict on two identical responses: a tie, unjudged.</summary>
    public static Verdict Identical { get; } = new(0, 0, 0, 0, 0, []);

    /// <summary>The verdict where the judge's answer names neither response: a tie, which makes no preference.</summary>
    public static Verdict Unreadable { get; } = new(0, 0, 0, 0, 0, []);

    /// <summary>Whether either order of presentation alone gives this verdict: swap-consistent. True where the judge knows no
    /// order.</summary>
    public bool OrdersAgree => Judgments.Count == 0 || WinnerOf([.. Judgments.Select(j => (j.Forward.A, j.Forward.B))], Prior) == Winner
        && WinnerOf([.. Judgments.Select(j => (j.Swapped.B, j.Swapped.A))], Prior) == Winner;

    /// <summary>The verdict where a pair whose orders disagree counts as <paramref name="inconsistent"/> says.</summary>
    public Verdict Under(InconsistentPairs inconsistent) =>
        inconsistent == InconsistentPairs.Mean || OrdersAgree ? this : this with { Winner = 0 };

    /// <summary>
    /// One template: the higher score wins. Several: each votes, the majority wins, and where the votes are even the
    /// mean score decides (section 3.1). A prior is added to every log-odds that is looked at: to each template's when it
    /// votes, and to that of the mean scores where the votes are even. Without one, this is the paper's verdict.
    /// </summary>
    /// <param name="prior">λ·(log π(y1|x) − log π(y2|x)), in nats.</param>
    public static Verdict Of(IReadOnlyList<TemplateJudgment> judgments, double prior = 0)
    {
        if (judgments.Count == 0)
            throw new ArgumentException("a verdict needs at least one judgment", nameof(judgments));
        var scores = Scores(judgments);
        int first = scores.Count(s => Compare(s.First, s.Second, prior) > 0),
            second = scores.Count(s => Compare(s.First, s.Second, prior) < 0);
        double scoreFirst = judgments.Average(j => j.ScoreFirst), scoreSecond = judgments.Average(j => j.ScoreSecond);
        return new Verdict(WinnerOf(scores, prior), first, second, scoreFirst, scoreSecond, judgments) { Prior = prior };
    }

    /// <summary>The verdict with a prior beside the judge; as it is where no template judged.</summary>
    public Verdict With(double prior) => Judgments.Count == 0 ? this : Of(Judgments, prior);

    private static List<(double First, double Second)> Scores(IReadOnlyList<TemplateJudgment> judgments) =>
        [.. judgments.Select(j => (j.ScoreFirst, j.ScoreSecond))];

    // The majority of templates; where it is even, the mean.
    private static int WinnerOf(IReadOnlyList<(double First, double Second)> scores, double prior)
    {
        var votes = scores.Sum(s => Compare(s.First, s.Second, prior));
        var decided = votes != 0 ? votes : Compare(scores.Average(s => s.First), scores.Average(s => s.Second), prior);
        return decided switch { > 0 => 1, < 0 => 2, _ => 0 };
    }

    // 1, −1 or 0, by log(first / second) + prior. Without a prior by the scores themselves: logarithms round, and two zeros have none.
    private static int Compare(double first, double second, double prior) =>
        prior == 0 ? first.CompareTo(second) : (Math.Log(first) + prior).CompareTo(Math.Log(second));
}
