using System.CommandLine;
using System.CommandLine.Invocation;

namespace SelfJudge.CommandLine;

/// <summary>Runs a program's commands: one clear line for whatever goes wrong, and an end in order where one is asked for.</summary>
public static class CommandLineProgram
{
    public const int Failed = 1;

    /// <summary>An option of every command.</summary>
    public static Option<bool> Verbose { get; } = new("--verbose") { Description = "Log to the console, and show where in the program an error arose.", Recursive = true };

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
        if (parse.Action is ParseErrorAction errors)
        {
            if (parse.UnmatchedTokens.Count == 0 && parse.CommandResult.Command.Subcommands.Count == 0)
            {
                await Console.Error.WriteLineAsync(parse.Errors[0].Message);
                return Failed;
            }
            errors.ShowHelp = parse.UnmatchedTokens.Count == 0;
        }
        try
        {
            using var termination = parse.Action is AsynchronousCommandLineAction ? new Termination() : null;
            return await parse.InvokeAsync(new InvocationConfiguration { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = null }, termination?.Token ?? CancellationToken.None);
        }
#pragma warning disable CA1031 // Nothing is hidden: what is no one's mistake but ours is said to be that.
        catch (Exception e)
#pragma warning restore CA1031
        {
            await Console.Error.WriteLineAsync(Describe(root, e, explain, isVerbose));
            return Failed;
        }
    }

    private static string Describe(RootCommand root, Exception e, Func<Exception, string?> explain, bool isVerbose)
    {
        var message = explain(e) ?? $"an error in {root.Name} itself, not in what it was given: {e.GetType().Name}: {e.Message.ReplaceLineEndings(" ")}{(isVerbose ? "" : $" ({Verbose.Name} shows where)")}";
        return isVerbose ? $"{message}\n{e}" : message;
    }
}
