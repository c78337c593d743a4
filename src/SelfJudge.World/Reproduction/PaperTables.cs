
namespace SelfJudge.World.Reproduction;

/// <summary>What a row of a table shows.</summary>
public enum PaperMetric
{
    /// <summary>Share of held-out prompts on which an answer beats that of the SFT model, ties as half. The paper's: wins on AlpacaEval
    /// against text-davinci-003, by GPT-4.</summary>
    WinRate,

    /// <summary>Accuracy on held-out pairs.</summary>
    JudgeAccuracy,

    /// <summary>Mean words of an answer.</summary>
    Length,

    /// <summary>Mean share of three-word sequences that occurred earlier in the same answer.</summary>
    Repetition,

    /// <summary>Share of training's preferences that the oracle shares, of those where it has one, in a stage's first ten steps. The paper
    /// has none of it.</summary>
    FirstAgreement,

    /// <summary>The same in its last ten.</summary>
    LastAgreement,
}

/// <summary>How a metric is named and written.</summary>
public static class PaperMetrics
{
    public static string Label(this PaperMetric metric) => metric switch
    {
        PaperMetric.WinRate => "win rate, %",
        PaperMetric.JudgeAccuracy => "judge accuracy, %",
        PaperMetric.Length => "length, words",
        PaperMetric.Repetition => "repetition, %",
        PaperMetric.FirstAgreement => "oracle agrees, first ten steps, %",
        _ => "oracle agrees, last ten steps, %",
    };

    public static string Show(this PaperMetric metric, double value) =>
        metric == PaperMetric.Length ? $"{value:0.0}" : $"{value * 100:0.0}";

    /// <summary>An interval; nothing where there is none.</summary>
    public static string Show(this PaperMetric metric, IReadOnlyList<double>? interval) =>
        interval is null ? "" : $"{metric.Show(interval[0])} to {metric.Show(interval[1])}";
}

/// <summary>A cell of one of the paper's tables or figures, and what stands for it here.</summary>
/// <param name="Row">What the row is called there.</param>
/// <param name="Paper">The paper's figure, in percent; null where a figure shows it without a number.</param>
/// <param name="Recipe">The recipe file, without its ending.</param>
/// <param name="Stage">The stage whose model is measured.</param>
/// <param name="Samples">Answers by a tournament of so many samples; 1 answers at once.</param>
public sealed record PaperCell(string Row, PaperMetric Metric, double? Paper, string Recipe, string Stage, int Samples = 1);

/// <summary>What the paper found of some rows of a table: a sum over them, and a margin, is above zero.</summary>
/// <param name="Terms">Rows by their weights in the sum.</param>
/// <param name="Otherwise">Where it comes out otherwise here: why, as far as it is known.</param>
public sealed record PaperClaim(PaperMetric Metric, string Statement, IReadOnlyList<(double Weight, string Row)> Terms, double Margin = 0,
    string Otherwise = "")
{
    /// <summary>One row is above another.</summary>
    public static PaperClaim Above(PaperMetric metric, string above, string below, string otherwise = "") =>
        new(metric, $"{above} above {below}", [(1, above), (-1, below)], 0, otherwise);

    /// <summary>One row is not below another by more than a margin.</summary>
    public static PaperClaim Keeps(PaperMetric metric, string row, string reference, double margin, string otherwise = "") =>
        new(metric, $"{row} within {margin * 100:0} points of {reference}", [(1, row), (-1, reference)], margin, otherwise);

    /// <summary>From the second row to the third it goes up less than from the first to the second.</summary>
    public static PaperClaim Shrinks(PaperMetric metric, string first, string second, string third, string otherwise = "") =>
        new(metric, $"from {second} to {third} less than from {first} to {second}", [(-1, first), (2, second), (-1, third)], 0, otherwise);
}

/// <summary>A table or figure of the paper.</summary>
/// <param name="Finding">What the paper concludes from it.</param>
/// <param name="Departs">In what it is another thing here.</param>
public sealed record PaperTable(string Id, string Title, string Finding, string Departs, IReadOnlyList<PaperCell> Cells,
    IReadOnlyList<PaperClaim> Claims)
{
    /// <summary>"Table 1", "Figure 4".</summary>
    public string Name => Id.StartsWith("figure", StringComparison.Ordinal) ? "Figure" + Id[6..] : "Table " + Id;
}

/// <summary>The comparisons of Lee et al. 2024, with its figures.</summary>
public static class PaperTables
{
    private static readonly int[] Tournaments = [1, 2, 4, 8, 16, 32];

    private const string
        EightSamples = "A reward model is about as good a judge as the JM here (tables 2 and 5), and RSO, ReST and RAFT choose among "
            + "eight samples for each prompt where Self-Judge has two. On validation prompts, with two samples as well, RAFT (mean gold "
            + "score 91.6 %) is below Self-Judge (92.5 %), RSO level with it (92.9 %) and ReST still above (94.1 %). Three rounds of "
            + "self-training come about as far (figure 5), with three quarters of their samples, but three times the prompts and steps.",
        Fooled = "Towards the end of training the oracle shares fewer of the judge's preferences between the policy's own samples than at "
            + "its beginning (in the rows above): what the policy has learned is in part what its judge takes for good, and among 16 "
            + "samples the judge finds it. Of the JSFT model's samples, which were not trained against it, it chooses well up to N = 32 "
            + "(figure 4).",
        OneLanguage = "The paper lays its own finding to the distance between the two sets of answers. Here both are sentences of one "
            + "small language, probably too near to each other for that.",
        SameTraining = "All sizes have the medium one's steps and learning rates; another size may need others.",
        NearTheTop = "The world's pairs are easy for the large model: judgments alone bring it near to what any judge here reaches (table "
            + "5), and little is left for JSFT to add; the medium one's judgments alone differ most from seed to seed.",
        SameJudge = "The policy's accuracy as a judge hardly changes in training (figure 5), so that it prefers much the same as the "
            + "frozen model.",
        LongerIsBetter = "In this world an opener, a closer and a true further fact add to an answer's helpfulness: better answers are "
            + "longer.",
        FewRepetitions = "Both repeat next to nothing at N = 16.",
        FewerShared = "Of the preferences that later rounds learn, the oracle shares fewer (in the rows above).";

    public static IReadOnlyList<PaperTable> All { get; } =
    [
        Table("1", "Self-Judge against its baselines", "Self-Judge is above every baseline.",
            "RSO has the JM as judge of the SFT model's samples, ReST, RAFT and RLHF a reward model, as in the paper. Its SFT model and "
                + "its JM learned further answers too (table 2), here those of the pairs.",
            [
                Win("SFT", 24.75, "sft", "SFT"),
                Win("DPO", 35.14, "dpo-sft", "DPO from SFT"),
                Win("RSO", 34.27, "rso", "RSO"),
                Win("ReST", 27.43, "rest", "ReST"),
                Win("RAFT", 32.50, "raft", "RAFT"),
                Win("RLHF", 33.46, "ppo", "PPO"),
                Win("Self-Judge", 44.88, "self-judge", "Self-Judge"),
            ],
            [.. Above("Self-Judge", "SFT", "DPO", "RLHF"),
                .. Above("Self-Judge", "RSO", "ReST", "RAFT").Select(c => c with { Otherwise = EightSamples })]),
        Table("2", "Judges and what they were taught",
            "A judge that also learned to answer is above a judge alone and above a reward model; answers beyond the pairs help the "
            + "policy, not the judge.",
            "The paper's further answers are those of HH's online split, which an aligned model wrote; here a better writer than that of "
                + "the pairs wrote them.",
            [
                Accuracy("RM", 66.11, "rm", "RM"),
                Accuracy("JM, judgments alone", 66.49, "judge-only", "Judge only"),
                Accuracy("JM, JSFT", 68.32, "jsft", "JSFT"),
                Accuracy("JM, JSFT and further answers", 67.84, "jsft-extra", "JSFT extra"),
                Win("JM, JSFT", 5.78, "jsft", "JSFT"),
                Win("JM, JSFT and further answers", 20.26, "jsft-extra", "JSFT extra"),
            ],
            [
                PaperClaim.Above(PaperMetric.JudgeAccuracy, "JM, JSFT", "JM, judgments alone"),
                PaperClaim.Above(PaperMetric.JudgeAccuracy, "JM, JSFT", "RM"),
                PaperClaim.Above(PaperMetric.JudgeAccuracy, "JM, JSFT", "JM, JSFT and further answers", OneLanguage),
                PaperClaim.Above(PaperMetric.WinRate, "JM, JSFT and further answers", "JM, JSFT"),
            ]),
        Table("3", "RLHF by a judge's likelihood",
            "The likelihood of the judge token against a blank response is no reward: RLHF by it is below RLHF by a reward model.",
            "The paper's third JM, with further answers (28.5), is left out.",
            [
                Win("RM", 33.46, "ppo", "PPO"),
                Win("JM, judgments alone", 26.18, "ppo-judge-only", "PPO by judge only"),
                Win("JM, JSFT", 29.63, "ppo-judge", "PPO by JM"),
            ],
            Above("RM", "JM, judgments alone", "JM, JSFT")),
        Table("4", "Offline, off-policy, on-policy",
            "With one and the same judge, on-policy learning is above off-policy, and that above offline.", "",
            [
                Win("Offline", 28.57, "dpo", "DPO"),
                Win("Off-policy", 32.03, "off-policy", "Off-policy"),
                Win("On-policy", 44.88, "self-judge", "Self-Judge"),
            ],
            [PaperClaim.Above(PaperMetric.WinRate, "On-policy", "Off-policy"),
                PaperClaim.Above(PaperMetric.WinRate, "Off-policy", "Offline")]),
        Table("5", "Principles and rationales", "Judging by principle adds to a judge, and rationales add to that.",
            "UltraFeedback's four principles are those of the world; its rationales are grades.",
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
                PaperClaim.Above(PaperMetric.JudgeAccuracy, "JM", "RM"),
                PaperClaim.Above(PaperMetric.JudgeAccuracy, "JM-P", "JM"),
                PaperClaim.Above(PaperMetric.JudgeAccuracy, "JM-PR", "JM-P"),
                PaperClaim.Above(PaperMetric.WinRate, "JM", "JM-P"),
                PaperClaim.Above(PaperMetric.WinRate, "JM-PR", "JM-P"),
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
                .. Agreement("Self-Judge (JM)", "self-judge", "Self-Judge"),
                .. Agreement("Self-Judge (JM-PR)", "self-judge-pr", "Self-Judge PR"),
            ],
            [
                PaperClaim.Above(PaperMetric.WinRate, "Self-Judge (JM), N = 16", "Self-Judge (JM)", Fooled),
                PaperClaim.Above(PaperMetric.WinRate, "Self-Judge (JM-PR), N = 16", "Self-Judge (JM-PR)", Fooled),
                PaperClaim.Above(PaperMetric.WinRate, "Self-Judge (JM-PR), N = 16", "Self-Judge (JM), N = 16"),
            ]),
        Table("8", "The size of the model", "A larger judge is a better one, and JSFT adds more to it.",
            "The paper compares 7 and 13 billion parameters; here are three sizes of the world's model, the large one of about twice the "
            + "medium one's parameters. The paper's JSFT judges learned further answers too, these did not.",
            [
                Accuracy("small, judgments alone", null, "size-small", "Judge only"),
                Accuracy("small, JSFT", null, "size-small", "JSFT"),
                Accuracy("medium, judgments alone", 66.11, "judge-only", "Judge only"),
                Accuracy("medium, JSFT", 67.84, "jsft", "JSFT"),
                Accuracy("large, judgments alone", 66.86, "size-large", "Judge only"),
                Accuracy("large, JSFT", 72.13, "size-large", "JSFT"),
            ],
            [
                PaperClaim.Above(PaperMetric.JudgeAccuracy, "medium, JSFT", "small, JSFT"),
                PaperClaim.Above(PaperMetric.JudgeAccuracy, "large, JSFT", "medium, JSFT", SameTraining),
                PaperClaim.Above(PaperMetric.JudgeAccuracy, "large, judgments alone", "medium, judgments alone", SameTraining),
                PaperClaim.Above(PaperMetric.JudgeAccuracy, "medium, JSFT", "medium, judgments alone"),
                PaperClaim.Above(PaperMetric.JudgeAccuracy, "large, JSFT", "large, judgments alone"),
                new(PaperMetric.JudgeAccuracy, "JSFT adds more to large than to medium",
                    [(1, "large, JSFT"), (-1, "large, judgments alone"), (-1, "medium, JSFT"), (1, "medium, judgments alone")], 0,
                    NearTheTop),
            ]),
        Table("9", "The policy as its own judge",
            "Judging by the policy as it changes is slightly worse than by the frozen model, and far above none.",
            "The paper's JM learned further answers too, this one did not. The oracle as judge, which the paper leaves to OAIF, is shown "
            + "beside; it is also what measures.",
            [
                Win("JM", 20.26, "jsft", "JSFT"),
                Win("judged by the policy", 42.38, "dynamic-judge", "Self-Judge dynamic"),
                Win("judged by the JM", 44.88, "self-judge", "Self-Judge"),
                Win("judged by the oracle", null, "oracle-judge", "OAIF"),
            ],
            [PaperClaim.Above(PaperMetric.WinRate, "judged by the JM", "judged by the policy", SameJudge),
                PaperClaim.Above(PaperMetric.WinRate, "judged by the policy", "JM")]),
        new("figure 4", "Answers chosen from more and more samples",
            "With more samples the win rate rises; JM-PR's answers get shorter and repeat less, and are shorter and repeat less than JM's.",
            "",
            [.. from judge in new[] { (Row: "JM", Recipe: "jsft", Stage: "JSFT"), (Row: "JM-PR", Recipe: "jm-pr", Stage: "JM-PR") }
                from metric in new[] { PaperMetric.WinRate, PaperMetric.Length, PaperMetric.Repetition }
                from n in Tournaments
                select new PaperCell($"{judge.Row}, N = {n}", metric, null, judge.Recipe, judge.Stage, n)],
            [.. from judge in new[] { "JM", "JM-PR" } from n in Tournaments.Where(n =>
                n is > 1 and <= 16) select PaperClaim.Above(PaperMetric.WinRate, $"{judge}, N = {n}", $"{judge}, N = {n / 2}"),
                PaperClaim.Above(PaperMetric.Length, "JM-PR, N = 1", "JM-PR, N = 16", LongerIsBetter),
                    PaperClaim.Above(PaperMetric.Repetition, "JM-PR, N = 1", "JM-PR, N = 16"),
                PaperClaim.Above(PaperMetric.Length, "JM, N = 16", "JM-PR, N = 16"),
                    PaperClaim.Above(PaperMetric.Repetition, "JM, N = 16", "JM-PR, N = 16", FewRepetitions)]),
        new("figure 5", "Rounds of self-training", "Further rounds add less and less to the policy, and the judge keeps its accuracy.",
            "The paper's rounds begin with JM-PR, these with the JM.",
            [.. from round in Enumerable.Range(0, 4)
                let stage = round == 0 ? "JSFT" : $"Round {round}"
                from metric in new[] { PaperMetric.WinRate, PaperMetric.JudgeAccuracy }
                select new PaperCell(round == 0 ? "JM" : $"round {round}", metric, null, "iterate", stage),
                .. from round in Enumerable.Range(1, 3)
                from cell in Agreement($"round {round}", "iterate", $"Round {round}")
                select cell],
            [
                PaperClaim.Above(PaperMetric.WinRate, "round 1", "JM"),
                PaperClaim.Above(PaperMetric.WinRate, "round 2", "round 1", FewerShared),
                PaperClaim.Above(PaperMetric.WinRate, "round 3", "round 2", FewerShared),
                PaperClaim.Shrinks(PaperMetric.WinRate, "JM", "round 1", "round 2"),
                PaperClaim.Shrinks(PaperMetric.WinRate, "round 1", "round 2", "round 3"),
                PaperClaim.Keeps(PaperMetric.JudgeAccuracy, "round 3", "JM", 0.03),
            ]),
    ];

    private static PaperTable Table(string id, string title, string finding, string departs, IReadOnlyList<PaperCell> cells,
        IReadOnlyList<PaperClaim> claims) =>
        new(id, title, finding, departs, cells, claims);

    private static PaperCell Win(string row, double? paper, string recipe, string stage, int samples = 1) =>
        new(row, PaperMetric.WinRate, paper, recipe, stage, samples);

    private static PaperCell Accuracy(string row, double? paper, string recipe, string stage) =>
        new(row, PaperMetric.JudgeAccuracy, paper, recipe, stage);

    // How well the judge that trains the stage sees the policy's own samples.
    private static IEnumerable<PaperCell> Agreement(string row, string recipe, string stage) =>
        [new(row, PaperMetric.FirstAgreement, null, recipe, stage), new(row, PaperMetric.LastAgreement, null, recipe, stage)];

    private static PaperClaim[] Above(string above, params string[] below) =>
        [.. below.Select(b => PaperClaim.Above(PaperMetric.WinRate, above, b))];
}
