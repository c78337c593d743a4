using SelfJudge.World.Reproduction;
using Spectre.Console;

namespace SelfJudge.Client;

/// <summary>The paper's tables on the terminal.</summary>
internal static class TablesView
{
    public static void Print(IEnumerable<ReproducedTable> tables)
    {
        foreach (var reproduced in tables)
        {
            var table = new Table().Border(TableBorder.SimpleHeavy)
                .Title(Markup.Escape($"{reproduced.Table.Name}: {reproduced.Table.Title}"), Style.Plain);
            foreach (var column in new[] { "", "metric", "paper", "here", "95 %", "as the paper" })
                table.AddColumn(new TableColumn(column) { Alignment = column is "" or "metric" ? Justify.Left : Justify.Right });
            foreach (var row in reproduced.Rows)
                table.AddRow(Markup.Escape(row.Row), row.Metric.Label(), row.Paper is { } paper ? row.Metric.Show(paper) : "",
                    row.Metric.Show(row.Mean), row.Metric.Show(row.Ci95),
                    row.OrderingHolds switch { true => "yes", false => "no", null => "" });
            AnsiConsole.Write(table);
            foreach (var claim in reproduced.Claims)
                AnsiConsole.WriteLine($"  {(claim.Holds ? "holds" : "DOES NOT HOLD")}{(claim.IsClear ? "" : " (not clearly)")}: "
                    + $"{claim.Claim.Metric.Label()} of {claim.Claim.Statement}, "
                    + $"by {claim.Claim.Metric.Show(claim.Difference.Mean)} ({claim.Claim.Metric.Show(claim.Difference.Low)}–"
                        + $"{claim.Claim.Metric.Show(claim.Difference.High)})");
            foreach (var reason in reproduced.Reasons)
                AnsiConsole.WriteLine($"  otherwise than the paper: {reason}");
            AnsiConsole.WriteLine();
        }
    }
}
