using Spectre.Console;

namespace SelfJudge.Client.Tests;

/// <summary>Takes what is printed, on a terminal without colours that is wide enough for every table. One at a time.</summary>
internal sealed class Printed : IDisposable
{
    private readonly (TextWriter Out, TextWriter Error, IAnsiConsole Ansi) _before = (Console.Out, Console.Error, AnsiConsole.Console);
    private readonly StringWriter _output = new() { NewLine = "\n" }, _errors = new() { NewLine = "\n" };

    public Printed()
    {
        Console.SetOut(_output);
        Console.SetError(_errors);
        AnsiConsole.Console = AnsiConsole.Create(new AnsiConsoleSettings
        {
            Ansi = AnsiSupport.No,
            ColorSystem = ColorSystemSupport.NoColors,
            Interactive = InteractionSupport.No,
            Out = new AnsiConsoleOutput(_output),
        });
        AnsiConsole.Profile.Width = 200;
    }

    public string Errors => _errors.ToString();

    /// <summary>The lines of standard output, with what is between the words of each a single space; those without a word are left
    /// out.</summary>
    public IReadOnlyList<string> Lines =>
        [.. _output.ToString().Split('\n').Select(l => string.Join(' ', l.Split([' ', '│', '\r'], StringSplitOptions.RemoveEmptyEntries)))
            .Where(l => l.Any(char.IsLetterOrDigit))];

    public void Dispose()
    {
        Console.SetOut(_before.Out);
        Console.SetError(_before.Error);
        AnsiConsole.Console = _before.Ansi;
    }

    /// <summary>Of the tests that print: there is one console.</summary>
    [CollectionDefinition(Name, DisableParallelization = true)]
    public sealed class OneConsole
    {
        public const string Name = "console";
    }
}
