using System.Text;
using SelfJudge.Preferences.Reproduction;

namespace SelfJudge.Grains.Reporting;

/// <summary>The paper's tables beside what was measured here, as Markdown.</summary>
public static class TablesMarkdown
{
    public static string Render(IReadOnlyList<ReproducedTable> tables, int seeds, int prompts)
    {
        var text = new StringBuilder();
        text.AppendLine($"Means over {seeds} {(seeds == 1 ? "seed" : "seeds")} and {prompts} held-out prompts, with 95 % intervals over both. Win rates are against the SFT model of the same seed, ties as half; the paper's are its own, on AlpacaEval. A finding is tested by the paired difference, and is clear where its interval leaves zero out.");
        foreach (var reproduced in tables)
        {
            var table = reproduced.Table;
            text.AppendLine().AppendLine($"## {(table.Id.StartsWith("figure", StringComparison.Ordinal) ? "Figure" + table.Id[6..] : "Table " + table.Id)}: {table.Title}").AppendLine();
            text.AppendLine($"{table.Finding} {table.Departs}".TrimEnd()).AppendLine();
            text.AppendLine("| row | metric | paper | here | 95 % | budget |").AppendLine("|---|---|---|---|---|---|");
            foreach (var row in reproduced.Rows)
                text.AppendLine($"| {row.Row} | {row.Metric.Label()} | {(row.Paper is { } paper ? row.Metric.Show(paper) : "")} | {row.Metric.Show(row.Mean)} | {row.Metric.Show(row.Ci95[0])} to {row.Metric.Show(row.Ci95[1])} | {string.Join(", ", row.Budget.Where(b => b.Value > 0).Select(b => $"{b.Value:#,0} {b.Key.Replace('_', ' ')}"))} |");
            if (reproduced.Claims.Count == 0)
                continue;
            text.AppendLine().AppendLine("| finding | difference | 95 % | here |").AppendLine("|---|---|---|---|");
            foreach (var c in reproduced.Claims)
                text.AppendLine($"| {c.Claim.Above} above {c.Claim.Below}, {c.Claim.Metric.Label()} | {c.Claim.Metric.Show(c.Difference.Mean)} | {c.Claim.Metric.Show(c.Difference.Low)} to {c.Claim.Metric.Show(c.Difference.High)} | {(c.Holds ? "holds" : "**does not hold**")}{(c.IsClear ? ", clear" : ", not clear")} |");
        }
        return text.ToString();
    }
}
