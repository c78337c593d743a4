using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using System.Numerics;
using System.Reflection;
using SelfJudge.Preferences.Settings;

namespace SelfJudge.CommandLine;

/// <summary>Options whose values are checked where they are given: one error names the option, the value and what it takes, and the help
/// says the same.</summary>
public static class Options
{
    private static readonly (string Unit, decimal Bytes)[] Units =
        [("KiB", 1L << 10), ("MiB", 1L << 20), ("GiB", 1L << 30), ("TiB", 1L << 40), ("KB", 1e3m), ("MB", 1e6m), ("GB", 1e9m),
            ("TB", 1e12m)];

    /// <summary>The meaning and range of a recipe's key, for an option that stands in its place.</summary>
    public static SettingAttribute SettingOf<T>(string property) =>
        typeof(T).GetProperty(property)!.GetCustomAttribute<SettingAttribute>()!;

    /// <summary>A number that has a default.</summary>
    /// <param name="meaning">In place of the setting's.</param>
    public static Option<T> Number<T>(string name, SettingAttribute setting, T byDefault, string? meaning = null) where T : struct,
        INumber<T> =>
        new(name)
        {
            Description = Help<T>(meaning ?? setting.Meaning, setting),
            CustomParser = result =>
            Parse<T>(name, setting, result) ?? default,
            DefaultValueFactory = _ => byDefault
        };

    /// <summary>A number that may be left out.</summary>
    public static Option<T?> OptionalNumber<T>(string name, SettingAttribute setting, string? meaning = null) where T : struct,
        INumber<T> =>
        new(name) { Description = Help<T>(meaning ?? setting.Meaning, setting), CustomParser = result => Parse<T>(name, setting, result) };

    /// <summary>One of several words; may be left out where it has no default.</summary>
    public static Option<string?> Choice(string name, string meaning, IReadOnlyList<string> known, string? byDefault)
    {
        var option = new Option<string?>(name) { Description = $"{meaning} One of {string.Join(", ", known)}." };
        if (byDefault is not null)
            option.DefaultValueFactory = _ => byDefault;
        option.Validators.Add(result => Refuse(result, value =>
            known.Contains(value) ? null : $"known are {string.Join(", ", known.SkipLast(1))} and {known[^1]}"));
        option.CompletionSources.Add([.. known]);
        return option;
    }

    /// <summary>The words of an enumeration.</summary>
    public static IReadOnlyList<string> NamesOf<T>() where T : struct, Enum => [.. Enum.GetNames<T>().Select(n => n.ToLowerInvariant())];

    /// <summary>A size in bytes, such as 80GB; GB is 10⁹ bytes, GiB 2³⁰.</summary>
    public static Option<long?> Size(string name, string meaning) =>
        new(name)
        {
            Description = $"{meaning} A size such as 80GB, 500MB or 24GiB.",
            CustomParser = result =>
            {
                if (ParseSize(result.Tokens[0].Value) is { } bytes)
                    return bytes;
                result.AddError($"{name} {Shown(result.Tokens[0].Value)}: write a size such as 80GB or 24GiB");
                return null;
            },
        };

    /// <summary>Has an option's or argument's values checked as they are parsed.</summary>
    /// <param name="problem">What is wrong with a value; null where nothing is.</param>
    public static void Refuse(SymbolResult result, Func<string, string?> problem)
    {
        var name = result switch { OptionResult option => option.Option.Name, ArgumentResult argument => argument.Argument.Name, _ => "" };
        foreach (var token in result.Tokens)
            if (problem(token.Value) is { } what)
                result.AddError($"{name} {Shown(token.Value)}: {what}");
    }

    /// <summary>Texts are paths, names and prompts, which are never empty. What may be, is a <see cref="FreeText"/>.</summary>
    internal static void RefuseEmptyTexts(Command command)
    {
        foreach (var option in command.Options.Where(o => o is not FreeText && IsText(o.ValueType)))
            option.Validators.Add(result => Refuse(result, ProblemOfText));
        foreach (var argument in command.Arguments.Where(a => IsText(a.ValueType)))
            argument.Validators.Add(result => Refuse(result, ProblemOfText));
        foreach (var inner in command.Subcommands)
            RefuseEmptyTexts(inner);
    }

    internal static long? ParseSize(string text)
    {
        foreach (var (unit, bytes) in Units)
            if (text.EndsWith(unit, StringComparison.OrdinalIgnoreCase)
                && decimal.TryParse(text[..^unit.Length], NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var count)
                && count <= long.MaxValue / bytes && count * bytes >= 1)
                return (long)(count * bytes);
        return null;
    }

    private static string? ProblemOfText(string text) =>
        text.Length == 0 ? "must not be empty"
        : text.Contains('\0', StringComparison.Ordinal) ? "must not hold the character NUL"
        : null;

    private static bool IsText(Type type) => type == typeof(string) || type == typeof(string[]);

    private static T? Parse<T>(string name, SettingAttribute setting, ArgumentResult result) where T : struct, INumber<T>
    {
        var text = result.Tokens[0].Value;
        if (T.TryParse(text, IsWhole<T>() ? NumberStyles.AllowLeadingSign : NumberStyles.Float, CultureInfo.InvariantCulture, out var value)
            && setting.Allows(double.CreateChecked(value)))
            return value;
        result.AddError($"{name} {Shown(text)}: must be {Allowed<T>(setting)}");
        return null;
    }

    private static string Help<T>(string meaning, SettingAttribute setting) where T : struct, INumber<T> =>
        $"{meaning} {char.ToUpperInvariant(Allowed<T>(setting)[0])}{Allowed<T>(setting)[1..]}.";

    private static string Allowed<T>(SettingAttribute setting) where T : struct, INumber<T> => setting.Numbers(IsWhole<T>());

    private static bool IsWhole<T>() where T : struct, INumber<T> => typeof(T) != typeof(double);

    private static string Shown(string text) => text.Length == 0 ? "''" : text;
}

/// <summary>An option whose text may be empty.</summary>
public sealed class FreeText(string name) : Option<string>(name);
