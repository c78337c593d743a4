using System.Text;
using SelfJudge.World.Reproduction;
using static SelfJudge.Runs.Reporting.SvgChart;

namespace SelfJudge.Runs.Reporting;

/// <summary>The paper's tables beside what was measured here, as one self-contained page.</summary>
public static class TablesReport
{
    /// <param name="prompts">Held-out prompts that every policy answered.</param>
    /// <param name="seconds">Of all runs together.</param>
    /// <param name="recipes">Name and text of every recipe that was run.</param>
    /// <param name="departs">In what the runs are not these recipes'; empty where they are.</param>
    public static string Render(IReadOnlyList<ReproducedTable> tables, int seeds, int prompts, double seconds,
        IReadOnlyList<(string Name, string Text)> recipes, string departs = "")
    {
        var html = new StringBuilder();
        html.Append($"<!doctype html><html lang=en><head><meta charset=utf-8><meta name=viewport "
            + $"content=\"width=device-width\"><title>The paper's tables · SelfJudge.Actors</title><style>{HtmlReport.Style} .no {{ "
            + $"color: #dc2626; font-weight: 600; }} .yes {{ color: #059669; }} table.cells td:nth-child(-n+6) {{ white-space: nowrap; }} "
            + $"table.holds td:not(.text) {{ white-space: nowrap; }} table.cells td:nth-child(7) {{ min-width: 12em; "
            + $"}}</style></head><body>");
        html.Append($"<h1>The paper's tables, reproduced on the built-in world</h1><p class=lead>Lee et al. 2024 · {seeds} "
            + $"{(seeds == 1 ? "seed" : "seeds")} · {prompts} held-out prompts · {seconds / 60:0.0} min of runs · SelfJudge.Actors "
            + $"{typeof(TablesReport).Assembly.GetName().Version!.ToString(3)}</p>");
        html.Append($"<p>The paper aligns Llama-2-7B on HH-Helpful and UltraFeedback and has GPT-4 judge; here a model of some two "
            + $"hundred thousand parameters learns the built-in world, whose oracle judges. The figures cannot agree; whether what the "
            + $"paper found holds is what is compared. Win rates are against the SFT model of the same seed on the same prompts, ties as "
            + $"half; the paper's are its own, on AlpacaEval. Means are over seeds and prompts, with 95 % intervals over "
            + $"{TablesMarkdown.Over(seeds)}. A finding is tested by the paired difference: <i>clear</i> if its interval leaves zero "
            + $"out.</p>");
        if (departs.Length > 0)
            html.Append($"<p><b>Not by the recipes as they are:</b> {Text(departs)}</p>");
        Summary(html, tables);
        foreach (var table in tables)
            Table(html, table);
        Settings(html, recipes);
        return html.Append("</body></html>").ToString();
    }

    private static void Settings(StringBuilder html, IReadOnlyList<(string Name, string Text)> recipes)
    {
        html.Append("<h2>Settings</h2><p>Every method's settings stand in its recipe, commented. Steps, prompts and samples of the "
            + "methods that sample are the same wherever the paper's are. Learning rates, and the beta of preference losses, are those of "
            + "the grid below that came to the best gold score, for judges to the best accuracy, on validation prompts, which are neither "
            + "trained on nor measured here; <code>reproduce --settings</code> makes the grid again. Self-Judge by another judge, or by "
            + "principles, has Self-Judge's settings, PPO by a judge's likelihood has PPO's, every JSFT model the rate of the plain one, "
            + "and the small and large models have the medium one's.</p>");
        html.Append("<table><tr><th>recipe<th class=text>stage<th>learning rates<th>betas</tr>");
        foreach (var grid in SettingGrid.All.Where(g => recipes.Any(r => r.Name == g.Recipe)))
            html.Append($"<tr><td>{Text(grid.Recipe)}<td class=text>{Text(string.Join(", ", grid.Stages))}<td>"
                + $"{string.Join(", ", grid.LearningRates.Select(r => r.ToString("0.#e-0")))}<td>{string.Join(", ", grid.Betas)}</tr>");
        html.Append("</table>");
        foreach (var (name, text) in recipes)
            html.Append($"<details><summary>{Text(name)}.yaml</summary><pre>{Text(text)}</pre></details>");
    }

    private static void Summary(StringBuilder html, IReadOnlyList<ReproducedTable> tables)
    {
        html.Append("<h2>What holds</h2><table class=holds><tr><th>table<th class=text>the paper's finding<th>holds<th>clearly<th>minutes "
            + "of runs</tr>");
        foreach (var table in tables.Where(t => t.Claims.Count > 0))
            html.Append($"<tr><td>{Text(table.Table.Name)}<td class=text>{Text(table.Table.Finding)}<td>"
                + $"{table.Claims.Count(c => c.Holds)} of {table.Claims.Count}<td>{table.Claims.Count(c => c.Holds && c.IsClear)}<td>"
                + $"{table.Seconds / 60:0.0}</tr>");
        html.Append("</table><p class=soft>Minutes are of all runs that a table needs, over the seeds; tables share runs, and each is "
            + "made once.</p>");
    }

    private static void Table(StringBuilder html, ReproducedTable reproduced)
    {
        var table = reproduced.Table;
        var departs = table.Departs.Length > 0 ? $" <span class=soft>{Text(table.Departs)}</span>" : "";
        html.Append($"<h2>{Text(table.Name)}: {Text(table.Title)}</h2><p>{Text(table.Finding)}{departs}</p>");
        if (table.Id.StartsWith("figure", StringComparison.Ordinal))
            Charts(html, reproduced);
        html.Append("<table class=cells><tr><th><th class=text>metric<th>paper<th>here<th>95 %<th>ordering<th "
            + "class=text>budget<th>seconds</tr>");
        foreach (var row in reproduced.Rows)
        {
            var ordering = row.OrderingHolds switch
            {
                true => "<span class=yes>holds</span>",
                false => "<span class=no>does not</span>",
                null => "",
            };
            html.Append($"<tr><td>{Text(row.Row)}<td class=text>{row.Metric.Label()}")
                .Append($"<td>{(row.Paper is { } paper ? row.Metric.Show(paper) : "")}<td>{row.Metric.Show(row.Mean)}")
                .Append($"<td>{row.Metric.Show(row.Ci95)}<td>{ordering}")
                .Append($"<td class=\"text soft\">{Text(row.BudgetText())}<td>{row.Seconds:0}</tr>");
        }
        html.Append("</table>");
        if (reproduced.Claims.Count == 0)
            return;
        html.Append("<table><tr><th>finding<th>difference<th>95 %<th>here</tr>");
        foreach (var c in reproduced.Claims)
        {
            var holds = c.Holds ? "<span class=yes>holds</span>" : "<span class=no>does not hold</span>";
            html.Append($"<tr><td>{Text(c.Claim.Statement)}, {c.Claim.Metric.Label()}<td>{c.Claim.Metric.Show(c.Difference.Mean)}")
                .Append($"<td>{c.Claim.Metric.Show(c.Difference.Low)} to {c.Claim.Metric.Show(c.Difference.High)}")
                .Append($"<td>{holds}{(c.IsClear ? ", clear" : ", not clear")}</tr>");
        }
        html.Append("</table>");
        foreach (var reason in reproduced.Reasons)
            html.Append($"<p><b>Otherwise than the paper:</b> {Text(reason)}</p>");
    }

    // Rows "JM, N = 4" and "round 2" are points of a line; the x axis is the number at their end, 0 where there is none.
    private static void Charts(StringBuilder html, ReproducedTable reproduced)
    {
        var isTournaments = reproduced.Table.Id == "figure 4";
        html.Append("<div class=charts>");
        foreach (var metric in reproduced.Rows.GroupBy(r => r.Metric))
            html.Append(Lines(metric.Key.Label(), isTournaments ? "N samples" : "round",
                [.. metric.GroupBy(r => isTournaments ? r.Row.Split(',')[0] : "").Select(line =>
                new Series(line.Key, [.. line.Select(r => (X(r.Row), metric.Key == PaperMetric.Length ? r.Mean : r.Mean * 100))]))],
                    markers: true, logarithmicX: isTournaments));
        html.Append("</div>");

        static double X(string row) => double.TryParse(row.Split(' ')[^1], out var x) ? x : 0;
    }
}
