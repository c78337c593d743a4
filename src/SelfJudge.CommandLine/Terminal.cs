using System.Text;

namespace SelfJudge.CommandLine;

/// <summary>
/// The process's standard output and error. What is printed for a person goes through <see cref="VisibleText"/>, wherever
/// it goes; what is printed as data goes out exactly as it is, unless it goes to a terminal.
/// </summary>
public static class Terminal
{
    private static readonly TerminalWriter Raw = new(Console.Out, !Console.IsOutputRedirected, isVisible: false);

    private static volatile bool _isGone;

    /// <summary>For data that another program may read: exact in a file or a pipe, and UTF-8 there whatever the terminal's
    /// language.</summary>
    public static TextWriter Data { get; } = Console.IsOutputRedirected
        ? new StreamWriter(Console.OpenStandardOutput(), new UTF8Encoding(encoderShouldEmitUTF8Identifier: false))
        {
            AutoFlush = true,
            NewLine = "\n"
        }
        : new TerminalWriter(Console.Out, isTerminal: true, isVisible: true);

    /// <summary>For who makes the controls of a terminal itself, and everything else visible.</summary>
    public static TextWriter Controls => Raw;

    /// <summary>Lets all that <see cref="Console"/> prints be visible. To be called before anything is printed.</summary>
    public static void Guard()
    {
        _ = Data;
        Console.SetOut(new TerminalWriter(Console.Out, !Console.IsOutputRedirected, isVisible: true));
        Console.SetError(new TerminalWriter(Console.Error, !Console.IsErrorRedirected, isVisible: true));
    }

    /// <summary>The terminal is no more: what is meant for it goes nowhere from now on, and is no error.</summary>
    internal static void HangUp() => _isGone = true;

    /// <summary>Whoever draws hides the cursor meanwhile.</summary>
    internal static void ShowCursor()
    {
        if (!Console.IsOutputRedirected)
            Raw.Write("\e[?25h");
    }

    private sealed class TerminalWriter : TextWriter
    {
        private readonly TextWriter _inner;
        private readonly bool _isTerminal, _isVisible;

        public TerminalWriter(TextWriter inner, bool isTerminal, bool isVisible)
        {
            (_inner, _isTerminal, _isVisible) = (inner, isTerminal, isVisible);
            CoreNewLine = ['\n'];
        }

        public override Encoding Encoding => _inner.Encoding;

        public override void Write(char value) => Write(value.ToString());

        public override void Write(char[] buffer, int index, int count) => Write(new string(buffer, index, count));

        public override void Write(ReadOnlySpan<char> buffer) => Write(buffer.ToString());

        // A line goes out in one piece, so that those of several threads do not mix.
        public override void WriteLine(string? value) => Write(value + '\n');

        public override void Write(string? value)
        {
            if (value is null || _isTerminal && _isGone)
                return;
            try
            {
                _inner.Write(_isVisible ? VisibleText.Of(value) : value);
            }
            catch (IOException) when (_isTerminal)
            {
                _isGone = true; // It went before the signal that says so came.
            }
        }

        public override void Flush()
        {
            if (!(_isTerminal && _isGone))
                _inner.Flush();
        }
    }
}
