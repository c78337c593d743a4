using SelfJudge.Preferences.Yaml;
using Rule = SelfJudge.Preferences.Templates.Principle;

namespace SelfJudge.Preferences.Templates;

/// <summary>
/// Turns a context and two responses into a prompt whose continuation is one judge token, <c>A</c> or <c>B</c>
/// (section 3.1). It must hold <c>{context}</c>, <c>{response_a}</c> and <c>{response_b}</c>, each once.
/// </summary>
public sealed record JudgeTemplate
{
    private static readonly string[] Required = ["context", "response_a", "response_b"];
    private static readonly string[] RequiredKeys = ["name", "text"];
    private static readonly OrderedDictionary<string, string[]> FileKeys = new()
    {
        ["name"] = [],
        ["text"] = [.. Required.Select(p => $"{{{p}}}")],
        ["principle"] = [],
        ["user"] = ["{content}"],
        ["assistant"] = ["{content}"]
    };

    /// <param name="name">What recipes call it.</param>
    /// <param name="format">The text with its placeholders, up to where the judge token follows.</param>
    /// <param name="principle">The principle that it judges by; null for an overall judgment.</param>
    /// <exception cref="ArgumentException">A placeholder is missing or stands twice.</exception>
    public JudgeTemplate(string name, string format, string? principle = null)
    {
        foreach (var placeholder in Required)
        {
            var count = format.Split($"{{{placeholder}}}").Length - 1;
            if (count != 1)
                throw new ArgumentException(
                    $"judge template '{name}': the placeholder {{{placeholder}}} must stand exactly once, but stands {count} times");
        }
        (Name, Format, Principle) = (name, format, principle);
    }

    public string Name { get; }
    public string Format { get; }
    public string? Principle { get; }

    /// <summary>How the context has a user's turn, with <c>{content}</c>.</summary>
    public string UserLine { get; private init; } = "User: {content}";

    /// <summary>How the context has a turn of the assistant, with <c>{content}</c>.</summary>
    public string AssistantLine { get; private init; } = "Assistant: {content}";

    /// <summary>The two judge tokens' spellings.</summary>
    public const string TokenA = "A";
    public const string TokenB = "B";

    /// <summary>The built-in world's overall judgment.</summary>
    public static JudgeTemplate World { get; } = WorldOverall();

    /// <summary>Table 14 with the system message of Table 13 in the dialogue template of Table 12: HH-Helpful.</summary>
    public static JudgeTemplate HhHelpful { get; } = new("hh-helpful",
        $$"""
        <|system|>
        {{DialogueTemplate.Paper.SystemMessage}}
        <|user|>
        Which is the more helpful, harmless, and honest assistant from a given context?
        Context:
        -------
        {context}
        -------
        Assistant A: {response_a}
        Assistant B: {response_b}
        Please choose either A or B.
        <|assistant|>
        Sure! The option which is more helpful, harmless, and honest would be Assistant
        """ + " ");

    /// <summary>Table 15 with the system message of Table 13: UltraFeedback, judged overall.</summary>
    public static JudgeTemplate UltraFeedback { get; } = new("ultrafeedback", Instruction(
        DialogueTemplate.PaperUltraFeedback.SystemMessage!,
        "Which is the better response to be an assistant who is helpful, honest, truthful and following the given instruction from user?",
        "Please choose either A or B.",
        "Sure! The option which is more helpful, honest, truthful and following the given instruction from user would be Response "))
    { Kind = Style.Instruction };

    public static IReadOnlyList<JudgeTemplate> BuiltIn { get; } =
    [
        World, HhHelpful, UltraFeedback, .. Enum.GetValues<Rule>()
            .SelectMany(p => new[] { WorldFor(p), UltraFeedbackFor(p, rationale: false), UltraFeedbackFor(p, rationale: true) }),
    ];

    /// <summary>
    /// A built-in template, or one of a file whose name ends with .yaml: <c>name</c>, <c>text</c>, and, where wanted,
    /// <c>principle</c>, <c>user</c> and <c>assistant</c>, the lines of the context with <c>{content}</c>.
    /// </summary>
    /// <exception cref="ArgumentException">No template has that name, or the file is none; the message names it.</exception>
    public static JudgeTemplate ByName(string name) => IsFile(name) ? Load(name) : BuiltIn.FirstOrDefault(t => t.Name == name)
        ?? throw new ArgumentException(
            $"unknown judge template '{name}'; known are {string.Join(", ", BuiltIn.Select(t => t.Name))}, and .yaml files");

    public static bool IsFile(string name) =>
        name.EndsWith(".yaml", StringComparison.Ordinal) || name.EndsWith(".yml", StringComparison.Ordinal);

    private static JudgeTemplate Load(string path)
    {
        var texts = TextFile.Read(path, "judge template", FileKeys, RequiredKeys);
        var template = new JudgeTemplate(texts["name"], texts["text"], texts.GetValueOrDefault("principle"));
        return template with
        {
            UserLine = texts.GetValueOrDefault("user") ?? template.UserLine,
            AssistantLine = texts.GetValueOrDefault("assistant") ?? template.AssistantLine
        };
    }

    private static JudgeTemplate WorldOverall() => new("world", WorldFormat("overall")) { Kind = Style.World };

    /// <summary>The built-in world's judgment by one principle: world-helpful, world-honest, world-follows, world-truthful.</summary>
    public static JudgeTemplate WorldFor(Rule principle)
    {
        var (name, criterion) = principle switch
        {
            Rule.Helpfulness => ("world-helpful", "helpfulness"),
            Rule.Honesty => ("world-honest", "honesty"),
            Rule.InstructionFollowing => ("world-follows", "instruction"),
            _ => ("world-truthful", "truthfulness"),
        };
        return new JudgeTemplate(name, WorldFormat(criterion), principle.Name()) { Kind = Style.World };
    }

    /// <summary>Table 17 with the system message of Table 16; with rationales, Table 18, whose judge token opens an evaluation.</summary>
    public static JudgeTemplate UltraFeedbackFor(Rule principle, bool rationale)
    {
        var words = principle.Name().Replace('_', ' ');
        return new JudgeTemplate($"ultrafeedback-{words.Replace(' ', '-')}{(rationale ? "-rationale" : "")}", Instruction(
            SystemMessage(principle),
            $"Which is the better response for an assistant when following the principle of ’{words}’ for a given instruction?",
            rationale ? $"Please choose either A or B and evaluate each response according to the principle of ’{words}’."
                : $"Please choose either A or B according to the principle of ’{words}’.",
            rationale ? $"Sure! Here is the decision of better response and evaluations of each response, guided by the principle of "
                + $"’{words}’.\nDecision: Response "
                : $"Sure! The option which is better guided by the principle of ’{words}’ would be Response "), principle.Name())
        { Kind = Style.Instruction };
    }

    // Table 16.
    private static string SystemMessage(Rule principle) => principle switch
    {
        Rule.Helpfulness => "Under the principle of ’helpfulness’, the assistant should provide users with accurate, relevant, and "
            + "up-to-date information, ensuring that the content is positive, interesting, engaging, educational, and helpful.",
        Rule.Honesty => "Under the principle of ’honesty’, the assistant should be honest about whether it knows the answer and express "
            + "its uncertainty explicitly. The assistant should confident on questions it knows well and be modest on those it is "
            + "unfamiliar with using weakeners such as ’I guess’, ’I suppose’, ’probably’, and ’perhaps’ to express uncertainty.",
        Rule.InstructionFollowing =>
            "Under the principle of ’instruction following’, the assistant should align the output with intent of instruction, by "
                + "understanding the task goal (intended outcome) and restrictions (text styles, format or designated methods, etc.).",
        _ => "Under the principle of ’truthfulness’, the assistant should answer truthfully and be faithful to factual knowledge as well "
            + "as given contexts, never making up any new facts that aren’t true or cannot be grounded in the instruction.",
    };

    private static string Instruction(string system, string question, string request, string opening) =>
        $$"""
        <|system|>
        {{system}}
        <|user|>
        {{question}}
        Instruction:
        -------
        {context}
        -------
        Response A:
        -------
        {response_a}
        -------
        Response B:
        -------
        {response_b}
        -------
        {{request}}
        <|assistant|>
        {{opening}}
        """;

    private static string WorldFormat(string criterion) => $"<judge> {{context}} A {{response_a}} B {{response_b}} better {criterion} ";

    /// <summary>The prompt for one order of a pair.</summary>
    public IReadOnlyList<TemplatePart> Render(string context, string responseA, string responseB) =>
        TemplatePart.Fill(Format, new Dictionary<string, string>
        {
            ["context"] = context,
            ["response_a"] = responseA,
            ["response_b"] = responseB
        });

    /// <summary>What follows the judge token where rationales are learned (Table 18).</summary>
    public string Rationale(string aboutA, string aboutB) =>
        Kind == Style.World ? $"A {aboutA} B {aboutB}" : $"\nEvaluation of Response A: {aboutA}\nEvaluation of Response B: {aboutB}";

    /// <summary>The judge's view of a dialogue: its turns as lines of <c>User: …</c> and <c>Assistant: …</c>, or as the template has them;
    /// the bare prompt where the template is the world's, or asks for an instruction and there is but one turn.</summary>
    public string Context(IReadOnlyList<Turn> turns)
    {
        var said = turns.Where(t => t.Role != Role.System).ToList();
        return Kind == Style.World ? string.Join(' ', turns.Select(t => t.Content))
            : Kind == Style.Instruction && said.Count == 1 ? said[0].Content
            : string.Join('\n', said.Select(t => (t.Role == Role.User ? UserLine : AssistantLine)
                .Replace("{content}", t.Content, StringComparison.Ordinal)));
    }

    private enum Style { Dialogue, Instruction, World }

    private Style Kind { get; init; }
}
