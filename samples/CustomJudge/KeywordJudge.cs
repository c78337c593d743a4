using SelfJudge.Preferences.Judging;
using SelfJudge.Preferences.Templates;

namespace SelfJudge.Samples;

/// <summary>
/// A judge by rules: an answer loses a point for each word that it should not have, and of two with as many points the shorter one
/// wins. It sees no order of presentation, so there is one verdict and no judgments in both orders.
/// </summary>
/// <param name="unwanted">Words that an answer should not have.</param>
internal sealed class KeywordJudge(IReadOnlySet<string> unwanted) : IPairJudge
{
    /// <inheritdoc/>
    public Task<PairJudgment> Judge(IReadOnlyList<Turn> prompt, string first, string second, CancellationToken cancellation) =>
        Task.FromResult(new PairJudgment(first == second ? Verdict.Identical : Compare(Points(first), Points(second))));

    /// <summary>How many unwanted words an answer has, and how many words.</summary>
    public (int Unwanted, int Words) Points(string answer)
    {
        var words = answer.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        return (words.Count(unwanted.Contains), words.Length);
    }

    // Fewer is better, of unwanted words first. A tie makes no preference, and sends the first answer on.
    private static Verdict Compare((int, int) first, (int, int) second) => first.CompareTo(second) switch
    {
        < 0 => new Verdict(Winner: 1, VotesFirst: 1, VotesSecond: 0, ScoreFirst: 1, ScoreSecond: 0, []),
        > 0 => new Verdict(Winner: 2, VotesFirst: 0, VotesSecond: 1, ScoreFirst: 0, ScoreSecond: 1, []),
        _ => new Verdict(Winner: 0, VotesFirst: 0, VotesSecond: 0, ScoreFirst: 0.5, ScoreSecond: 0.5, []),
    };
}
