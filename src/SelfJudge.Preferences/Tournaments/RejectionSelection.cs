using SelfJudge.Preferences.Judging;
using SelfJudge.Preferences.Learning;
using SelfJudge.Preferences.Randomness;

namespace SelfJudge.Preferences.Tournaments;

/// <summary>
/// The preference that RSO makes of a prompt's samples (appendix A): a judge scores each against one of them, statistical
/// rejection sampling accepts at most one, and it is preferred to one that was not accepted, drawn at random.
/// </summary>
/// <param name="Scores">Of every sample; one half for the baseline, which is level with itself.</param>
/// <param name="Verdicts">Of all but the baseline, in order.</param>
/// <param name="OrdersAgree">Whether the judge said the same in both orders of the accepted one and of the rejected one, each against the
/// baseline.</param>
public sealed record RejectionSelection(int Accepted, int Rejected, IReadOnlyList<double> Scores, IReadOnlyList<Verdict> Verdicts,
    bool OrdersAgree)
{
    /// <summary>The sample that the others are compared with.</summary>
    public static int Baseline(int samples, ulong seed) => CounterRandom.Permutation(samples, Seeds.Derive(seed, "baseline"))[0];

    /// <param name="verdicts">Of each sample but the baseline, in order, against the baseline.</param>
    public static RejectionSelection Of(IReadOnlyList<string> samples, int baseline, IReadOnlyList<Verdict> verdicts, double beta,
        ulong seed)
    {
        var candidates = Enumerable.Range(0, samples.Count).Where(i => i != baseline).ToList();
        // A sample identical to the baseline is level with it, unjudged.
        var scores = Enumerable.Repeat(0.5, samples.Count).ToArray();
        foreach (var (i, verdict) in candidates.Zip(verdicts).Where(c => samples[c.First] != samples[baseline]))
            scores[i] = verdict.ScoreFirst;
        var accepted = StatisticalRejection.Accept(scores, beta, 1, Seeds.Derive(seed, "accept"))[0];
        var others = Enumerable.Range(0, samples.Count).Where(i => i != accepted).ToList();
        var rejected = others[CounterRandom.Permutation(others.Count, Seeds.Derive(seed, "reject"))[0]];
        bool Agree(int sample) => sample == baseline || verdicts[candidates.IndexOf(sample)].OrdersAgree;
        return new RejectionSelection(accepted, rejected, scores, verdicts, Agree(accepted) && Agree(rejected));
    }
}
