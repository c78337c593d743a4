using System.CommandLine;
using System.CommandLine.Invocation;

namespace SelfJudge.CommandLine;

/// <summary>Runs a program's commands: one clear line for whatever goes wrong, and an end in order where one is asked for.</summary>
public static class CommandLineProgram
{
    public const int Failed = 1;

    /// <summary>Stopped in order, because somebody wished it.</summary>
    public const int Cancelled = 3;

    /// <summary>An option of every command.</summary>
    public static Option<bool> Verbose { get; } =
        new("--verbose") { Description = "Log to the console, and show where in the program an error arose.", Recursive = true };

    /// <summary>Parses, and carries out what is asked for. Returns the exit code.</summary>
    /// <param name="explain">What to tell the user of an exception that is no error of the program; null for one that is.</param>
    public static async Task<int> Run(RootCommand root, string[] arguments, Func<Exception, string?> explain)
    {
        Terminal.Guard();
        root.Add(Verbose);
        Options.RefuseEmptyTexts(root);
        // A text that begins with @ is a text, and no file of further arguments.
        var parse = root.Parse(arguments, new ParserConfiguration { ResponseFileTokenReplacer = null });
        var isVerbose = parse.GetValue(Verbose);
        if (!isVerbose)
            AppDomain.CurrentDomain.UnhandledException += (_, e) =>
            {
                Console.Error.WriteLine(Describe(root, (Exception)e.ExceptionObject, explain, isVerbose));
                Termination.EndNow(Failed);
            };
        // Who names no command sees which there are; any other mistake is one line.
        if (parse.Action is ParseErrorAction && (parse.UnmatchedTokens.Count > 0 || parse.CommandResult.Command.Subcommands.Count == 0))
        {
            await Console.Error.WriteLineAsync(parse.UnmatchedTokens.Count > 0
                ? Unknown(parse.UnmatchedTokens[0], parse.CommandResult.Command) : parse.Errors[0].Message);
            return Failed;
        }
        using var termination = parse.Action is AsynchronousCommandLineAction ? new Termination() : null;
        try
        {
            return await parse.InvokeAsync(new InvocationConfiguration
            {
                EnableDefaultExceptionHandler = false,
                ProcessTerminationTimeout = null
            }, termination?.Token ?? CancellationToken.None);
        }
        catch (OperationCanceledException) when (termination is { Token.IsCancellationRequested: true })
        {
            return Cancelled;
        }
#pragma warning disable CA1031 // Nothing is hidden: what is no one's mistake but ours is said to be that.
        catch (Exception e)
#pragma warning restore CA1031
        {
            await Console.Error.WriteLineAsync(Describe(root, e, explain, isVerbose));
            return Failed;
        }
    }

    internal static string Unknown(string word, Command command)
    {
        var path = command.Name;
        for (var parent = command.Parents.OfType<Command>().FirstOrDefault(); parent is not null; parent = parent.Parents.OfType<Command>()
            .FirstOrDefault())
            path = $"{parent.Name} {path}";
        return word.StartsWith('-')
            ? $"{word} is no option of '{path}': known are "
            + $"{string.Join(", ", command.Options.Where(o => !o.Hidden).Select(o => o.Name).Append(Verbose.Name).Distinct())}"
            : command.Subcommands.Count > 0
                ? $"{word} is no command of '{path}': known are "
                + $"{string.Join(", ", command.Subcommands.Where(c => !c.Hidden).Select(c => c.Name))}"
            : $"{word} is more than '{path}' takes: put a text with spaces between quotes, or see '{path} --help'";
    }

    private static string Describe(RootCommand root, Exception e, Func<Exception, string?> explain, bool isVerbose)
    {
        var message = explain(e)
            ?? $"an error in {root.Name} itself, not in what it was given: {e.GetType().Name}: "
            + $"{e.Message.ReplaceLineEndings(" ")}{(isVerbose ? "" : $" ({Verbose.Name} shows where)")}";
        return isVerbose ? $"{message}\n{e}" : message;
    }
}
