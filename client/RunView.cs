using SelfJudge.Abstractions;
using Spectre.Console;

namespace SelfJudge.Client;

/// <summary>Shows a run while it goes on: a live table on a terminal, a line now and then elsewhere.</summary>
internal static class RunView
{
    private static readonly TimeSpan Refresh = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan LinePeriod = TimeSpan.FromSeconds(10);

    // What a step's line shows, in this order, where it is there.
    private static readonly (string Metric, string Label, string Format)[] Shown =
    [
        ("loss", "loss", "0.000"), ("loss/response", "response loss", "0.000"), ("loss/judge_token", "judge loss", "0.000"),
            ("judge/accuracy", "judge accuracy", "0.000"),
        ("rewards/margins", "margin", "0.000"), ("rewards/accuracies", "reward accuracy", "0.00"), ("objective/kl", "KL", "0.00"),
            ("judge/swap_consistency", "swap consistency", "0.00"),
        ("completions/identical_ratio", "identical", "0.00"), ("completions/mean_length", "length", "0.0"),
            ("grad_norm", "gradient norm", "0.00"),
    ];

    /// <summary>Follows a run to its end. Returns its last status.</summary>
    public static async Task<RunStatus> Follow(Func<Task<RunStatus>> ask, CancellationToken cancellation)
    {
        if (IsLive)
            return await AnsiConsole.Live(new Table()).AutoClear(true).StartAsync(context => Poll(ask, status =>
            {
                context.UpdateTarget(Table(status));
                context.Refresh();
            }, cancellation));
        var last = ("", DateTime.MinValue);
        var told = new HashSet<string>();
        return await Poll(ask, status =>
        {
            if (!IsOver(status.State))
                foreach (var warning in status.Message?.Split('\n').Where(told.Add) ?? [])
                    Console.WriteLine($"note: {warning}");
            if (status.Stage == last.Item1 && DateTime.UtcNow - last.Item2 < LinePeriod)
                return;
            last = (status.Stage, DateTime.UtcNow);
            Console.WriteLine(Line(status));
        }, cancellation);
    }

    /// <summary>Says something in between, above the live table where there is one.</summary>
    public static void Say(string message)
    {
        if (IsLive)
            AnsiConsole.WriteLine(message);
        else
            Console.WriteLine(message);
    }

    public static bool IsOver(RunState state) => state is RunState.Completed or RunState.Cancelled or RunState.Failed;

    /// <summary>One line that says where a run stands.</summary>
    public static string Line(RunStatus s)
    {
        var position = s.StageSteps > 0 && s.Stages.Contains(s.Stage) ? $"{s.Stage} {s.Step}/{s.StageSteps}" : s.Stage;
        var figures = string.Join("  ", Figures(s).Select(f => $"{f.Label} {f.Value}"));
        var speed = s.TokensPerSecond > 0 ? $"  {s.TokensPerSecond:#,0} tokens/s" : "";
        var remaining = s.SecondsLeft is { } left ? $"  {left:0} s left" : "";
        return $"{s.Seconds,6:0} s  {position,-24} {figures}{speed}{remaining}";
    }

    public static Table Table(RunStatus s)
    {
        var table = new Table().Border(TableBorder.Rounded).AddColumn("stage").AddColumn(new TableColumn("step").RightAligned())
            .AddColumn("").AddColumn("figures");
        foreach (var (i, stage) in s.Stages.Index())
        {
            var isNow = stage == s.Stage && !IsOver(s.State);
            var isDone = i < s.StageIndex || IsOver(s.State) && s.State == RunState.Completed || !s.Stages.Contains(s.Stage);
            table.AddRow(
                isNow ? $"[bold]{Markup.Escape(stage)}[/]" : isDone ? $"[green]{Markup.Escape(stage)}[/]"
                    : $"[grey]{Markup.Escape(stage)}[/]",
                isNow ? $"{s.Step}/{s.StageSteps}" : isDone ? "done" : "",
                isNow ? Progress(s.Step, s.StageSteps) : "",
                isNow ? string.Join("  ", Figures(s).Select(f => $"{f.Label} [bold]{f.Value}[/]")) : "");
        }
        if (!s.Stages.Contains(s.Stage) && !IsOver(s.State))
            table.AddRow($"[bold]{Markup.Escape(s.Stage)}[/]", "", "", "");
        var t = s.Triplets;
        return table.Caption($"{s.State.ToString().ToLowerInvariant()} · {s.Seconds:0} s"
            + (s.SecondsLeft is { } left ? $" · {left:0} s left in this stage" : "")
            + (s.TokensPerSecond > 0 ? $" · {s.TokensPerSecond:#,0} tokens/s" : "")
            + (t.Made > 0 ? $" · triplets: {t.Trained} trained, {t.IdenticalSkipped} identical, "
                + $"{(t.InconsistentSkipped > 0 ? $"{t.InconsistentSkipped} inconsistent, " : "")}{t.StaleRefused} stale" : "")
            + (s.Message is null ? "" : $" · {Markup.Escape(s.Message.Replace("\n", " · ", StringComparison.Ordinal))}"));
    }

    private static bool IsLive => AnsiConsole.Profile.Capabilities.Interactive && !Console.IsOutputRedirected;

    private static async Task<RunStatus> Poll(Func<Task<RunStatus>> ask, Action<RunStatus> show, CancellationToken cancellation)
    {
        while (true)
        {
            var status = await ask();
            show(status);
            if (IsOver(status.State) || cancellation.IsCancellationRequested)
                return status;
            await Task.Delay(Refresh, cancellation).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private static IEnumerable<(string Label, string Value)> Figures(RunStatus s) =>
        Shown.Where(f => s.Metrics.ContainsKey(f.Metric)).Select(f => (f.Label, s.Metrics[f.Metric].ToString(f.Format)));

    private static string Progress(int step, int steps)
    {
        const int Width = 20;
        var filled = steps == 0 ? 0 : step * Width / steps;
        return $"[blue]{new string('━', filled)}[/][grey]{new string('━', Width - filled)}[/]";
    }
}
