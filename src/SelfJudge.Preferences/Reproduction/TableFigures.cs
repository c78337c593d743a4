using System.Text.Json;
using System.Text.Json.Serialization;
using SelfJudge.Preferences.Evaluation;

namespace SelfJudge.Preferences.Reproduction;

/// <summary>A stage's model as one seed's runs measured it.</summary>
/// <param name="JudgeAccuracy">On held-out pairs; null for a model that is no judge.</param>
/// <param name="Answers">By the number of samples of the tournament; empty for a model that does not answer.</param>
/// <param name="Budget">What its training was given: steps, prompts, samples, pairs, in all.</param>
/// <param name="Seconds">Of the stage's own run.</param>
public sealed record MeasuredStage(double? JudgeAccuracy, IReadOnlyDictionary<int, MeasuredAnswers> Answers, IReadOnlyDictionary<string, double> Budget, double Seconds);

/// <summary>Answers to the held-out prompts.</summary>
/// <param name="Gold">The oracle's mean over principles, prompt by prompt.</param>
public sealed record MeasuredAnswers(IReadOnlyList<double> Gold, double Length, double Repetition);

/// <summary>One figure of <c>tables.json</c>.</summary>
/// <param name="Paper">The paper's, as a share; null where it has none.</param>
/// <param name="Ci95">Over seeds and prompts.</param>
/// <param name="OrderingHolds">Whether every finding of the paper that names this row came out here; null where none does.</param>
public sealed record TableRow(string Table, string Row, PaperMetric Metric, double? Paper, double Mean, IReadOnlyList<double> Ci95, int Seeds, bool? OrderingHolds, IReadOnlyDictionary<string, double> Budget, double Seconds);

/// <summary>A finding of the paper, tested here.</summary>
/// <param name="Difference">Of the row that should be above less the other, paired by seed and prompt; for a judge's accuracy by seed.</param>
/// <param name="Values">What it is the mean of.</param>
public sealed record TestedClaim(PaperClaim Claim, Estimate Difference, int Values)
{
    public bool Holds => Difference.Mean > 0;

    /// <summary>Whether its interval is wholly on one side of zero; a single value has none.</summary>
    public bool IsClear => Values > 1 && (Difference.Low > 0 || Difference.High < 0);
}

/// <summary>A table of the paper with its figures and ours.</summary>
public sealed record ReproducedTable(PaperTable Table, IReadOnlyList<TableRow> Rows, IReadOnlyList<TestedClaim> Claims);

/// <summary>Turns what was measured into the paper's tables.</summary>
public static class TableFigures
{
    private static readonly JsonSerializerOptions Json = new()
    {
        WriteIndented = true,
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.SnakeCaseLower) },
    };

    /// <param name="measured">The cell's stage, seed by seed.</param>
    /// <param name="baseline">The SFT model's answers, seed by seed, that win rates are against.</param>
    public static ReproducedTable Of(PaperTable table, Func<PaperCell, IReadOnlyList<MeasuredStage>> measured, IReadOnlyList<MeasuredAnswers> baseline)
    {
        var claims = table.Claims.Select(Test).ToList();
        return new ReproducedTable(table, [.. table.Cells.Select(Row)], claims);

        PaperCell CellOf(PaperMetric metric, string row) => table.Cells.Single(c => c.Metric == metric && c.Row == row);

        TestedClaim Test(PaperClaim claim)
        {
            IReadOnlyList<IReadOnlyList<double>> above = Values(CellOf(claim.Metric, claim.Above)), below = Values(CellOf(claim.Metric, claim.Below));
            return new TestedClaim(claim, Estimate.OfCrossed([.. above.Zip(below, (x, y) => (IReadOnlyList<double>)[.. x.Zip(y, (u, v) => u - v)])]), above.Sum(v => v.Count));
        }

        // By seed, and by prompt where there are prompts.
        IReadOnlyList<IReadOnlyList<double>> Values(PaperCell cell) => [.. measured(cell).Zip(baseline, (stage, sft) => (IReadOnlyList<double>)(cell.Metric switch
        {
            PaperMetric.JudgeAccuracy => [stage.JudgeAccuracy ?? throw new InvalidOperationException($"{cell.Stage} was not measured as a judge")],
            PaperMetric.WinRate => [.. stage.Answers[cell.Samples].Gold.Zip(sft.Gold, WinRate.Compare)],
            PaperMetric.Length => [stage.Answers[cell.Samples].Length],
            _ => [stage.Answers[cell.Samples].Repetition],
        }))];

        TableRow Row(PaperCell cell)
        {
            var estimate = Estimate.OfCrossed(Values(cell));
            var stages = measured(cell);
            // Two or three seeds make wide intervals; a share has no more room than it has.
            var (low, high) = cell.Metric == PaperMetric.Length ? (estimate.Low, estimate.High) : (Math.Max(0, estimate.Low), Math.Min(1, estimate.High));
            var about = claims.Where(c => c.Claim.Metric == cell.Metric && (c.Claim.Above == cell.Row || c.Claim.Below == cell.Row)).ToList();
            return new TableRow(table.Id, cell.Row, cell.Metric, cell.Paper / 100, estimate.Mean, [low, high], stages.Count, about.Count == 0 ? null : about.TrueForAll(c => c.Holds),
                stages[0].Budget, stages.Average(s => s.Seconds));
        }
    }

    /// <summary>The content of <c>tables.json</c>.</summary>
    public static string ToJson(IEnumerable<ReproducedTable> tables) => JsonSerializer.Serialize(tables.SelectMany(t => t.Rows), Json);
}
