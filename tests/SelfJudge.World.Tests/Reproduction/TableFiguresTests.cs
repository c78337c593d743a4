using System.Text.Json;
using SelfJudge.Preferences.Statistics;
using SelfJudge.World.Reproduction;

namespace SelfJudge.World.Tests.Reproduction;

public sealed class TableFiguresTests
{
    private static MeasuredStage Stage(double accuracy, params double[] gold) =>
        new([accuracy, accuracy], new Dictionary<int, MeasuredAnswers> { [1] = new(gold, [5, 6], [0.1, 0]) },
            new Dictionary<string, double> { ["steps"] = 60 }, 10, [.. Enumerable.Repeat(0.9, 10), .. Enumerable.Repeat(0.6, 30)]);

    private static readonly PaperTable Table = new("1", "t", "f", "",
        [new("a", PaperMetric.WinRate, 44.88, "r", "A"), new("b", PaperMetric.WinRate, 25, "r", "B"),
            new("a", PaperMetric.JudgeAccuracy, null, "r", "A")],
        [PaperClaim.Above(PaperMetric.WinRate, "a", "b")]);

    private static readonly MeasuredAnswers[] Baseline = [new([0.5, 0.5], [5, 5], [0, 0]), new([0.5, 0.5], [5, 5], [0, 0])];

    [Fact]
    public void Rows_are_means_over_seeds_against_the_baseline_of_the_same_seed()
    {
        var table = TableFigures.Of(Table, cell =>
            cell.Stage == "A" ? [Stage(0.8, 0.9, 0.9), Stage(0.7, 0.9, 0.1)] : [Stage(0.5, 0.1, 0.5), Stage(0.5, 0.1, 0.1)], Baseline, 20);
        Assert.Equal([0.75, 0.125, 0.75], table.Rows.Select(r => r.Mean));
        Assert.Equal(0.4488, table.Rows[0].Paper!.Value, 12);
        Assert.Equal([true, true, null], table.Rows.Select(r => r.OrderingHolds));
        Assert.Equal(0.625, table.Claims.Single().Difference.Mean, 12);
        Assert.True(table.Claims.Single().Holds);
        Assert.Equal(60, table.Rows[0].Budget["steps"]);
        // Seeds' means 1 and 0.5: the interval goes far beyond what a share can be.
        Assert.Equal([0.0, 1.0], table.Rows[0].Ci95!);
    }

    [Fact]
    public void A_finding_that_came_out_the_other_way_is_said_of_both_rows()
    {
        var table = TableFigures.Of(Table, cell =>
            cell.Stage == "A" ? [Stage(0.8, 0.1, 0.1), Stage(0.7, 0.1, 0.1)] : [Stage(0.5, 0.9, 0.9), Stage(0.5, 0.9, 0.9)], Baseline, 20);
        Assert.Equal([false, false, null], table.Rows.Select(r => r.OrderingHolds));
        Assert.False(table.Claims.Single().Holds);
        Assert.True(table.Claims.Single().IsClear);
    }

    [Fact]
    public void Gains_that_shrink_and_accuracy_that_is_kept_by_hand()
    {
        PaperCell Cell(string row, PaperMetric metric) => new(row, metric, null, "r", row);
        var table = new PaperTable("t", "", "", "",
            [.. from row in new[] { "a", "b", "c" } from metric
            in new[] { PaperMetric.WinRate, PaperMetric.JudgeAccuracy } select Cell(row, metric)],
            [
                PaperClaim.Shrinks(PaperMetric.WinRate, "a", "b", "c"), PaperClaim.Shrinks(PaperMetric.WinRate, "c", "b", "a"),
                PaperClaim.Keeps(PaperMetric.JudgeAccuracy, "b", "a", 0.03),
                    PaperClaim.Keeps(PaperMetric.JudgeAccuracy, "c", "a", 0.03, "because"),
            ]);
        // Win rates 0, 1 and 1; gains of 1 and 0, and the other way round of 0 and -1.
        var tested = TableFigures.Of(table, cell =>
            [cell.Stage switch { "a" => Stage(0.9, 0.1, 0.1), "b" => Stage(0.88, 0.9, 0.9), _ => Stage(0.8, 0.9, 0.9) }], [Baseline[0]], 0);
        Assert.Equal([1, 1, -0.02, -0.1], tested.Claims.Select(c => Math.Round(c.Difference.Mean, 12)));
        Assert.Equal([true, true, true, false], tested.Claims.Select(c => c.Holds));
        Assert.Equal(["because"], tested.Reasons);
    }

    // The interval of a difference of zero goes far to both sides of it, but not as far down as the wide margin.
    [Theory]
    [InlineData(0.03, false)]
    [InlineData(3, true)]
    public void What_is_kept_within_a_margin_is_clear_by_the_margin(double margin, bool isClear)
    {
        var table = new PaperTable("t", "", "", "",
            [new("a", PaperMetric.JudgeAccuracy, null, "r", "A"), new("b", PaperMetric.JudgeAccuracy, null, "r", "B")],
            [PaperClaim.Keeps(PaperMetric.JudgeAccuracy, "b", "a", margin)]);
        var tested = TableFigures.Of(table, cell =>
            [Stage(0, 0.5, 0.5) with { Judged = cell.Stage == "A" ? [0.9, 0.8] : [0.8, 0.9] }], [Baseline[0]], 0).Claims.Single();
        Assert.Equal((0, true, isClear), (Math.Round(tested.Difference.Mean, 12), tested.Holds, tested.IsClear));
    }

    [Fact]
    public void The_json_has_the_keys_of_its_rows()
    {
        var table = TableFigures.Of(Table, _ => [Stage(0.8, 0.9, 0.9), Stage(0.7, 0.9, 0.1)], Baseline, 20);
        using var json = JsonDocument.Parse(TableFigures.ToJson([table]));
        Assert.Equal(3, json.RootElement.GetArrayLength());
        var row = json.RootElement[0];
        Assert.Equal(["table", "row", "metric", "paper", "mean", "ci95", "seeds", "ordering_holds", "budget", "seconds"],
            row.EnumerateObject().Select(p => p.Name));
        Assert.Equal(("win_rate", 2, 2), (row.GetProperty("metric").GetString(), row.GetProperty("ci95").GetArrayLength(),
            row.GetProperty("seeds").GetInt32()));
    }

    [Fact]
    public void A_crossed_interval_by_hand()
    {
        // Seeds' means 1 and 3: variance 2 over 2. Prompts' means 1, 2, 3: variance 1 over 3. (4/3)² / (1 + 1/18) degrees.
        var estimate = Estimate.OfCrossed([[0, 1, 2], [2, 3, 4]]);
        Assert.Equal(2, estimate.Mean, 12);
        var degrees = 16.0 / 9 / (1 + 1 / 18.0);
        var half = MathNet.Numerics.Distributions.StudentT.InvCDF(0, 1, degrees, 0.975) * Math.Sqrt(4 / 3.0);
        Assert.Equal(half, estimate.High - 2, 9);
        Assert.Equal(half, 2 - estimate.Low, 9);
    }

    [Fact]
    public void One_seed_leaves_the_prompts_and_one_value_the_seeds()
    {
        Assert.Equal(Estimate.OfFew([1, 2, 4, 5]), Estimate.OfCrossed([[1, 2, 4, 5]]));
        Assert.Equal(Estimate.OfFew([1, 2, 4]), Estimate.OfCrossed([[1], [2], [4]]));
        Assert.Equal(new Estimate(3, 3, 3), Estimate.OfCrossed([[3, 3], [3, 3]]));
    }

    [Fact]
    public void Every_finding_names_rows_that_its_table_has()
    {
        Assert.All(PaperTables.All, t => Assert.All(t.Claims, c =>
        {
            Assert.All(c.Terms, term => Assert.Single(t.Cells, x => x.Row == term.Row && x.Metric == c.Metric));
            Assert.Equal(0, c.Terms.Sum(term => term.Weight));
        }));
    }
}
