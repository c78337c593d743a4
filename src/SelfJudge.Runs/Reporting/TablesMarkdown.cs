using System.Text;
using System.Text.RegularExpressions;
using SelfJudge.World.Reproduction;

namespace SelfJudge.Runs.Reporting;

/// <summary>The paper's tables beside what was measured here, as Markdown.</summary>
public static partial class TablesMarkdown
{
    /// <summary>What intervals are over: one seed says nothing of how seeds differ.</summary>
    public static string Over(int seeds) =>
        seeds == 1 ? "prompts alone, which say nothing of other seeds"
            : "both, of a judge's accuracy over seeds and held-out pairs, of the oracle's agreement over seeds";

    /// <param name="seconds">Of all runs together.</param>
    /// <param name="departs">In what the runs are not the recipes'; empty where they are.</param>
    public static string Render(IReadOnlyList<ReproducedTable> tables, int seeds, int prompts, double seconds, string departs = "")
    {
        var text = new StringBuilder();
        text.AppendLine($"Means over {seeds} {(seeds == 1 ? "seed" : "seeds")} and {prompts} held-out prompts, with 95 % intervals over "
            + $"{Over(seeds)}. Win rates are against the SFT model of the same seed, ties as half; the paper's are its own, on "
            + $"AlpacaEval. A finding is tested by the paired difference, and is clear where its interval leaves zero out. "
            + $"{seconds / 60:0.0} minutes of runs in all.");
        if (departs.Length > 0)
            text.AppendLine().AppendLine($"**Not by the recipes as they are:** {Text(departs)}");
        foreach (var reproduced in tables)
        {
            var table = reproduced.Table;
            text.AppendLine().AppendLine($"## {Text(table.Name)}: {Text(table.Title)}").AppendLine();
            text.AppendLine($"{Text(table.Finding)} {Text(table.Departs)}".TrimEnd() + $" {reproduced.Seconds / 60:0.0} minutes of runs.")
                .AppendLine();
            text.AppendLine("| row | metric | paper | here | 95 % | budget |").AppendLine("|---|---|---|---|---|---|");
            foreach (var row in reproduced.Rows)
                text.AppendLine($"| {Text(row.Row)} | {row.Metric.Label()} | {(row.Paper is { } paper ? row.Metric.Show(paper) : "")} | "
                    + $"{row.Metric.Show(row.Mean)} | {row.Metric.Show(row.Ci95)} | "
                    + $"{Text(row.BudgetText())} |");
            if (reproduced.Claims.Count == 0)
                continue;
            text.AppendLine().AppendLine("| finding | difference | 95 % | here |").AppendLine("|---|---|---|---|");
            foreach (var c in reproduced.Claims)
                text.AppendLine($"| {Text(c.Claim.Statement)}, {c.Claim.Metric.Label()} | {c.Claim.Metric.Show(c.Difference.Mean)} | "
                    + $"{c.Claim.Metric.Show(c.Difference.Low)} to {c.Claim.Metric.Show(c.Difference.High)} | "
                    + $"{(c.Holds ? "holds" : "**does not hold**")}{(c.IsClear ? ", clear" : ", not clear")} |");
            foreach (var reason in reproduced.Reasons)
                text.AppendLine().AppendLine($"**Otherwise than the paper:** {Text(reason)}");
        }
        return text.ToString();
    }

    // On one line, and none of it taken for Markdown, or for the HTML that Markdown may hold.
    private static string Text(string text) => Special().Replace(text.ReplaceLineEndings(" "), @"\$0");

    [GeneratedRegex(@"[\\`*\[<|]")]
    private static partial Regex Special();
}
