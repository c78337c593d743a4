using System.Globalization;
using System.Text;
using SelfJudge.Preferences.Evaluation;
using SelfJudge.Preferences.Tournaments;

namespace SelfJudge.Runs.Reporting;

/// <summary>A tournament drawn as a tree: completions at the left, the champion at the right, each match with the scores that decided
/// it.</summary>
internal static class BracketDrawing
{
    private const double RowHeight = 26, ColumnWidth = 96, LeafWidth = 430;

    public static string Draw(BracketResult result)
    {
        var bracket = result.Bracket;
        var entrants = bracket.Seeding;
        var height = entrants.Count * RowHeight + 10;
        var place = entrants.Index().ToDictionary(e => e.Item, e => (X: LeafWidth, Y: 8 + e.Index * RowHeight + RowHeight / 2));
        var svg = new StringBuilder();
        foreach (var entrant in entrants)
        {
            var weight = entrant == bracket.Champion ? "700" : "400";
            svg.Append(CultureInfo.InvariantCulture,
                $"<text class=leaf x={LeafWidth - 6} y={place[entrant].Y + 4:0.#} text-anchor=end "
                + $"font-weight={weight}>{SvgChart.Text(Shorten(result.Responses[entrant]))}<title>"
                + $"{SvgChart.Text(result.Responses[entrant])}</title></text>");
        }
        foreach (var match in bracket.Matches)
        {
            var (a, b) = (place[match.First], place[match.Second]);
            var x = LeafWidth + (match.Round + 1) * ColumnWidth;
            var y = (a.Y + b.Y) / 2;
            svg.Append(Path(a, x, y, match.Winner == match.First)).Append(Path(b, x, y, match.Winner == match.Second));
            svg.Append(CultureInfo.InvariantCulture,
                $"<text class=score x={x - 4:0.#} y={y - 4:0.#} "
                + $"text-anchor=end>{Score(match)}<title>{SvgChart.Text(Describe(match))}</title></text>");
            place[match.Winner] = (x, y);
        }
        var width = LeafWidth + (bracket.Round + 1) * ColumnWidth;
        return SvgChart.Figure($"The tournament of “{result.Prompt}” among {entrants.Count} samples of {result.Policy}", width, height,
            svg.ToString(),
            "<figcaption>Each join is a match; the bold line leads to its winner, and the number is the winner's score. A mark (≠) says "
                + "that the two orders of presentation disagreed, another (π) that likelihood decided against the judge. Hover for the "
                + "four judge-token probabilities.</figcaption>", "wide");
    }

    private static string Path((double X, double Y) from, double x, double y, bool won) =>
        string.Create(CultureInfo.InvariantCulture,
            $"<path class=\"{(won ? "won" : "lost")}\" d=\"M{from.X:0.#} {from.Y:0.#} H{x - 40:0.#} "
            + $"V{y:0.#}{(won ? $" H{x:0.#}" : "")}\" />");

    private static string Score(Match match)
    {
        if (match.Verdict.Judgments.Count == 0)
            return "same";
        var winner = match.Winner == match.First ? match.Verdict.ScoreFirst : match.Verdict.ScoreSecond;
        return winner.ToString("0.00") + (match.Verdict.OrdersAgree ? "" : " ≠") + (match.Verdict.IsOverruled ? " π" : "");
    }

    private static string Describe(Match match) => match.Verdict.Judgments.Count == 0
        ? "identical completions, not judged"
        : Prior(match) + string.Join("; ", match.Verdict.Judgments.Select(j =>
            $"{j.Principle ?? "overall"}: first order p(A) {j.Forward.A:0.000}, p(B) {j.Forward.B:0.000}; swapped p(A) "
                + $"{j.Swapped.A:0.000}, p(B) {j.Swapped.B:0.000}"));

    private static string Prior(Match match) => match.Verdict.Prior == 0 ? ""
        : $"log-odds of the first by the judge {match.Verdict.LogOdds:+0.00;-0.00}, by likelihood "
            + $"{match.Verdict.Prior:+0.00;-0.00}{(match.Verdict.IsOverruled ? ", which decided against the judge" : "")}; ";

    private static string Shorten(string text) => text.Length <= 68 ? text : text[..67] + "…";
}
