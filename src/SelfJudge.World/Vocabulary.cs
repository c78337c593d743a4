
namespace SelfJudge.World;

/// <summary>Every word of the world, in a fixed order: special tokens first.</summary>
public static class Vocabulary
{
    public static IReadOnlyList<string> SpecialTokens { get; } = ["</s>", "<unk>", "<user>", "<assistant>", "<judge>"];

    /// <summary>The words of the judge template that prompts and answers do not have, and the grades of rationales.</summary>
    private const string JudgeWords = "A B better overall helpfulness honesty instruction truthfulness poor fair good";

    private const string AnswerWords = "yes no , . ! not maybe surely i think am sure the is are lives in eats tastes plus opposite of";

    public static IReadOnlyList<string> Words { get; } =
    [
        .. SpecialTokens,
        .. new[] { JudgeWords, AnswerWords, Sentences.Salutation, Sentences.Opener, Sentences.Closer, Sentences.Thanks, Sentences.Rude,
            Sentences.Unsure }
            .Concat(WorldPrompts.Enumerate().Select(p => p.Text))
            .SelectMany(text => text.Split(' '))
            .Concat(Lexicon.Numbers)
            .Concat(Lexicon.Categories.Values.SelectMany(c => c))
            .Concat(Lexicon.Tastes)
            .Concat(Lexicon.Opposites.Keys)
            .Distinct(StringComparer.Ordinal)
            .Order(StringComparer.Ordinal),
    ];
}
