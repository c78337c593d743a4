using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using SelfJudge.Preferences.Recipes;

namespace SelfJudge.Client.Reference;

/// <summary>The page of docs on the keys of a recipe, made of the descriptions that also check it.</summary>
internal static class RecipeReference
{
    public static string Render()
    {
        var schema = JsonNode.Parse(RecipeSchema.Render())!;
        var page = new StringBuilder();
        page.Append("# Recipe reference\n\n")
            .Append("<!-- Made by `selfjudge reference --out docs/reference`; a test fails where it is out of date. -->\n\n")
            .Append("A recipe is a YAML file. Every key that it may have is listed here; an unknown key, a value out of its range, or a "
                + "key\n")
            .Append("that the stage's method does not have is refused with its line before anything runs. A key that is left out has its\n")
            .Append("default. `selfjudge recipes explain KEY` says the same on the terminal, `selfjudge recipes schema` prints a JSON "
                + "schema\n")
            .Append("for editors. On the command line `--set stages.NAME.learning_rate=1e-4` sets a key.\n");
        foreach (var group in RecipeHelp.All.GroupBy(h => GroupOf(h.Key)))
        {
            page.Append(CultureInfo.InvariantCulture, $"\n## {(group.Key.Length == 0 ? "The run" : $"`{group.Key}`")}\n\n");
            if (RecipeHelp.All.FirstOrDefault(h => h.Key == group.Key) is { } about)
                page.Append(Markdown.Text(about.Meaning))
                    .Append(about.Methods.Count == 0 ? "" : $" Methods: {string.Join(", ", about.Methods)}.").Append("\n\n");
            page.Append("| key | meaning | values | default | methods |\n|---|---|---|---|---|\n");
            foreach (var key in group)
                page.Append(CultureInfo.InvariantCulture,
                    $"| `{key.Key[(group.Key.Length == 0 ? 0 : group.Key.Length + 1)..]}` | {Markdown.Cell(key.Meaning)} | "
                    + $"{Markdown.Cell(key.Allowed)} | {Default(schema, key.Key)} | {string.Join(", ", key.Methods)} |\n");
        }
        return page.ToString();
    }

    private static string GroupOf(string key) => key.LastIndexOf('.') is >= 0 and var dot ? key[..dot] : "";

    private static string Default(JsonNode schema, string key)
    {
        var (node, isRequired) = (schema, false);
        foreach (var part in key.Split('.'))
        {
            var isList = part.EndsWith("[]", StringComparison.Ordinal);
            isRequired = node["required"] is JsonArray required && required.Any(name => name!.GetValue<string>() == part);
            node = node["properties"]![isList ? part[..^2] : part]!;
            node = isList ? node["items"]! : node;
        }
        return isRequired ? "required" : node["default"] is { } value ? $"`{value.ToJsonString()}`" : "";
    }
}
