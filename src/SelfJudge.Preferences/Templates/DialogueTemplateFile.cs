using YamlDotNet.Core;
using YamlDotNet.RepresentationModel;

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
    private const long MaxBytes = 1 << 20;

    private static readonly string[] Formats = ["system", "user", "assistant", "user_after_system"];
    private static readonly string[] Required = ["name", "system", "user", "assistant"];
    private static readonly string[] Known = ["name", "system", "user", "assistant", "system_message", "user_after_system"];

    /// <exception cref="ArgumentException">The file is missing, too large, or not a template; the message names it, and the line.</exception>
    public static DialogueTemplate Load(string path)
    {
        if (!File.Exists(path))
            throw new ArgumentException($"{path}: no such dialogue template file");
        if (new FileInfo(path).Length is > MaxBytes and var length)
            throw new ArgumentException($"{path} has {length:N0} bytes: no dialogue template is that large");
        var values = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var (keyNode, valueNode) in Mapping(path))
        {
            var key = (keyNode as YamlScalarNode)?.Value ?? "";
            if (!Known.Contains(key))
                throw new ArgumentException($"{path}:{keyNode.Start.Line}: unknown key '{key}'; known are {string.Join(", ", Known)}");
            values[key] = (valueNode as YamlScalarNode)?.Value ?? throw new ArgumentException($"{path}:{keyNode.Start.Line}: {key} is not a text");
            if (Formats.Contains(key) && values[key].Split(Placeholder).Length - 1 is not 1 and var count)
                throw new ArgumentException($"{path}:{keyNode.Start.Line}: {key}: the placeholder {Placeholder} must stand exactly once, but stands {count} times");
        }
        if (Required.FirstOrDefault(k => values.GetValueOrDefault(k, "").Length == 0) is { } missing)
            throw new ArgumentException($"{path}: the key {missing} is missing; a dialogue template has {string.Join(", ", Required)}");
        var around = values["assistant"].Split(Placeholder);
        return new DialogueTemplate(values["name"], values["system"], values["user"], around[0], around[1], values.GetValueOrDefault("system_message")) { UserAfterSystemFormat = values.GetValueOrDefault("user_after_system") };
    }

    private static YamlMappingNode Mapping(string path)
    {
        var stream = new YamlStream();
        try
        {
            stream.Load(new StringReader(File.ReadAllText(path)));
        }
        catch (YamlException e)
        {
            throw new ArgumentException($"{path}:{e.Start.Line}: not valid YAML: {e.Message}", e);
        }
        return stream.Documents.Count > 0 && stream.Documents[0].RootNode is YamlMappingNode mapping ? mapping
            : throw new ArgumentException($"{path}: a dialogue template is a mapping of keys to texts");
    }
}
