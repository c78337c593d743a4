using System.Text;
using SelfJudge.CommandLine;
using Spectre.Console;
using Spectre.Console.Rendering;

namespace SelfJudge.Client;

/// <summary>Tables and live views: the only terminal controls in what goes out are their own.</summary>
internal static class SafeConsole
{
    /// <summary>Has all of <see cref="AnsiConsole"/> go through it.</summary>
    public static void Use()
    {
        // A pipe or a file has no colours and no width; tables need not wrap at eighty columns there.
        var isFile = Console.IsOutputRedirected;
        AnsiConsole.Console = AnsiConsole.Create(new AnsiConsoleSettings
        {
            Out = new Output(),
            Ansi = isFile ? AnsiSupport.No : AnsiSupport.Detect,
            ColorSystem = isFile ? ColorSystemSupport.NoColors : ColorSystemSupport.Detect,
            Interactive = isFile ? InteractionSupport.No : InteractionSupport.Detect,
        });
        AnsiConsole.Console.Pipeline.Attach(new VisibleTexts());
        if (isFile)
            AnsiConsole.Profile.Width = 160;
    }

    private sealed class Output : IAnsiConsoleOutput
    {
        private readonly AnsiConsoleOutput _size = new(Terminal.Controls);

        public TextWriter Writer => Terminal.Controls;
        public bool IsTerminal => !Console.IsOutputRedirected;
        public int Width => _size.Width;
        public int Height => _size.Height;

        public void SetEncoding(Encoding encoding)
        {
        }
    }

    private sealed class VisibleTexts : IRenderHook
    {
        public IEnumerable<IRenderable> Process(RenderOptions options, IEnumerable<IRenderable> renderables) =>
            renderables.Select(r => new Visible(r));
    }

    private sealed class Visible(IRenderable inner) : IRenderable
    {
        public Measurement Measure(RenderOptions options, int maxWidth) => inner.Measure(options, maxWidth);

        public IEnumerable<Segment> Render(RenderOptions options, int maxWidth) =>
            inner.Render(options, maxWidth).Select(s =>
                s.IsControlCode || s.IsLineBreak ? s : new Segment(VisibleText.Of(s.Text), s.Style));
    }
}
