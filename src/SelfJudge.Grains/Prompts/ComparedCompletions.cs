using SelfJudge.Abstractions;
using SelfJudge.Preferences.Judging;
using SelfJudge.Preferences.Tournaments;

namespace SelfJudge.Grains.Prompts;

/// <summary>What comparing a prompt's completions gave: preferences, or rewards.</summary>
/// <param name="Identical">Comparisons of identical completions, which make no preference.</param>
/// <param name="Verdicts">Of every pair that was judged.</param>
/// <param name="Inconsistent">Comparisons that make no preference because their orders disagree.</param>
internal sealed record ComparedCompletions(Bracket Bracket, IReadOnlyList<Triplet> Triplets, int Identical, IReadOnlyList<Verdict> Verdicts,
    IReadOnlyList<RewardedCompletion> Rewarded, int Inconsistent = 0)
{
    /// <summary>What each completion's likelihood added to the judge's log-odds of it, in nats; null where the judge decided
    /// alone.</summary>
    public IReadOnlyList<double>? Priors { get; init; }

    /// <summary>The matches of a played bracket that a pattern makes preferences.</summary>
    /// <param name="requireAgreement">Only where both orders agree.</param>
    public static ComparedCompletions Of(Bracket bracket, TripletPattern pattern, bool requireAgreement, SampleResponse sampled,
        string prompt)
    {
        List<Match> played = [.. bracket.Matches, .. bracket.Further];
        var (preferences, inconsistent) = TripletSelection.From(bracket, pattern, requireAgreement);
        var triplets = preferences.Select(p =>
        {
            var verdict = played[p.Match].Verdict;
            var firstWon = verdict.Winner == 1;
            return new Triplet(p.Match, sampled.PromptIds, sampled.Completions[p.Chosen], sampled.Completions[p.Rejected],
                firstWon ? verdict.ScoreFirst : verdict.ScoreSecond, firstWon ? verdict.ScoreSecond : verdict.ScoreFirst,
                verdict.OrdersAgree, prompt, firstWon ? verdict.Prior : -verdict.Prior);
        }).ToList();
        var judged = Judged(played.Select(m => m.Verdict));
        return new ComparedCompletions(bracket, triplets,
            played.Count(m => sampled.Completions[m.First].Text == sampled.Completions[m.Second].Text),
            judged, [], inconsistent);
    }

    /// <summary>The preference of statistical rejection sampling; none where the two are identical.</summary>
    /// <param name="requireAgreement">Only where both orders agree.</param>
    public static ComparedCompletions Of(RejectionSelection selection, bool requireAgreement, SampleResponse sampled, string prompt)
    {
        Completion accepted = sampled.Completions[selection.Accepted], rejected = sampled.Completions[selection.Rejected];
        var isIdentical = accepted.Text == rejected.Text;
        var isDropped = !isIdentical && requireAgreement && !selection.OrdersAgree;
        return new ComparedCompletions(Unplayed(sampled), isIdentical || isDropped ? [] :
            [new Triplet(0, sampled.PromptIds, accepted, rejected, selection.Scores[selection.Accepted],
                selection.Scores[selection.Rejected], selection.OrdersAgree, prompt)],
            isIdentical ? 1 : 0, Judged(selection.Verdicts), [], isDropped ? 1 : 0);
    }

    /// <summary>Rewards, one for each completion.</summary>
    public static ComparedCompletions Of(IReadOnlyList<double> rewards, IReadOnlyList<Verdict> verdicts, SampleResponse sampled,
        string prompt) =>
        new(Unplayed(sampled), [], 0, Judged(verdicts),
            [.. sampled.Completions.Zip(rewards, (c, r) => new RewardedCompletion(sampled.PromptIds, c, r, prompt))]);

    private static List<Verdict> Judged(IEnumerable<Verdict> verdicts) => [.. verdicts.Where(v => v.Judgments.Count > 0)];

    private static Bracket Unplayed(SampleResponse sampled) => Bracket.Of(sampled.Completions.Count, 0);
}
