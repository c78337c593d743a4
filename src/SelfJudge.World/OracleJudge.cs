using SelfJudge.Preferences.Judging;
using SelfJudge.Preferences.Statistics;
using SelfJudge.Preferences.Templates;

namespace SelfJudge.World;

/// <summary>The built-in world's oracle as a judge: scores are the means over its principles. It has no order of presentation, so its
/// verdicts hold no judgments.</summary>
public sealed class OracleJudge : IPairJudge
{
    public static OracleJudge Instance { get; } = new();

    /// <exception cref="ArgumentException">The prompt is none of the world's.</exception>
    public Task<PairJudgment> Judge(IReadOnlyList<Turn> prompt, string first, string second, CancellationToken cancellation)
    {
        var asked = Find(prompt)
            ?? throw new ArgumentException(
            $"the oracle knows the built-in world's prompts only, and '{prompt[^1].Content}' is none of them");
        double a = GoldOracle.Score(asked, first).Mean, b = GoldOracle.Score(asked, second).Mean;
        var winner = WinRate.Compare(a, b) switch { > 0.5 => 1, < 0.5 => 2, _ => 0 };
        return Task.FromResult(new PairJudgment(new Verdict(winner, winner == 1 ? 1 : 0, winner == 2 ? 1 : 0, a, b, [])));
    }

    /// <summary>The world's prompt that a dialogue is; null where it is none.</summary>
    public static WorldPrompt? Find(IReadOnlyList<Turn> prompt) =>
        prompt is [{ Role: Role.User } turn] ? WorldPrompts.Find(turn.Content) : null;
}
