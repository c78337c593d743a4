using System.Globalization;
using System.Net;
using System.Text;

namespace SelfJudge.Runs.Reporting;

/// <summary>One line of a chart.</summary>
internal sealed record Series(string Name, IReadOnlyList<(double X, double Y)> Points);

/// <summary>A bar with its interval.</summary>
internal sealed record Bar(string Name, double Value, double Low, double High);

/// <summary>Charts as inline SVG, so that a report is one file that needs nothing else.</summary>
internal static class SvgChart
{
    private const double Width = 460, Height = 250, Left = 52, Right = 12, Top = 14, Bottom = 34;
    private const int MaxPoints = 300;

    private static readonly string[] Colours = ["#2563eb", "#dc2626", "#059669", "#d97706", "#7c3aed", "#0891b2", "#be185d"];

    /// <summary>Lines over a common x axis.</summary>
    public static string Lines(string title, string xLabel, IReadOnlyList<Series> series, bool markers = false, bool logarithmicX = false)
    {
        var shown = series.Where(s => s.Points.Count > 0).Select(s => s with { Points = Thin(s.Points) }).ToList();
        if (shown.Count == 0)
            return "";
        double X(double x) => logarithmicX ? Math.Log2(x) : x;
        var xs = shown.SelectMany(s => s.Points).Select(p => X(p.X)).ToList();
        var ys = shown.SelectMany(s => s.Points).Select(p => p.Y).ToList();
        var (yTicks, yFormat) = Ticks(ys.Min(), ys.Max());
        double xMin = xs.Min(), xMax = Math.Max(xs.Max(), xs.Min() + 1e-9), yMin = yTicks[0], yMax = yTicks[^1];
        double Px(double x) => Left + (X(x) - xMin) / (xMax - xMin) * (Width - Left - Right);
        double Py(double y) => Height - Bottom - (y - yMin) / (yMax - yMin) * (Height - Top - Bottom);
        var svg = new StringBuilder();
        foreach (var tick in yTicks)
            svg.Append(CultureInfo.InvariantCulture,
                $"<line class=grid x1={Left} x2={Width - Right} y1={Py(tick):0.#} y2={Py(tick):0.#} /><text class=tick x={Left - 6} "
                + $"y={Py(tick) + 4:0.#} text-anchor=end>{tick.ToString(yFormat)}</text>");
        var xTicks = logarithmicX ? [.. shown[0].Points.Select(p => p.X)]
            : Ticks(xMin, xMax).Values.Where(t => t >= xMin && t <= xMax).ToList();
        foreach (var tick in xTicks)
            svg.Append(CultureInfo.InvariantCulture,
                $"<text class=tick x={Px(tick):0.#} y={Height - Bottom + 16} text-anchor=middle>{tick:0.###}</text>");
        svg.Append(CultureInfo.InvariantCulture,
            $"<text class=label x={(Left + Width - Right) / 2:0.#} y={Height - 4} text-anchor=middle>{Text(xLabel)}</text>");
        foreach (var (i, s) in shown.Index())
        {
            var colour = Colours[i % Colours.Length];
            var points = string.Join(' ', s.Points.Select(p =>
                string.Create(CultureInfo.InvariantCulture, $"{Px(p.X):0.#},{Py(p.Y):0.#}")));
            svg.Append(CultureInfo.InvariantCulture, $"<polyline fill=none stroke=\"{colour}\" stroke-width=1.8 points=\"{points}\" />");
            if (markers || s.Points.Count == 1)
                foreach (var (x, y) in s.Points)
                    svg.Append(CultureInfo.InvariantCulture,
                        $"<circle cx={Px(x):0.#} cy={Py(y):0.#} r=3.2 fill=\"{colour}\"><title>{Text(s.Name)}: {y:0.####} at "
                        + $"{x:0.###}</title></circle>");
        }
        var names = shown.Select((s, i) => $"<span><i style=\"background:{Colours[i % Colours.Length]}\"></i>{Text(s.Name)}</span>");
        var legend = shown.Count == 1 ? "" : $"<figcaption>{string.Concat(names)}</figcaption>";
        return Figure(title, Width, Height, svg.ToString(), legend);
    }

    /// <summary>Horizontal bars from 0 to 1 with their intervals, and a line at <paramref name="reference"/>.</summary>
    public static string Bars(string title, IReadOnlyList<Bar> bars, double reference)
    {
        const double RowHeight = 26, NameWidth = 200, ValueWidth = 120, TotalWidth = 940;
        var height = bars.Count * RowHeight + 30;
        double Px(double v) => NameWidth + v * (TotalWidth - NameWidth - ValueWidth);
        var svg = new StringBuilder();
        for (var tick = 0.0; tick <= 1.001; tick += 0.25)
            svg.Append(CultureInfo.InvariantCulture,
                $"<line class=grid x1={Px(tick):0.#} x2={Px(tick):0.#} y1=4 y2={height - 22:0.#} /><text class=tick x={Px(tick):0.#} "
                + $"y={height - 6:0.#} text-anchor=middle>{tick * 100:0} %</text>");
        foreach (var (i, bar) in bars.Index())
        {
            var y = 8 + i * RowHeight;
            var mid = y + RowHeight / 2 - 4;
            svg.Append(CultureInfo.InvariantCulture,
                $"<text class=label x={NameWidth - 8} y={mid + 4:0.#} text-anchor=end>{Text(bar.Name)}</text>");
            svg.Append(CultureInfo.InvariantCulture,
                $"<rect x={NameWidth} y={y:0.#} width={Math.Max(0, Px(bar.Value) - NameWidth):0.#} height={RowHeight - 8} "
                + $"fill=\"{Colours[0]}\" opacity=.75 rx=2 />");
            svg.Append(CultureInfo.InvariantCulture,
                $"<line x1={Px(Math.Max(0, bar.Low)):0.#} x2={Px(Math.Min(1, bar.High)):0.#} y1={mid:0.#} y2={mid:0.#} class=interval />");
            svg.Append(CultureInfo.InvariantCulture,
                $"<text class=label x={TotalWidth - ValueWidth + 8} y={mid + 4:0.#}>{bar.Value * 100:0.0} % "
                + $"({bar.Low * 100:0}–{bar.High * 100:0})</text>");
        }
        svg.Append(CultureInfo.InvariantCulture,
            $"<line class=reference x1={Px(reference):0.#} x2={Px(reference):0.#} y1=4 y2={height - 22:0.#} />");
        return Figure(title, TotalWidth, height, svg.ToString(), "", "wide");
    }

    internal static string Figure(string title, double width, double height, string content, string legend, string kind = "") =>
        string.Create(CultureInfo.InvariantCulture,
            $"<figure class=\"{kind}\"><h3>{Text(title)}</h3><svg viewBox=\"0 0 {width:0.#} {height:0.#}\" role=img "
            + $"aria-label=\"{Text(title)}\">{content}</svg>{legend}</figure>");

    internal static string Text(string text) => WebUtility.HtmlEncode(text);

    // Long series are averaged over stretches, which also smooths a noisy loss.
    private static IReadOnlyList<(double X, double Y)> Thin(IReadOnlyList<(double X, double Y)> points)
    {
        if (points.Count <= MaxPoints)
            return points;
        var size = (int)Math.Ceiling((double)points.Count / (MaxPoints / 3));
        return [.. points.Chunk(size).Select(c => (c.Average(p => p.X), c.Average(p => p.Y)))];
    }

    private static (IReadOnlyList<double> Values, string Format) Ticks(double min, double max)
    {
        if (max - min < 1e-12)
            (min, max) = (min - 0.5, max + 0.5);
        var raw = (max - min) / 4;
        var magnitude = Math.Pow(10, Math.Floor(Math.Log10(raw)));
        var step = new[] { 1, 2, 2.5, 5, 10 }.Select(f => f * magnitude).First(s => s >= raw - 1e-12);
        var first = Math.Floor(min / step + 1e-9) * step;
        var ticks = new List<double> { first };
        while (ticks[^1] < max - 1e-9 * step)
            ticks.Add(first + ticks.Count * step);
        var decimals = Math.Clamp((int)Math.Ceiling(-Math.Log10(step) + (step / magnitude == 2.5 ? 1 : 0)), 0, 8);
        return (ticks, decimals == 0 ? "0" : "0." + new string('0', decimals));
    }
}
