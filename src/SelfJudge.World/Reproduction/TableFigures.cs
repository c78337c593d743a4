using System.Text.Json;
using SelfJudge.Preferences.Evaluation;
using SelfJudge.Preferences.Statistics;

namespace SelfJudge.World.Reproduction;

/// <summary>A stage's model as one seed's runs measured it.</summary>
/// <param name="Judged">Held-out pair by pair, the same for every seed: 1 where the model as a judge prefers the better response, 0 where
/// the other, one half where neither; empty for a model that is no judge.</param>
/// <param name="Answers">By the number of samples of the tournament; empty for a model that does not answer.</param>
/// <param name="Budget">What its training was given: steps, prompts, samples, pairs, in all.</param>
/// <param name="Seconds">Of the stage's own run.</param>
/// <param name="Agreement">Step by step, the share of its training's preferences that the oracle shares; empty for a stage that samples
/// nothing.</param>
public sealed record MeasuredStage(IReadOnlyList<double> Judged, IReadOnlyDictionary<int, MeasuredAnswers> Answers,
    IReadOnlyDictionary<string, double> Budget, double Seconds, IReadOnlyList<double> Agreement);

/// <summary>Answers to the held-out prompts.</summary>
/// <param name="Gold">The oracle's mean over principles, prompt by prompt.</param>
/// <param name="Length">In words, prompt by prompt.</param>
/// <param name="Repetition">Share of three-word sequences that occurred earlier in the answer, prompt by prompt.</param>
public sealed record MeasuredAnswers(IReadOnlyList<double> Gold, IReadOnlyList<double> Length, IReadOnlyList<double> Repetition);

/// <summary>One figure of <c>tables.json</c>.</summary>
/// <param name="Paper">The paper's, as a share; null where it has none.</param>
/// <param name="Ci95">Over seeds and prompts, for a judge's accuracy over seeds and pairs, for the oracle's agreement over seeds; null for
/// a single value.</param>
/// <param name="OrderingHolds">Whether every finding of the paper that names this row came out here; null where none does.</param>
public sealed record TableRow(string Table, string Row, PaperMetric Metric, double? Paper, double Mean, IReadOnlyList<double>? Ci95,
    int Seeds, bool? OrderingHolds, IReadOnlyDictionary<string, double> Budget, double Seconds)
{
    /// <summary>What its training was given, such as <c>60 steps, 1,920 prompts</c>.</summary>
    public string BudgetText() =>
        string.Join(", ", Budget.Where(b => b.Value > 0).Select(b => $"{b.Value:#,0} {b.Key.Replace('_', ' ')}"));
}

/// <summary>A finding of the paper, tested here.</summary>
/// <param name="Difference">The claim's sum, such as of the row that should be above less the other: paired by seed and prompt, for a
/// judge's accuracy by seed and pair.</param>
/// <param name="Values">What it is the mean of.</param>
public sealed record TestedClaim(PaperClaim Claim, Estimate Difference, int Values)
{
    public bool Holds => Difference.Mean > -Claim.Margin;

    /// <summary>Whether its interval is wholly on one side of zero, or of the margin below it; a single value has none.</summary>
    public bool IsClear => Values > 1 && (Difference.Low > -Claim.Margin || Difference.High < -Claim.Margin);
}

/// <summary>A table of the paper with its figures and ours.</summary>
/// <param name="Seconds">Of all runs that it needs, over the seeds. Tables share runs.</param>
public sealed record ReproducedTable(PaperTable Table, IReadOnlyList<TableRow> Rows, IReadOnlyList<TestedClaim> Claims, double Seconds)
{
    /// <summary>Why findings of the paper came out otherwise, as far as it is known.</summary>
    public IEnumerable<string> Reasons => Claims.Where(c => !c.Holds && c.Claim.Otherwise.Length > 0).Select(c => c.Claim.Otherwise)
        .Distinct();
}

/// <summary>Turns what was measured into the paper's tables.</summary>
public static class TableFigures
{
    private const int AgreementSteps = 10;

    private static readonly JsonSerializerOptions Json = new()
    {
        WriteIndented = true,
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        Converters = { new SnakeCaseEnums() },
    };

    /// <param name="measured">The cell's stage, seed by seed.</param>
    /// <param name="baseline">The SFT model's answers, seed by seed, that win rates are against.</param>
    /// <param name="seconds">Of all runs that the table needs.</param>
    public static ReproducedTable Of(PaperTable table, Func<PaperCell, IReadOnlyList<MeasuredStage>> measured,
        IReadOnlyList<MeasuredAnswers> baseline, double seconds)
    {
        var claims = table.Claims.Select(Test).ToList();
        return new ReproducedTable(table, [.. table.Cells.Select(Row)], claims, seconds);

        PaperCell CellOf(PaperMetric metric, string row) => table.Cells.Single(c => c.Metric == metric && c.Row == row);

        TestedClaim Test(PaperClaim claim)
        {
            var terms = claim.Terms.Select(t => (t.Weight, Values: Values(CellOf(claim.Metric, t.Row)))).ToList();
            IReadOnlyList<IReadOnlyList<double>> sums = [
                .. terms[0].Values.Select((ofSeed, seed) =>
                (IReadOnlyList<double>)[.. ofSeed.Select((_, i) => terms.Sum(t => t.Weight * t.Values[seed][i]))])];
            return new TestedClaim(claim, Estimate.OfCrossed(sums), sums.Sum(v => v.Count));
        }

        // By seed, and by prompt or pair where there are any.
        IReadOnlyList<IReadOnlyList<double>> Values(PaperCell cell) =>
            [.. measured(cell).Zip(baseline, (stage, sft) => (IReadOnlyList<double>)(cell.Metric switch
        {
            PaperMetric.JudgeAccuracy => stage.Judged,
            PaperMetric.WinRate => [.. stage.Answers[cell.Samples].Gold.Zip(sft.Gold, WinRate.Compare)],
            PaperMetric.Length => stage.Answers[cell.Samples].Length,
            PaperMetric.Repetition => stage.Answers[cell.Samples].Repetition,
            PaperMetric.FirstAgreement => [stage.Agreement.Take(AgreementSteps).Average()],
            _ => [stage.Agreement.TakeLast(AgreementSteps).Average()],
        }))];

        TableRow Row(PaperCell cell)
        {
            var values = Values(cell);
            var estimate = Estimate.OfCrossed(values);
            var stages = measured(cell);
            // Two or three seeds make wide intervals; a share has no more room than it has.
            var (low, high) = cell.Metric == PaperMetric.Length ? (estimate.Low, estimate.High)
                : (Math.Max(0, estimate.Low), Math.Min(1, estimate.High));
            var about = claims.Where(c => c.Claim.Metric == cell.Metric && c.Claim.Terms.Any(t => t.Row == cell.Row)).ToList();
            return new TableRow(table.Id, cell.Row, cell.Metric, cell.Paper / 100, estimate.Mean,
                values.Sum(v => v.Count) > 1 ? [low, high] : null, stages.Count, about.Count == 0 ? null : about.TrueForAll(c => c.Holds),
                stages[0].Budget, stages.Average(s => s.Seconds));
        }
    }

    /// <summary>The content of <c>tables.json</c>.</summary>
    public static string ToJson(IEnumerable<ReproducedTable> tables) => JsonSerializer.Serialize(tables.SelectMany(t => t.Rows), Json);
}
