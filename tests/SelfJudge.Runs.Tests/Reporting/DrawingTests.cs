using System.Text.RegularExpressions;
using SelfJudge.Runs.Reporting;

namespace SelfJudge.Runs.Tests.Reporting;

public sealed class DrawingTests
{
    [Fact]
    public void A_line_runs_from_corner_to_corner_of_its_axes()
    {
        var svg = SvgChart.Lines("title", "step", [new Series("a", [(0, 0), (10, 4)])]);
        // Axes are 52 to 448 wide and 14 to 216 high; y grows downwards.
        Assert.Contains("points=\"52,216 448,14\"", svg);
        Assert.Equal(["0", "1", "2", "3", "4"], Regex.Matches(svg, "text-anchor=end>(.*?)</text>").Select(m => m.Groups[1].Value));
        Assert.DoesNotContain("<figcaption>", svg);
    }

    [Fact]
    public void On_a_logarithmic_axis_doublings_are_equally_far_apart()
    {
        var svg = SvgChart.Lines("title", "N", [new Series("a", [(1, 0), (2, 0), (4, 1)])], markers: true, logarithmicX: true);
        Assert.Equal(["52", "250", "448"], Regex.Matches(svg, "cx=(\\d+)").Select(m => m.Groups[1].Value));
    }

    [Fact]
    public void Empty_series_are_left_out_and_nothing_makes_no_chart()
    {
        Assert.Equal("", SvgChart.Lines("title", "step", [new Series("a", [])]));
        Assert.Single(Regex.Matches(SvgChart.Lines("title", "step", [new Series("a", []), new Series("b", [(1, 1), (2, 2)])]),
            "<polyline"));
    }

    [Fact]
    public void A_single_point_and_a_constant_have_a_place()
    {
        Assert.Single(Regex.Matches(SvgChart.Lines("title", "step", [new Series("a", [(3, 5)])]), "<circle"));
        Assert.DoesNotContain("NaN", SvgChart.Lines("title", "step", [new Series("a", [(1, 2), (2, 2)])]));
    }

    [Fact]
    public void A_long_series_is_thinned_by_averages()
    {
        var svg = SvgChart.Lines("title", "step",
            [new Series("a", [.. Enumerable.Range(0, 3000).Select(i => ((double)i, i % 2 == 0 ? 1.0 : 3.0))])]);
        var points = Regex.Match(svg, "points=\"(.*?)\"").Groups[1].Value.Split(' ');
        Assert.Equal(100, points.Length);
        Assert.Single(points.Select(p => p.Split(',')[1]).Distinct());
    }

    [Fact]
    public void Bars_show_value_interval_and_reference()
    {
        var svg = SvgChart.Bars("title", [new Bar("a<b", 0.5, 0.25, 1.2)], 0.5);
        // The scale is 200 to 820: 310 is a half.
        Assert.Contains("width=310 ", svg);
        Assert.Contains("<line x1=355 x2=820 ", svg);
        Assert.Contains("<line class=reference x1=510 x2=510 ", svg);
        Assert.Contains("a&lt;b", svg);
        Assert.Contains("50.0 % (25–120)", svg);
    }

    [Fact]
    public void A_bracket_has_a_leaf_for_every_sample_and_two_paths_for_every_match()
    {
        var result = HtmlReportTests.Bracket("a & b");
        var svg = BracketDrawing.Draw(result);
        Assert.Equal(4, Regex.Count(svg, "class=leaf"));
        Assert.Equal(3, Regex.Count(svg, "class=\"won\""));
        Assert.Equal(3, Regex.Count(svg, "class=\"lost\""));
        Assert.Equal(["0.90", "same", "0.65 ≠"], Regex.Matches(svg, "class=score.*?>(.*?)<title>").Select(m => m.Groups[1].Value));
        Assert.Single(Regex.Matches(svg, "font-weight=700"));
        Assert.Contains(new string('d', 67) + "…<title>" + new string('d', 100), svg);
        Assert.Contains("a &amp; b", svg);
        Assert.Contains("identical completions, not judged", svg);
    }
}
