namespace SelfJudge.World;

/// <summary>The kinds of question that the world asks.</summary>
public enum PromptFamily { Fact, List, Sum, Repeat, Opposite, IsA }

/// <summary>What a prompt asks of the form of its answer; both flags may be set.</summary>
[Flags]
public enum PromptModifier { None = 0, Brief = 1, Polite = 2, Thanks = 4 }

/// <summary>A prompt of the world, with what an oracle needs to score its answers.</summary>
/// <param name="Subject">The thing, category, word or first number that it is about.</param>
/// <param name="Detail">The attribute, kind or second number; empty where there is none.</param>
/// <param name="Count">How many items or repetitions it asks for; 0 where it asks for none.</param>
/// <param name="Please">Whether it begins with "please".</param>
public sealed record WorldPrompt(PromptFamily Family, string Subject, string Detail, int Count, PromptModifier Modifier, bool Please)
{
    public string Text { get; } = Render(Family, Subject, Detail, Count, Modifier, Please);

    public bool IsUnknown => Family == PromptFamily.Fact && Lexicon.UnknownCreatures.Contains(Subject);

    /// <summary>Whether a true fact can be added to the answer.</summary>
    public bool HasExtraFact => (Family is PromptFamily.Fact or PromptFamily.IsA)
        && (Lexicon.Animals.ContainsKey(Subject) || Lexicon.Fruits.ContainsKey(Subject));

    private static string Render(PromptFamily family, string subject, string detail, int count, PromptModifier modifier, bool please)
    {
        var question = family switch
        {
            PromptFamily.Fact => detail switch
            {
                "colour" => $"what colour is the {subject} ?",
                "home" => $"where does the {subject} live ?",
                "food" => $"what does the {subject} eat ?",
                _ => $"how does the {subject} taste ?",
            },
            PromptFamily.List => $"name {Lexicon.Numbers[count]} {subject} .",
            PromptFamily.Sum => $"what is {subject} plus {detail} ?",
            PromptFamily.Repeat => $"say {subject} {Lexicon.Numbers[count]} times .",
            PromptFamily.Opposite => $"what is the opposite of {subject} ?",
            _ => $"is the {subject} {detail} ?",
        };
        return (please ? "please " : "") + question
            + (modifier.HasFlag(PromptModifier.Brief) ? " be brief ." : "")
            + (modifier.HasFlag(PromptModifier.Polite) ? " be polite ." : "")
            + (modifier.HasFlag(PromptModifier.Thanks) ? " say thanks ." : "");
    }
}
