namespace SelfJudge.Preferences.Reproduction;

/// <summary>What a row of a table shows.</summary>
public enum PaperMetric
{
    /// <summary>Share of held-out prompts on which an answer beats that of the SFT model, ties as half. The paper's: wins on AlpacaEval against text-davinci-003, by GPT-4.</summary>
    WinRate,

    /// <summary>Accuracy on held-out pairs.</summary>
    JudgeAccuracy,

    /// <summary>Mean words of an answer.</summary>
    Length,

    /// <summary>Mean share of three-word sequences that occurred earlier in the same answer.</summary>
    Repetition,
}

/// <summary>How a metric is named and written.</summary>
public static class PaperMetrics
{
    public static string Label(this PaperMetric metric) => metric switch
    {
        PaperMetric.WinRate => "win rate, %",
        PaperMetric.JudgeAccuracy => "judge accuracy, %",
        PaperMetric.Length => "length, words",
        _ => "repetition, %",
    };

    public static string Show(this PaperMetric metric, double value) => metric == PaperMetric.Length ? $"{value:0.0}" : $"{value * 100:0.0}";
}

/// <summary>A cell of one of the paper's tables or figures, and what stands for it here.</summary>
/// <param name="Table">"1" to "9", or "figure 4", "figure 5".</param>
/// <param name="Row">What the row is called there.</param>
/// <param name="Paper">The paper's figure, in percent; null where a figure shows it without a number.</param>
/// <param name="Recipe">The recipe file, without its ending.</param>
/// <param name="Stage">The stage whose model is measured.</param>
/// <param name="Samples">Answers by a tournament of so many samples; 1 answers at once.</param>
public sealed record PaperCell(string Table, string Row, PaperMetric Metric, double? Paper, string Recipe, string Stage, int Samples = 1);

/// <summary>What the paper found of two rows: the first is above the second by a metric.</summary>
public sealed record PaperClaim(string Table, PaperMetric Metric, string Above, string Below);

/// <summary>A table or figure of the paper.</summary>
/// <param name="Finding">What the paper concludes from it.</param>
/// <param name="Departs">In what it is another thing here.</param>
public sealed record PaperTable(string Id, string Title, string Finding, string Departs, IReadOnlyList<PaperCell> Cells, IReadOnlyList<PaperClaim> Claims);

/// <summary>The comparisons of Lee et al. 2024, with its figures.</summary>
public static class PaperTables
{
    private static readonly int[] Tournaments = [1, 2, 4, 8, 16, 32];

    public static IReadOnlyList<PaperTable> All { get; } =
    [
        Table("1", "Self-Judge against its baselines", "Self-Judge is above every baseline.",
            "The paper's RSO has the JM as judge of the SFT model's samples, its RM methods a reward model of their own; so it is here.",
            [
                Win("SFT", 24.75, "sft", "SFT"),
                Win("DPO", 35.14, "dpo-sft", "DPO from SFT"),
                Win("RSO", 34.27, "rso", "RSO"),
                Win("ReST", 27.43, "rest", "ReST"),
                Win("RAFT", 32.50, "raft", "RAFT"),
                Win("RLHF", 33.46, "ppo", "PPO"),
                Win("Self-Judge", 44.88, "self-judge", "Self-Judge"),
            ],
            Above("Self-Judge", "SFT", "DPO", "RSO", "ReST", "RAFT", "RLHF")),
        Table("2", "Judges and what they were taught", "A judge that also learned to answer is above a judge alone and above a reward model; answers beyond the pairs help the policy, not the judge.",
            "The paper's further answers come from HH's online split, here from further prompts of the world.",
            [
                Accuracy("RM", 66.11, "rm", "RM"),
                Accuracy("JM, judgments alone", 66.49, "judge-only", "Judge only"),
                Accuracy("JM, JSFT", 68.32, "jsft", "JSFT"),
                Accuracy("JM, JSFT and further answers", 67.84, "jsft-extra", "JSFT extra"),
                Win("JM, JSFT", 5.78, "jsft", "JSFT"),
                Win("JM, JSFT and further answers", 20.26, "jsft-extra", "JSFT extra"),
            ],
            [
                new("", PaperMetric.JudgeAccuracy, "JM, JSFT", "JM, judgments alone"),
                new("", PaperMetric.JudgeAccuracy, "JM, JSFT", "RM"),
                new("", PaperMetric.JudgeAccuracy, "JM, JSFT", "JM, JSFT and further answers"),
                new("", PaperMetric.WinRate, "JM, JSFT and further answers", "JM, JSFT"),
            ]),
        Table("3", "RLHF by a judge's likelihood", "The likelihood of the judge token against a blank response is no reward: RLHF by it is below RLHF by a reward model.", "",
            [
                Win("RM", 33.46, "ppo", "PPO"),
                Win("JM, judgments alone", 26.18, "ppo-judge-only", "PPO by judge only"),
                Win("JM, JSFT", 29.63, "ppo-judge", "PPO by JM"),
            ],
            Above("RM", "JM, judgments alone", "JM, JSFT")),
        Table("4", "Offline, off-policy, on-policy", "With one and the same judge, on-policy learning is above off-policy, and that above offline.", "",
            [
                Win("Offline", 28.57, "dpo", "DPO"),
                Win("Off-policy", 32.03, "off-policy", "Off-policy"),
                Win("On-policy", 44.88, "self-judge", "Self-Judge"),
            ],
            [new("", PaperMetric.WinRate, "On-policy", "Off-policy"), new("", PaperMetric.WinRate, "Off-policy", "Offline")]),
        Table("5", "Principles and rationales", "Judging by principle adds to a judge, and rationales add to that.", "UltraFeedback's four principles are those of the world; its rationales are grades.",
            [
                Accuracy("RM", 79.9, "rm", "RM"),
                Accuracy("JM", 80.5, "jm", "JM"),
                Accuracy("JM-P", 81.6, "jm-p", "JM-P"),
                Accuracy("JM-PR", 84.0, "jm-pr", "JM-PR"),
                Win("JM", 67.4, "jm", "JM"),
                Win("JM-P", 59.3, "jm-p", "JM-P"),
                Win("JM-PR", 65.7, "jm-pr", "JM-PR"),
            ],
            [
                new("", PaperMetric.JudgeAccuracy, "JM", "RM"),
                new("", PaperMetric.JudgeAccuracy, "JM-P", "JM"),
                new("", PaperMetric.JudgeAccuracy, "JM-PR", "JM-P"),
                new("", PaperMetric.WinRate, "JM", "JM-P"),
                new("", PaperMetric.WinRate, "JM-PR", "JM-P"),
            ]),
        Table("6", "Self-rejection on top", "A tournament of 16 of its own answers adds to either model.", "",
            [
                Win("SFT", 68.99, "sft", "SFT"),
                Win("DPO", 80.25, "dpo-sft", "DPO from SFT"),
                Win("RSO", 77.67, "rso", "RSO"),
                Win("ReST", 72.95, "rest", "ReST"),
                Win("RAFT", 71.08, "raft", "RAFT"),
                Win("RLHF", 71.68, "ppo", "PPO"),
                Win("Self-Judge (JM)", 80.75, "self-judge", "Self-Judge"),
                Win("Self-Judge (JM), N = 16", 84.47, "self-judge", "Self-Judge", 16),
                Win("Self-Judge (JM-PR)", 79.98, "self-judge-pr", "Self-Judge PR"),
                Win("Self-Judge (JM-PR), N = 16", 88.39, "self-judge-pr", "Self-Judge PR", 16),
            ],
            [
                new("", PaperMetric.WinRate, "Self-Judge (JM), N = 16", "Self-Judge (JM)"),
                new("", PaperMetric.WinRate, "Self-Judge (JM-PR), N = 16", "Self-Judge (JM-PR)"),
                new("", PaperMetric.WinRate, "Self-Judge (JM-PR), N = 16", "Self-Judge (JM), N = 16"),
            ]),
        Table("8", "The size of the model", "A larger judge is a better one, and JSFT adds more to it.", "The paper compares 7 and 13 billion parameters; here are three sizes of the world's model.",
            [
                Accuracy("small, judgments alone", null, "size-small", "Judge only"),
                Accuracy("small, JSFT", null, "size-small", "JSFT"),
                Accuracy("medium, judgments alone", 66.11, "judge-only", "Judge only"),
                Accuracy("medium, JSFT", 67.84, "jsft", "JSFT"),
                Accuracy("large, judgments alone", 66.86, "size-large", "Judge only"),
                Accuracy("large, JSFT", 72.13, "size-large", "JSFT"),
            ],
            [
                new("", PaperMetric.JudgeAccuracy, "medium, JSFT", "small, JSFT"),
                new("", PaperMetric.JudgeAccuracy, "large, JSFT", "medium, JSFT"),
                new("", PaperMetric.JudgeAccuracy, "large, judgments alone", "medium, judgments alone"),
                new("", PaperMetric.JudgeAccuracy, "medium, JSFT", "medium, judgments alone"),
                new("", PaperMetric.JudgeAccuracy, "large, JSFT", "large, judgments alone"),
            ]),
        Table("9", "The policy as its own judge", "Judging by the policy as it changes is slightly worse than by the frozen model, and far above none.", "The oracle as judge, which the paper leaves to OAIF, is shown beside.",
            [
                Win("JM", 20.26, "jsft", "JSFT"),
                Win("judged by the policy", 42.38, "dynamic-judge", "Self-Judge dynamic"),
                Win("judged by the JM", 44.88, "self-judge", "Self-Judge"),
                Win("judged by the oracle", null, "oracle-judge", "OAIF"),
            ],
            [new("", PaperMetric.WinRate, "judged by the JM", "judged by the policy"), new("", PaperMetric.WinRate, "judged by the policy", "JM")]),
        new("figure 4", "Answers chosen from more and more samples", "With more samples the win rate rises, and JM-PR's answers get shorter and repeat less.", "",
            [.. from judge in new[] { (Row: "JM", Recipe: "jsft", Stage: "JSFT"), (Row: "JM-PR", Recipe: "jm-pr", Stage: "JM-PR") }
                from metric in new[] { PaperMetric.WinRate, PaperMetric.Length, PaperMetric.Repetition }
                from n in Tournaments
                select new PaperCell("figure 4", $"{judge.Row}, N = {n}", metric, null, judge.Recipe, judge.Stage, n)],
            [.. from judge in new[] { "JM", "JM-PR" } from n in Tournaments.Where(n => n is > 1 and <= 16) select new PaperClaim("figure 4", PaperMetric.WinRate, $"{judge}, N = {n}", $"{judge}, N = {n / 2}")]),
        new("figure 5", "Rounds of self-training", "Further rounds add less and less to the policy, and the judge keeps its accuracy.", "",
            [.. from round in Enumerable.Range(0, 4)
                let stage = round == 0 ? "JSFT" : $"Round {round}"
                from metric in new[] { PaperMetric.WinRate, PaperMetric.JudgeAccuracy }
                select new PaperCell("figure 5", round == 0 ? "JM" : $"round {round}", metric, null, "iterate", stage)],
            [new("figure 5", PaperMetric.WinRate, "round 1", "JM"), new("figure 5", PaperMetric.WinRate, "round 2", "round 1"), new("figure 5", PaperMetric.WinRate, "round 3", "round 2")]),
    ];

    private static PaperTable Table(string id, string title, string finding, string departs, IReadOnlyList<PaperCell> cells, IReadOnlyList<PaperClaim> claims) =>
        new(id, title, finding, departs, [.. cells.Select(c => c with { Table = id })], [.. claims.Select(c => c with { Table = id })]);

    private static PaperCell Win(string row, double? paper, string recipe, string stage, int samples = 1) => new("", row, PaperMetric.WinRate, paper, recipe, stage, samples);

    private static PaperCell Accuracy(string row, double? paper, string recipe, string stage) => new("", row, PaperMetric.JudgeAccuracy, paper, recipe, stage);

    private static PaperClaim[] Above(string above, params string[] below) => [.. below.Select(b => new PaperClaim("", PaperMetric.WinRate, above, b))];
}
