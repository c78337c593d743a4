using SelfJudge.Preferences.Judging;
using Spectre.Console;

namespace SelfJudge.Client;

/// <summary>Prints what a comparison came to.</summary>
internal static class ComparisonView
{
    public static void Print(ComparisonResult result, string file)
    {
        var r = result.Result;
        Console.WriteLine();
        Console.WriteLine($"A: {result.A.Name}");
        Console.WriteLine($"B: {result.B.Name}");
        var templates = result.JudgeTemplates.Count == 0 ? "" : $", by {string.Join(", ", result.JudgeTemplates)}";
        Console.WriteLine($"judge: {result.Judge}{templates}");
        if (result.Note is not null)
            Console.WriteLine($"note: {result.Note}");
        var verdicts = Table("A against B", "wins", "ties", "losses", "no verdict", "win rate of A", "95 % (Wilson)", "swap consistency",
            "position bias");
        verdicts.AddRow($"{r.Prompts} prompts", $"{r.Wins}", $"{r.Ties}", $"{r.Losses}", $"{r.NoVerdicts}",
            r.WinRate is { } rate ? $"{rate * 100:0.0} %" : "–",
            r.WinRateCi95 is [var low, var high] ? $"{low * 100:0.0}–{high * 100:0.0}" : "–", Figure(r.SwapConsistency),
            r.PositionBias is { } bias ? $"{bias:+0.000;-0.000;0.000}" : "–");
        AnsiConsole.Write(verdicts);
        var styles = Table("answers", "words", "tokens", "repetition");
        foreach (var (name, style) in new[] { ("A", result.A), ("B", result.B) })
            styles.AddRow(name, $"{style.MeanWords:0.0}", style.MeanTokens is { } tokens ? $"{tokens:0.0}" : "–",
                $"{style.Repetition:0.000}");
        AnsiConsole.Write(styles);
        if (r.InconsistentRate is { } share)
            Console.WriteLine($"inconsistent: on {r.Inconsistent} pairs, {share * 100:0.0} % of those judged, the two orders disagree; "
                + $"{(result.InconsistentPairs == InconsistentPairs.Tie ? "they are ties" : "the mean over both orders decides them")}");
        if (r.Identical > 0)
            Console.WriteLine($"{r.Identical} of the ties are identical answers");
        if (r.Unreadable > 0)
            Console.WriteLine($"{r.Unreadable} answers of the judge name neither A nor B; they are under \"unreadable\" in the file");
        Console.WriteLine($"every prompt with both answers and its verdict is in {file}");
    }

    private static string Figure(double? value) => value is { } known ? $"{known:0.000}" : "–";

    private static Table Table(string first, params IEnumerable<string> columns)
    {
        var table = new Table().Border(TableBorder.Simple).AddColumn(first);
        foreach (var column in columns)
            table.AddColumn(new TableColumn(column).RightAligned().NoWrap());
        return table;
    }
}
