using System.CommandLine;
using System.Net;
using System.Net.Sockets;
using SelfJudge.Preferences.Templates;

namespace SelfJudge.Client.Commands;

internal static class CommonOptions
{
    public static Option<string?> Cluster() => new("--cluster") { Description = "The gateway of a running silo as HOST:PORT. Left out, this process starts a silo for itself." };

    public static Option<string?> Out() => new("--out") { Description = "The run's folder; runs/<id> if left out." };

    public static Option<string[]> Settings() => new("--set") { Description = "A key of the recipe and its value, as key=value; stages go by name or place, as stages.Self-Judge.steps=20." };

    public static Argument<string> Run() => new("run") { Description = "A run's folder, or its id under runs/." };

    public static Option<string?> Template() => new("--template") { Description = "The dialogue template by name, or the path of a file with one; the model's own, where it is a known one, if left out." };

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
    /// <exception cref="UserError">There is none such.</exception>
    public static string ParseJudgeTemplate(string template)
    {
        try
        {
            _ = JudgeTemplate.ByName(template);
            return JudgeTemplate.IsFile(template) ? Path.GetFullPath(template) : template;
        }
        catch (ArgumentException e)
        {
            throw new UserError(e.Message);
        }
    }

    /// <summary>A gateway's address.</summary>
    /// <exception cref="UserError">It is not HOST:PORT, or the host is unknown.</exception>
    public static IPEndPoint ParseGateway(string text)
    {
        var colon = text.LastIndexOf(':');
        if (colon <= 0 || !ushort.TryParse(text[(colon + 1)..], out var port))
            throw new UserError($"--cluster {text}: write the gateway of a silo as HOST:PORT, such as 127.0.0.1:30000");
        try
        {
            return new IPEndPoint(Dns.GetHostAddresses(text[..colon], AddressFamily.InterNetwork)[0], port);
        }
        catch (SocketException e)
        {
            throw new UserError($"--cluster {text}: {e.Message}");
        }
    }
}
