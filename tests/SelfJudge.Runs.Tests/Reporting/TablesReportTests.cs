using System.Text.RegularExpressions;
using SelfJudge.Preferences.Statistics;
using SelfJudge.Runs.Reporting;
using SelfJudge.World.Reproduction;

namespace SelfJudge.Runs.Tests.Reporting;

public sealed class TablesReportTests
{
    private static readonly PaperTable Table = new("6", "A <title>", "It adds.", "",
        [new("alone", PaperMetric.WinRate, 80.75, "r", "S"), new("N = 16", PaperMetric.WinRate, 84.47, "r", "S", 16),
            new("alone", PaperMetric.Length, null, "r", "S")],
        [PaperClaim.Above(PaperMetric.WinRate, "N = 16", "alone", "The judge is <fooled>.")]);

    private const string Hostile = "\"'><img src=x>]]><script>&|`*[\\\r\nx";

    private static ReproducedTable Reproduced(double alone, double of16)
    {
        MeasuredStage Stage(double shift) =>
            new([], new Dictionary<int, MeasuredAnswers>
            {
                [1] = new([alone + shift, alone], [12, 13], [0, 0]),
                [16] = new([of16 + shift, of16], [13, 13], [0, 0])
            }, new Dictionary<string, double> { ["prompts"] = 1920 }, 3, []);
        return TableFigures.Of(Table, _ => [Stage(0), Stage(0.01)], [new([0.5, 0.5], [1, 1], [0, 0]), new([0.5, 0.5], [1, 1], [0, 0])],
            120);
    }

    [Fact]
    public void The_page_and_the_text_show_the_papers_figure_and_ours()
    {
        var table = Reproduced(0.4, 0.9);
        var html = TablesReport.Render([table], 2, 2, 90, [("r", "stages: <none>"), ("dpo", "")]);
        Assert.Contains("<h2>Table 6: A &lt;title&gt;</h2>", html);
        Assert.Contains("<td>80.8<td>0.0<td>0.0 to 0.0<td><span class=yes>holds</span>", html);
        Assert.Contains("<td>84.5<td>100.0", html);
        Assert.Contains("<td>1 of 1<td>1<td>2.0</tr>", html);
        Assert.Contains("1.5 min of runs", html);
        Assert.Contains("1,920 prompts", html);
        Assert.Contains("stages: &lt;none&gt;", html);
        Assert.Contains("<td>dpo<td class=text>DPO<td>5e-5, 1e-4, 2e-4, 4e-4, 8e-4<td>0.1, 0.3</tr>", html);
        Assert.DoesNotContain("<td>raft<", html);
        var text = TablesMarkdown.Render([table], 2, 2, 90);
        Assert.Contains("| alone | win rate, % | 80.8 | 0.0 | 0.0 to 0.0 | 1,920 prompts |", text);
        Assert.Contains("| alone | length, words |  | 12.5 | 6.1 to 18.9 | 1,920 prompts |", text);
        Assert.Contains("| N = 16 above alone, win rate, % | 100.0 | 100.0 to 100.0 | holds, clear |", text);
        Assert.Contains("95 % intervals over both", text);
        Assert.Contains("95 % intervals over prompts alone", TablesMarkdown.Render([table], 1, 2, 90));
    }

    [Fact]
    public void What_departs_from_the_recipes_is_said()
    {
        var table = Reproduced(0.4, 0.9);
        Assert.Contains("<b>Not by the recipes as they are:</b> --set a=&lt;b&gt;",
            TablesReport.Render([table], 2, 2, 90, [], "--set a=<b>"));
        Assert.Contains(@"**Not by the recipes as they are:** --set a=\<b>", TablesMarkdown.Render([table], 2, 2, 90, "--set a=<b>"));
        Assert.DoesNotContain("Not by the recipes", TablesMarkdown.Render([table], 2, 2, 90));
    }

    [Theory]
    [InlineData("6")]
    [InlineData("figure 5")]
    public void No_text_breaks_out_of_its_place_on_the_page(string id)
    {
        string Page(string text) => TablesReport.Render([Of(id, text)], 2, 2, 90, [(text, text)], text);
        var (harmless, hostile) = (Page("harmless"), Page(Hostile));
        Assert.Equal(Regex.Matches(harmless, "<[^<>\\s]+").Select(m => m.Value), Regex.Matches(hostile, "<[^<>\\s]+").Select(m => m.Value));
        Assert.Equal(Regex.Count(harmless, "harmless"),
            Regex.Count(hostile, Regex.Escape("&quot;&#39;&gt;&lt;img src=x&gt;]]&gt;&lt;script&gt;&amp;|`*[\\\r\nx")));
    }

    [Fact]
    public void No_text_breaks_out_of_its_place_in_Markdown()
    {
        string[] Lines(string text) => TablesMarkdown.Render([Of("6", text)], 2, 2, 90, text).ReplaceLineEndings("\n").Split('\n');
        var (harmless, hostile) = (Lines("harmless"), Lines(Hostile));
        Assert.Equal(harmless.Select(l => l.Replace("harmless", @"""'>\<img src=x>]]>\<script>&\|\`\*\[\\ x", StringComparison.Ordinal)),
            hostile);
        Assert.True(harmless.Sum(l => Regex.Count(l, "harmless")) >= 10);
    }

    // A text wherever a table has one.
    private static ReproducedTable Of(string id, string text)
    {
        var claim = PaperClaim.Above(PaperMetric.WinRate, text, $"{text} 2", text) with { Statement = text };
        var budget = new Dictionary<string, double> { [text] = 1920 };
        return new ReproducedTable(new PaperTable(id, text, text, text, [], [claim]),
            [new TableRow(id, text, PaperMetric.WinRate, 0.8, 0.5, [0.4, 0.6], 2, false, budget, 3),
                new TableRow(id, $"{text} 2", PaperMetric.Length, null, 12, null, 2, null, budget, 3)],
            [new TestedClaim(claim, new Estimate(-0.5, -0.6, -0.4), 2)], 120);
    }

    [Fact]
    public void What_came_out_the_other_way_is_said()
    {
        var table = Reproduced(0.9, 0.4);
        Assert.Contains("<span class=no>does not hold</span>, clear", TablesReport.Render([table], 2, 2, 90, []));
        Assert.Contains("0 of 1", TablesReport.Render([table], 2, 2, 90, []));
        Assert.Contains("<b>Otherwise than the paper:</b> The judge is &lt;fooled&gt;.", TablesReport.Render([table], 2, 2, 90, []));
        Assert.Contains(@"**Otherwise than the paper:** The judge is \<fooled>.", TablesMarkdown.Render([table], 2, 2, 90));
        Assert.Empty(Reproduced(0.4, 0.9).Reasons);
        Assert.Contains("**does not hold**", TablesMarkdown.Render([table], 2, 2, 90));
    }
}
