using SelfJudge.Preferences.Templates;

namespace SelfJudge.World.Tests;

public sealed class OracleJudgeTests
{
    private static readonly Turn[] Prompt = [new Turn(Role.User, "what colour is the cat ?")];

    [Fact]
    public async Task The_higher_gold_score_wins_and_equal_ones_tie()
    {
        // (0.4 + 1 + 1 + 1)/4 against (0.2 + 0.2 + 1 + 0)/4: right, and wrong with nothing said of confidence.
        var verdict = (await OracleJudge.Instance.Judge(Prompt, "the cat is black .", "the cat is white .", default)).Verdict!;
        Assert.Equal((1, 1, 0), (verdict.Winner, verdict.VotesFirst, verdict.VotesSecond));
        Assert.Equal((0.85, 0.35), (verdict.ScoreFirst, verdict.ScoreSecond));
        Assert.Empty(verdict.Judgments);
        Assert.Equal(2, (await OracleJudge.Instance.Judge(Prompt, "the cat is white .", "the cat is black .", default)).Verdict!.Winner);
        Assert.Equal(0, (await OracleJudge.Instance.Judge(Prompt, "the cat is black .", "the cat is black .", default)).Verdict!.Winner);
    }

    [Fact]
    public async Task A_prompt_from_elsewhere_is_refused()
    {
        var e = await Assert.ThrowsAsync<ArgumentException>(() =>
            OracleJudge.Instance.Judge([new Turn(Role.User, "Why is the sky blue?")], "a", "b", default));
        Assert.Equal("the oracle knows the built-in world's prompts only, and 'Why is the sky blue?' is none of them", e.Message);
    }
}
