namespace SelfJudge.Preferences.Templates;

/// <summary>Who speaks in a turn of a dialogue.</summary>
public enum Role { System, User, Assistant }

/// <summary>One turn of a dialogue.</summary>
public sealed record Turn(Role Role, string Content);

/// <summary>How a dialogue becomes the text that a model continues.</summary>
/// <param name="SystemFormat">Opens the dialogue where there is a system message, with <c>{content}</c>.</param>
/// <param name="UserFormat">A user's turn, with <c>{content}</c>.</param>
/// <param name="AssistantOpening">What stands before the assistant's answer.</param>
/// <param name="AssistantClosing">What follows an answer. Where it begins with a special token of the tokenizer, that token ends answers in
/// place of the tokenizer's own end token.</param>
/// <param name="SystemMessage">The message used where a dialogue brings none; null for no system turn at all.</param>
public sealed record DialogueTemplate(string Name, string SystemFormat, string UserFormat, string AssistantOpening, string AssistantClosing,
    string? SystemMessage)
{
    /// <summary>A user's turn right behind a system message, with <c>{content}</c>; null where it is like any other.</summary>
    public string? UserAfterSystemFormat { get; init; }

    /// <summary>The built-in world's: one word before the question, one before the answer.</summary>
    public static DialogueTemplate World { get; } = new("world", "", "<user> {content}", " <assistant>", " ", null);

    /// <summary>The paper's (Table 12), with the system message of HH-Helpful (Table 13).</summary>
    public static DialogueTemplate Paper { get; } =
        new("paper", "<|system|>\n{content}\n", "<|user|>\n{content}\n", "<|assistant|>\n", "\n",
        "Below are a series of dialogues between a human user and an AI assistant. The AI tries to be helpful, harmless, and honest.");

    /// <summary>The paper's, with the system message of UltraFeedback (Table 13).</summary>
    public static DialogueTemplate PaperUltraFeedback { get; } = Paper with
    {
        Name = "paper-ultrafeedback",
        SystemMessage = "Below are a series of dialogues between a human user and an AI assistant. The AI tries to be helpful, honest, "
            + "truthful and follows the instructions from human.",
    };

    /// <summary>The prompt as it stands, for models that were never taught a dialogue.</summary>
    public static DialogueTemplate Plain { get; } = new("plain", "{content}\n", "{content}", "", "\n", null);

    /// <summary>Llama 2's chat models: the system message stands within the first user's turn, and every exchange is a sequence of its
    /// own.</summary>
    public static DialogueTemplate Llama2Chat { get; } = new("llama-2-chat", "[INST] <<SYS>>\n{content}\n<</SYS>>\n\n",
        "[INST] {content} [/INST]", "", " </s><s>", null)
    { UserAfterSystemFormat = "{content} [/INST]" };

    /// <summary>Llama 3's instruct models.</summary>
    public static DialogueTemplate Llama3 { get; } = new("llama-3",
        "<|start_header_id|>system<|end_header_id|>\n\n{content}<|eot_id|>",
            "<|start_header_id|>user<|end_header_id|>\n\n{content}<|eot_id|>",
        "<|start_header_id|>assistant<|end_header_id|>\n\n", "<|eot_id|>", null);

    public static DialogueTemplate ChatMl { get; } = new("chatml", "<|im_start|>system\n{content}<|im_end|>\n",
        "<|im_start|>user\n{content}<|im_end|>\n", "<|im_start|>assistant\n", "<|im_end|>\n", null);

    public static DialogueTemplate Zephyr { get; } =
        new("zephyr", "<|system|>\n{content}</s>\n", "<|user|>\n{content}</s>\n", "<|assistant|>\n", "</s>\n", null);

    public static IReadOnlyList<DialogueTemplate> BuiltIn { get; } =
        [World, Paper, PaperUltraFeedback, Plain, Llama2Chat, Llama3, ChatMl, Zephyr];

    /// <summary>In a recipe: the template that the model itself shows.</summary>
    public const string Auto = "auto";

    /// <param name="nameOrPath">A built-in template's name, or the path of a template file, see <see cref="DialogueTemplateFile"/>.</param>
    /// <exception cref="ArgumentException">No template has that name, or the file is not one; the message says why.</exception>
    public static DialogueTemplate ByName(string nameOrPath) => BuiltIn.FirstOrDefault(t => t.Name == nameOrPath)
        ?? (IsPath(nameOrPath) ? DialogueTemplateFile.Load(nameOrPath)
            : throw new ArgumentException($"unknown dialogue template '{nameOrPath}'; known are {Known}"));

    /// <summary>Whether it is the path of a file, and no template's name.</summary>
    public static bool IsFile(string nameOrPath) => IsPath(nameOrPath) && BuiltIn.All(t => t.Name != nameOrPath);

    /// <summary>A name as it is, a path made absolute: it may be read again from elsewhere.</summary>
    public static string Absolute(string nameOrPath) => IsFile(nameOrPath) ? Path.GetFullPath(nameOrPath) : nameOrPath;

    /// <summary>The built-in template that a Jinja <c>chat_template</c> amounts to, by what only that one has; null if it is none of
    /// them.</summary>
    public static DialogueTemplate? Recognise(string chatTemplate)
    {
        bool Has(params string[] marks) => marks.All(m => chatTemplate.Contains(m, StringComparison.Ordinal));
        return Has("<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>") ? Llama3
            : Has("<|im_start|>", "<|im_end|>") ? ChatMl
            : Has("[INST]", "[/INST]", "<<SYS>>") ? Llama2Chat
            : Has("<|user|>", "<|assistant|>", "eos_token") && !Has("<|end|>") ? Zephyr
            : null;
    }

    /// <summary>What can be named.</summary>
    public static string Known => $"{string.Join(", ", BuiltIn.Select(t => t.Name))}, or the path of a template file";

    private static bool IsPath(string name) =>
        name.Contains('/', StringComparison.Ordinal) || name.Contains('\\', StringComparison.Ordinal)
            || name.EndsWith(".yaml", StringComparison.Ordinal) || name.EndsWith(".yml", StringComparison.Ordinal);

    /// <summary>
    /// The text before each answer that the dialogue contains or asks for: entry i is what the model sees between its
    /// answers i − 1 and i. A dialogue that ends with a user's turn asks for one answer more than it contains.
    /// </summary>
    public IReadOnlyList<IReadOnlyList<TemplatePart>> Stretches(IReadOnlyList<Turn> turns)
    {
        var stretches = new List<IReadOnlyList<TemplatePart>>();
        var current = new List<TemplatePart>();
        var isAfterSystem = false;
        if (SystemMessage is not null && (turns.Count == 0 || turns[0].Role != Role.System))
        {
            current.AddRange(Fill(SystemFormat, SystemMessage));
            isAfterSystem = true;
        }
        foreach (var turn in turns)
        {
            if (turn.Role == Role.Assistant)
            {
                current.Add(new TemplatePart(AssistantOpening, true));
                stretches.Add(current);
                current = [new TemplatePart(AssistantClosing, true)];
            }
            else
            {
                current.AddRange(Fill(turn.Role == Role.System ? SystemFormat : isAfterSystem ? UserAfterSystemFormat ?? UserFormat
                    : UserFormat, turn.Content));
            }
            isAfterSystem = turn.Role == Role.System;
        }
        if (turns.Count == 0 || turns[^1].Role != Role.Assistant)
        {
            current.Add(new TemplatePart(AssistantOpening, true));
            stretches.Add(current);
        }
        return stretches;
    }

    private static List<TemplatePart> Fill(string format, string content) =>
        TemplatePart.Fill(format, new Dictionary<string, string> { ["content"] = content });
}
