using System.CommandLine;

namespace SelfJudge.Client.Commands;

internal static class CommonOptions
{
    public static Option<bool> Verbose() => new("--verbose") { Description = "Log to the console." };
}
