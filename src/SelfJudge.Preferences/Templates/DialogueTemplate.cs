namespace SelfJudge.Preferences.Templates;

public enum Role { System, User, Assistant }

/// <summary>One turn of a dialogue.</summary>
public sealed record Turn(Role Role, string Content);

/// <summary>How a dialogue becomes the text that a model continues.</summary>
/// <param name="SystemFormat">Opens the dialogue where there is a system message, with <c>{content}</c>.</param>
/// <param name="UserFormat">A user's turn, with <c>{content}</c>.</param>
/// <param name="AssistantOpening">What stands before the assistant's answer.</param>
/// <param name="AssistantClosing">What follows an earlier answer and its end token.</param>
/// <param name="SystemMessage">The message used where a dialogue brings none; null for no system turn at all.</param>
public sealed record DialogueTemplate(string Name, string SystemFormat, string UserFormat, string AssistantOpening, string AssistantClosing, string? SystemMessage)
{
    /// <summary>The built-in world's: one word before the question, one before the answer.</summary>
    public static DialogueTemplate World { get; } = new("world", "", "<user> {content}", " <assistant>", " ", null);

    /// <summary>The paper's (Table 12), with the system message of HH-Helpful (Table 13).</summary>
    public static DialogueTemplate Paper { get; } = new("paper", "<|system|>\n{content}\n", "<|user|>\n{content}\n", "<|assistant|>\n", "\n",
        "Below are a series of dialogues between a human user and an AI assistant. The AI tries to be helpful, harmless, and honest.");

    /// <summary>The prompt as it stands, for models that were never taught a dialogue.</summary>
    public static DialogueTemplate Plain { get; } = new("plain", "{content}\n", "{content}", "", "\n", null);

    public static IReadOnlyList<DialogueTemplate> BuiltIn { get; } = [World, Paper, Plain];

    /// <exception cref="ArgumentException">No template has that name.</exception>
    public static DialogueTemplate ByName(string name) => BuiltIn.FirstOrDefault(t => t.Name == name)
        ?? throw new ArgumentException($"unknown dialogue template '{name}'; known are {string.Join(", ", BuiltIn.Select(t => t.Name))}");

    /// <summary>
    /// The text before each answer that the dialogue contains or asks for: entry i is what the model sees between its
    /// answers i − 1 and i. A dialogue that ends with a user's turn asks for one answer more than it contains.
    /// </summary>
    public IReadOnlyList<IReadOnlyList<TemplatePart>> Stretches(IReadOnlyList<Turn> turns)
    {
        var stretches = new List<IReadOnlyList<TemplatePart>>();
        var current = new List<TemplatePart>();
        if (SystemMessage is not null && (turns.Count == 0 || turns[0].Role != Role.System))
            current.AddRange(Fill(SystemFormat, SystemMessage));
        foreach (var turn in turns)
            if (turn.Role == Role.Assistant)
            {
                current.Add(new TemplatePart(AssistantOpening, true));
                stretches.Add(current);
                current = [new TemplatePart(AssistantClosing, true)];
            }
            else
            {
                current.AddRange(Fill(turn.Role == Role.System ? SystemFormat : UserFormat, turn.Content));
            }
        if (turns.Count == 0 || turns[^1].Role != Role.Assistant)
        {
            current.Add(new TemplatePart(AssistantOpening, true));
            stretches.Add(current);
        }
        return stretches;
    }

    private static List<TemplatePart> Fill(string format, string content) => TemplatePart.Fill(format, new Dictionary<string, string> { ["content"] = content });
}
