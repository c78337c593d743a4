using SelfJudge.Preferences.Evaluation;
using SelfJudge.Preferences.Judging;
using SelfJudge.Preferences.Recipes;
using Spectre.Console;

namespace SelfJudge.Client;

/// <summary>Prints what a run came to.</summary>
internal static class ResultView
{
    private const int ShownExamples = 3;

    public static void Print(RunResult result, string folder, string report)
    {
        if (result.Policies.Count > 0)
        {
            AnsiConsole.Write(Policies(result));
            // Under the oracle's wide table it is the caption.
            if (result.EvaluationJudge is { Name: not JudgeRef.Oracle.Word } judged)
                Console.WriteLine($"{result.Policies[0].NPrompts} held-out prompts, judged by {judged.Description}; win rate against "
                    + $"{Baseline(result)}, ties as half");
            if (result.EvaluationJudge is { InconsistentRate: { } share } inconsistent)
            {
                var decided = inconsistent.InconsistentPairs == InconsistentPairs.Mean
                    ? "the mean over both orders decides them" : "they are ties";
                Console.WriteLine($"inconsistent: on {share * 100:0.0} % of the {inconsistent.Judged} pairs judged the two orders "
                    + $"disagree; {decided}");
            }
        }
        foreach (var example in result.Examples.Take(ShownExamples))
        {
            Console.WriteLine();
            AnsiConsole.MarkupLineInterpolated($"[bold]{example.Prompt}[/]");
            foreach (var answer in example.Answers)
                AnsiConsole.MarkupLineInterpolated(
                    $"  [grey]{answer.Policy,-28}[/] {(answer.Gold is { } gold ? $"{gold:0.00}  " : "")}{answer.Answer}");
        }
        if (result.Examples.Count > 0)
            Console.WriteLine();
        foreach (var judge in result.Judges)
        {
            var principles = (judge.AccuracyByPrinciple ?? new Dictionary<string, double>())
                .Select(p => $"; {p.Key.Replace('_', ' ')} {p.Value:0.000}");
            Console.WriteLine($"judge {judge.Stage}: accuracy {judge.Accuracy:0.000} on held-out pairs, swap consistency "
                + $"{judge.SwapConsistency:0.000}{string.Concat(principles)}");
        }
        foreach (var check in result.JudgeChecks)
            Console.WriteLine($"{check.Stage} learned from {check.Judge}: accuracy {check.Accuracy:0.000} "
                + $"({check.AccuracyCi95[0]:0.000}–{check.AccuracyCi95[1]:0.000}) on {check.Pairs} held-out pairs before training, swap "
                + $"consistency {check.SwapConsistency:0.000}{(check.Warning is null ? "" : $"; warning: {check.Warning}")}");
        foreach (var value in result.Health.Where(h => !h.IsHealthy))
            Console.WriteLine($"suspicious: {value.Stage}, {value.Measure}: {value.Value:0.000}, where healthy is {value.Healthy}");
        var t = result.Triplets;
        if (t != new TripletResult(0, 0, 0, 0, 0))
            Console.WriteLine($"triplets: {t.Made} made, {t.Trained} trained, {t.IdenticalSkipped} identical skipped, "
                + $"{(t.InconsistentSkipped > 0 ? $"{t.InconsistentSkipped} inconsistent skipped, " : "")}{t.StaleRefused} stale refused, "
                + $"{t.DuplicatesDropped} duplicates dropped");
        Console.WriteLine($"total {result.TotalSeconds:0} s; everything is in {folder}");
        Console.WriteLine($"report: {report}");
    }

    /// <summary>Prints what several seeds came to.</summary>
    public static void Print(SeedsResult result)
    {
        var table = new Table().Border(TableBorder.Simple).AddColumn("policy");
        foreach (var column in new[] { "gold", "95 %", "win rate", "95 %", "length", "repetition" })
            table.AddColumn(new TableColumn(column).RightAligned().NoWrap());
        foreach (var p in result.Policies)
            table.AddRow(Markup.Escape(p.Name), $"{p.GoldMean.Mean:0.000}", $"{p.GoldMean.Low:0.000}–{p.GoldMean.High:0.000}",
                $"{p.WinRate.Mean * 100:0.0} %", $"{p.WinRate.Low * 100:0.0}–{p.WinRate.High * 100:0.0}", $"{p.MeanLength.Mean:0.0}",
                $"{p.Repetition.Mean:0.000}");
        AnsiConsole.Write(table.Caption($"means over the seeds {string.Join(", ", result.Seeds)}, with Student's intervals over them"));
        if (result.JudgeAccuracy is { } judge)
            Console.WriteLine($"judge accuracy {judge.Mean:0.000} ({judge.Low:0.000}–{judge.High:0.000})");
        Console.WriteLine($"seconds per run {result.TotalSeconds.Mean:0} ({result.TotalSeconds.Low:0}–{result.TotalSeconds.High:0})");
    }

    private static string Baseline(RunResult result) =>
        EvaluationRecipe.Called(RecipeFile.ParseOfRun(result.Recipe, "recipe").Evaluation!.Baseline!);

    private static Table Policies(RunResult result)
    {
        var table = new Table().Border(TableBorder.Simple).AddColumn("policy");
        var hasGold = result.Policies[0].GoldMean is not null;
        foreach (var column in hasGold ? ["gold", "helpful", "honest", "follows", "truthful", "win rate", "95 %", "length", "repetition"]
            : new[] { "win rate", "95 %", "length", "repetition" })
            table.AddColumn(new TableColumn(column).RightAligned().NoWrap());
        foreach (var p in result.Policies)
            table.AddRow([Markup.Escape(p.Name), .. hasGold ? new[] { $"{p.GoldMean:0.000}" } : [],
                .. p.GoldByPrinciple.Values.Select(v => $"{v:0.000}"), $"{p.WinRate * 100:0.0} %",
                $"{p.WinRateCi95[0] * 100:0.0}–{p.WinRateCi95[1] * 100:0.0}", $"{p.MeanLength:0.0}", $"{p.Repetition:0.000}"]);
        return result.EvaluationJudge is { Name: not JudgeRef.Oracle.Word } ? table
            : table.Caption(
            $"{result.Policies[0].NPrompts} held-out prompts, gold oracle; "
                + $"win rate against {Markup.Escape(Baseline(result))}, ties as half");
    }
}
