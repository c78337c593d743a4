using System.CommandLine;
using System.CommandLine.Help;
using System.Globalization;
using System.Text;

namespace SelfJudge.Client.Reference;

/// <summary>The page of docs on the console's commands, made of the commands themselves.</summary>
internal static class ConsoleReference
{
    public static string Render(Command root)
    {
        var page = new StringBuilder();
        page.Append("# Console reference\n\n")
            .Append("<!-- Made by `selfjudge reference --out docs/reference`; a test fails where it is out of date. -->\n\n")
            .Append("`dotnet run -c Release --project client -- COMMAND`, or the built program `selfjudge COMMAND`. Every command says "
                + "the\n")
            .Append("same with `--help`, and with `--verbose` it logs to the console and shows where in the program an error arose.\n\n")
            .Append("Exit codes: 0 done; 1 an error, which is said on standard error; 3 stopped in order; 130 (Ctrl-C) or 143 (SIGTERM)\n")
            .Append("ended at once.\n");
        foreach (var command in Leaves(root))
            Append(page, command);
        return page.ToString();
    }

    private static IEnumerable<Command> Leaves(Command command) =>
        command.Subcommands.Where(c => !c.Hidden)
            .SelectMany(c => c.Subcommands.Count == 0 ? [c] : c.Action is null ? Leaves(c) : Leaves(c).Prepend(c));

    private static void Append(StringBuilder page, Command command)
    {
        List<Option> options = [.. command.Options.Where(o => !o.Hidden && o is not HelpOption)];
        List<string> usage = [PathOf(command), .. command.Arguments.Select(Usage),
            .. options.Where(o => o.Required).Select(o => $"{o.Name} {Value(o)}")];
        if (options.Any(o => !o.Required))
            usage.Add("[options]");
        page.Append(CultureInfo.InvariantCulture,
            $"\n## {PathOf(command)}\n\n{Markdown.Text(command.Description ?? "")}\n\n```\nselfjudge {string.Join(' ', usage)}\n```\n");
        if (command.Arguments.Count + options.Count == 0)
            return;
        page.Append("\n| | meaning | default |\n|---|---|---|\n");
        foreach (var argument in command.Arguments)
            Row(page, argument.Name.ToUpperInvariant(), argument.Description, Default(argument.HasDefaultValue, argument.GetDefaultValue));
        foreach (var option in options)
            Row(page, $"{option.Name} {Value(option)}".TrimEnd(), option.Description,
                option.Required ? "required" : Default(option.HasDefaultValue, option.GetDefaultValue));
    }

    private static void Row(StringBuilder page, string name, string? meaning, string byDefault) =>
        page.Append(CultureInfo.InvariantCulture, $"| `{name}` | {Markdown.Cell(meaning ?? "")} | {byDefault} |\n");

    private static string PathOf(Command command) =>
        command.Parents.OfType<Command>().FirstOrDefault() is { } parent and not RootCommand ? $"{PathOf(parent)} {command.Name}"
            : command.Name;

    private static string Usage(Argument argument)
    {
        var name = argument.Arity.MaximumNumberOfValues > 1 ? $"{argument.Name.ToUpperInvariant()}..." : argument.Name.ToUpperInvariant();
        return argument.Arity.MinimumNumberOfValues == 0 ? $"[{name}]" : name;
    }

    private static string Value(Option option) => option.Arity.MaximumNumberOfValues == 0 || option.ValueType == typeof(bool) ? ""
        : option.AllowMultipleArgumentsPerToken ? $"{ValueName(option)}..." : ValueName(option);

    private static string ValueName(Option option) => option.Name.TrimStart('-').ToUpperInvariant();

    // Of a list that is empty there is nothing to say, nor of a switch that is off.
    private static string Default(bool has, Func<object?> value) => (has ? value() : null) switch
    {
        null or false => "",
        string text => $"`{text}`",
        System.Collections.IEnumerable => "",
        var known => $"`{Convert.ToString(known, CultureInfo.InvariantCulture)}`",
    };
}
