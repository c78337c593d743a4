using SelfJudge.Preferences.Yaml;

namespace SelfJudge.Preferences.Templates;

/// <summary>
/// A user's own dialogue template: a YAML file with <c>name</c> and the formats <c>system</c>, <c>user</c> and
/// <c>assistant</c>, each with <c>{content}</c> once. Optional are <c>system_message</c>, used where a dialogue brings
/// none, and <c>user_after_system</c>, the format of a user's turn right behind a system message. What stands before
/// <c>{content}</c> in <c>assistant</c> asks for an answer; a special token right behind it ends answers.
/// </summary>
public static class DialogueTemplateFile
{
    private const string Placeholder = "{content}";

    private static readonly string[] Once = [Placeholder];
    private static readonly string[] Required = ["name", "system", "user", "assistant"];
    private static readonly OrderedDictionary<string, string[]> Known = new()
    {
        ["name"] = [],
        ["system"] = Once,
        ["user"] = Once,
        ["assistant"] = Once,
        ["system_message"] = [],
        ["user_after_system"] = Once
    };

    /// <exception cref="ArgumentException">The file is missing, too large, or not a template; the message names it, and the
    /// line.</exception>
    public static DialogueTemplate Load(string path)
    {
        var texts = TextFile.Read(path, "dialogue template", Known, Required);
        var around = texts["assistant"].Split(Placeholder);
        return new DialogueTemplate(texts["name"], texts["system"], texts["user"], around[0], around[1],
            texts.GetValueOrDefault("system_message"))
        { UserAfterSystemFormat = texts.GetValueOrDefault("user_after_system") };
    }
}
