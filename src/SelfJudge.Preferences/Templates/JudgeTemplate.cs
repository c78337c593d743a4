namespace SelfJudge.Preferences.Templates;

/// <summary>
/// Turns a context and two responses into a prompt whose continuation is one judge token, <c>A</c> or <c>B</c>
/// (section 3.1). It must hold <c>{context}</c>, <c>{response_a}</c> and <c>{response_b}</c>, each once.
/// </summary>
public sealed record JudgeTemplate
{
    private static readonly string[] Required = ["context", "response_a", "response_b"];

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
                throw new ArgumentException($"judge template '{name}': the placeholder {{{placeholder}}} must stand exactly once, but stands {count} times");
        }
        (Name, Format, Principle) = (name, format, principle);
    }

    public string Name { get; }
    public string Format { get; }
    public string? Principle { get; }

    /// <summary>The two judge tokens' spellings.</summary>
    public const string TokenA = "A";
    public const string TokenB = "B";

    /// <summary>The built-in world's overall judgment.</summary>
    public static JudgeTemplate World { get; } = WorldFor("overall", null);

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

    public static IReadOnlyList<JudgeTemplate> BuiltIn { get; } = [World, HhHelpful];

    /// <exception cref="ArgumentException">No template has that name.</exception>
    public static JudgeTemplate ByName(string name) => BuiltIn.FirstOrDefault(t => t.Name == name)
        ?? throw new ArgumentException($"unknown judge template '{name}'; known are {string.Join(", ", BuiltIn.Select(t => t.Name))}");

    /// <summary>The built-in world's template for one criterion word.</summary>
    public static JudgeTemplate WorldFor(string criterion, string? principle) =>
        new(principle is null ? "world" : $"world-{criterion}", $"<judge> {{context}} A {{response_a}} B {{response_b}} better {criterion} ", principle);

    /// <summary>The prompt for one order of a pair.</summary>
    public IReadOnlyList<TemplatePart> Render(string context, string responseA, string responseB) =>
        TemplatePart.Fill(Format, new Dictionary<string, string> { ["context"] = context, ["response_a"] = responseA, ["response_b"] = responseB });

    /// <summary>What follows the judge token where rationales are learned (Table 18).</summary>
    public string Rationale(string aboutA, string aboutB) => IsWorld ? $"A {aboutA} B {aboutB}" : $"\nEvaluation of Response A: {aboutA}\nEvaluation of Response B: {aboutB}";

    /// <summary>The judge's view of a dialogue: its turns as lines of <c>User: …</c> and <c>Assistant: …</c>, or the bare prompt where there is only one turn and the template is the world's.</summary>
    public string Context(IReadOnlyList<Turn> turns) => IsWorld
        ? string.Join(' ', turns.Select(t => t.Content))
        : string.Join('\n', turns.Where(t => t.Role != Role.System).Select(t => $"{t.Role}: {t.Content}"));

    private bool IsWorld => Name.StartsWith("world", StringComparison.Ordinal);
}
