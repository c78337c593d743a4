using System.CommandLine;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using SelfJudge.CommandLine;
using SelfJudge.Preferences.Methods;
using SelfJudge.Preferences.Recipes;
using SelfJudge.Preferences.Settings;
using SelfJudge.Preferences.Templates;

namespace SelfJudge.Client.Commands;

internal static class CommonOptions
{
    public static Option<string?> Cluster()
    {
        var option = new Option<string?>("--cluster")
        {
            Description =
            "The gateway of a running silo as HOST:PORT, PORT from 1 to 65535. Left out, this process starts a silo for itself."
        };
        option.Validators.Add(result => Options.Refuse(result, text =>
            SplitGateway(text) is null ? "write the gateway of a silo as HOST:PORT, such as 127.0.0.1:30000" : null));
        return option;
    }

    public static Option<ulong> Seed(string meaning) =>
        Options.Number("--seed", Options.SettingOf<Recipe>(nameof(Recipe.Seed)), 1UL, meaning);

    public static Option<int> Seeds(string meaning, int byDefault) =>
        Options.Number("--seeds", new SettingAttribute(meaning) { AtLeast = 1, AtMost = 1000 }, byDefault);

    public static Option<int> Samples(string meaning, int byDefault) =>
        Options.Number("--samples", Options.SettingOf<StageRecipe>(nameof(StageRecipe.Samples)), byDefault, meaning);

    public static Option<string?> Out() => new("--out") { Description = "The run's folder; runs/<id> if left out." };

    public static Option<string[]> Settings() =>
        new("--set")
        {
            Description =
            "A key of the recipe and its value, as key=value; stages go by name or place, as stages.Self-Judge.steps=20."
        };

    public static Argument<string> Run() => new("run") { Description = "A run's folder, or its id under runs/." };

    public static Option<string?> Template() =>
        new("--template")
        {
            Description =
            "The dialogue template by name, or the path of a file with one; the model's own, where it is a known one, if left out."
        };

    /// <summary>A dialogue template's name, or the absolute path of its file.</summary>
    /// <exception cref="UserError">There is none such.</exception>
    public static string? ParseTemplate(string? template)
    {
        try
        {
            return template is null || DialogueTemplate.ByName(template) is null ? null : DialogueTemplate.Absolute(template);
        }
        catch (ArgumentException e)
        {
            throw new UserError($"--template {template}: {e.Message}");
        }
    }

    /// <summary>A judge template's name, or the absolute path of its file.</summary>
    /// <param name="option">Where it is named; null in a recipe, of which a file alone can be wrong, which says its path.</param>
    /// <exception cref="UserError">There is none such.</exception>
    public static string ParseJudgeTemplate(string template, string? option)
    {
        try
        {
            _ = JudgeTemplate.ByName(template);
            return JudgeTemplate.IsFile(template) ? Path.GetFullPath(template) : template;
        }
        catch (ArgumentException e)
        {
            throw new UserError(option is null ? e.Message : $"{option}: {e.Message}");
        }
    }

    /// <summary>A gateway's address.</summary>
    /// <exception cref="UserError">The host is unknown.</exception>
    public static IPEndPoint ParseGateway(string text)
    {
        var (host, port) = SplitGateway(text)!.Value;
        try
        {
            return Dns.GetHostAddresses(host, AddressFamily.InterNetwork) is [var address, ..] ? new IPEndPoint(address, port)
                : throw new UserError($"--cluster {text}: {host} has no IPv4 address");
        }
        catch (Exception e) when (e is SocketException or ArgumentException)
        {
            throw new UserError($"--cluster {text}: {e.Message}");
        }
    }

    private static (string Host, ushort Port)? SplitGateway(string text) =>
        text.LastIndexOf(':') is > 0 and var colon
            && ushort.TryParse(text[(colon + 1)..], NumberStyles.None, CultureInfo.InvariantCulture, out var port) && port > 0
            ? (text[..colon], port) : null;
}
