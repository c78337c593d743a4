using SelfJudge.Preferences.Templates;

namespace SelfJudge.Client.Tests;

public sealed class ComparedPolicyTests
{
    private static IReadOnlyList<Turn> Prompt(string text) => [new Turn(Role.User, text)];

    [Fact]
    public void A_files_answers_go_to_their_prompts_and_rows_of_one_prompt_in_turn()
    {
        var policy = new ComparedPolicy("answers.jsonl", null,
            [new(Prompt("x"), "first", null), new(Prompt("y"), "other", null), new(Prompt("x"), "second", null)]);
        Assert.Equal(["other", "first", "second", "second"],
            policy.AnswersTo([Prompt("y"), Prompt("x"), Prompt("x"), Prompt("x")]).Select(a => a.Answer));
    }

    [Fact]
    public void A_prompt_without_an_answer_is_named_shortened()
    {
        var policy = new ComparedPolicy("answers.jsonl", null, [new(Prompt("x"), "a", null)]);
        Assert.Equal(
            $"answers.jsonl has no answer to prompt 2, '{new string('z', 60)}…': both sides must answer the same prompts",
            Assert.Throws<UserError>(() => policy.AnswersTo([Prompt("x"), Prompt(new string('z', 61))])).Message);
        // The same words of another speaker are another prompt.
        Assert.Throws<UserError>(() => policy.AnswersTo([[new Turn(Role.System, "x")]]));
    }

    [Fact]
    public void What_answers_are_like_by_hand()
    {
        // Words 2 and 6; of four three-word sequences one has occurred before.
        var style = AnswerStyle.Of("n", ["two words", "a b c a b c"], [2, 7]);
        Assert.Equal((4, 4.5, 0.125), (style.MeanWords, style.MeanTokens, style.Repetition));
        Assert.Null(AnswerStyle.Of("n", ["a", "b"], [1, null]).MeanTokens);
    }
}
