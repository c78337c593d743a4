using SelfJudge.Preferences.Templates;

namespace SelfJudge.Preferences.Judging;

/// <summary>Whoever compares two responses to a prompt: a model of ours, a chat endpoint, the built-in world's oracle.</summary>
public interface IPairJudge
{
    /// <summary>Judges a pair in both orders (section 3.1). Two identical responses are a tie, and nobody is asked.</summary>
    Task<PairJudgment> Judge(IReadOnlyList<Turn> prompt, string first, string second, CancellationToken cancellation);
}

/// <summary>What a judge said of a pair.</summary>
/// <param name="Verdict">Null where no template has an answer in both orders.</param>
/// <param name="Unreadable">The judge's answers that name neither response.</param>
public sealed record PairJudgment(Verdict? Verdict, IReadOnlyList<string> Unreadable)
{
    public PairJudgment(Verdict? verdict) : this(verdict, []) { }

    /// <summary>The judgment where a pair whose orders disagree counts as <paramref name="inconsistent"/> says.</summary>
    public PairJudgment Under(InconsistentPairs inconsistent) => this with { Verdict = Verdict?.Under(inconsistent) };
}
