using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using SelfJudge.Preferences.Evaluation;
using SelfJudge.Preferences.Judging;
using SelfJudge.Preferences.Methods;
using SelfJudge.Preferences.Recipes;
using SelfJudge.Runs.Logs;
using SelfJudge.Runs.Reporting;

namespace SelfJudge.Runs.Tests.Reporting;

public sealed class HtmlReportTests
{
    private const string Evil = "<script>alert(\"1\")</script>";

    private static readonly Dictionary<string, double> Figures = new()
    {
        ["loss"] = 0.6,
        ["loss/response"] = 1.5,
        ["loss/judge_token"] = 0.7,
        ["judge/accuracy"] = 0.8,
        ["rewards/margins"] = 0.2,
        ["logps/chosen"] = -9,
        ["objective/kl"] = 0.1,
        ["objective/entropy"] = 0.9,
        ["completions/identical_ratio"] = 0.2,
        ["judge/swap_consistency"] = 0.9,
        ["judge/position_bias"] = 0.01,
        ["judge/tie_rate"] = 0.02,
        ["judge/ab_mass"] = 0.99,
    };

    [Fact]
    public void Every_section_of_a_full_result_is_there()
    {
        var html = HtmlReport.Render(Result("which bird ?"), Metrics());
        Assert.Equal(["Policies", "Judges", "Learning", "Health", "Self-rejection by tournament", "Sampled triplets",
            "Answers side by side", "Stages", "Settings"], Regex.Matches(html, "<h2>(.*?)</h2>").Select(m => m.Groups[1].Value));
        foreach (var chart in new[] { "Loss on responses", "Judge accuracy on held-out pairs", "Preference loss", "Reward margin",
            "Log-probability of chosen", "KL from the reference", "Entropy of the policy", "Identical samples", "Gold score",
            "Length of the answer" })
            Assert.Contains($"<h3>{chart}", html);
        Assert.Contains("<td>62.5 %", html);
        Assert.Contains("Self-Judge learned from JSFT. Before its first step that was measured on 200 held-out pairs, in 0.5 s: accuracy "
            + "0.520 (95 % 0.451–0.588), swap consistency 0.040, position bias +0.440, ties 0.020. <b>Warning: it knows nothing.</b>",
            html);
        Assert.Contains("<td>Self-Judge<td class=text>identical samples<td>0.500<td class=text>at most 0.333<td "
            + "class=text><b>suspicious</b></tr>", html);
        Assert.Contains("<td>Self-Judge<td class=text>margin<td>0.100<td class=text>above 0<td class=text>healthy</tr>", html);
        Assert.Contains("Self-Judge, step 4: chosen<td class=text>which bird ?<td>0.70 ≠</tr><tr><td class=soft>rejected<td "
            + "class=text>which bird ?<td>0.20</tr>", html);
        Assert.Contains("Triplets: 1,200 made, 1,100 trained on, 60 refused as stale, 40 matches between identical samples skipped, 7 "
            + "duplicates dropped.", html);
        Assert.Contains("The tournament of “which bird ?” among 4 samples of Self-Judge", html);
        Assert.EndsWith("</body></html>", html);
    }

    [Fact]
    public void The_page_needs_nothing_but_itself()
    {
        var html = HtmlReport.Render(Result("which bird ?"), Metrics());
        Assert.DoesNotMatch("https?://", html);
        Assert.DoesNotMatch("<(script|link|img|iframe|object|embed)\\b", html);
        Assert.DoesNotMatch("@import|url\\(", html);
    }

    [Fact]
    public void Text_of_users_and_models_is_inert_wherever_it_stands()
    {
        var html = HtmlReport.Render(Result(Evil), [.. Metrics().Select(m => m with { Stage = m.Stage == "SFT" ? m.Stage : Evil })]);
        Assert.DoesNotContain("<script", html);
        Assert.DoesNotContain("alert(\"1\")", html);
        Assert.Contains("&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;", html);
    }

    // Each of its characters would end something: text, an attribute, a CDATA section, a title.
    private const string Hostile = "\"'><img src=x onerror=alert(1)>]]><script>&|`";

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Wherever_a_text_is_shown_it_is_shown_as_it_is_and_makes_no_element(bool hasJudges)
    {
        var (harmless, hostile) = (Page("harmless", hasJudges), Page(Hostile, hasJudges));
        Assert.Equal(Elements(harmless), Elements(hostile));
        Assert.Equal(Regex.Count(harmless, "harmless"),
            Regex.Count(hostile, Regex.Escape("&quot;&#39;&gt;&lt;img src=x onerror=alert(1)&gt;]]&gt;&lt;script&gt;&amp;|`")));
        Assert.DoesNotContain("<script", hostile, StringComparison.Ordinal);
        Assert.DoesNotContain("<img", hostile, StringComparison.Ordinal);
    }

    private static IEnumerable<string> Elements(string html) => Regex.Matches(html, "<[^<>\\s]+").Select(m => m.Value);

    // Every text of a result and of its recipe.
    private static string Page(string text, bool hasJudges)
    {
        var full = JsonNode.Parse((Result(text) with
        {
            EvaluationJudge = new EvaluationJudgeResult(text, text, false, 170, 0.91, -0.02, 0.97, 0.125, InconsistentPairs.Tie),
            Judges = hasJudges ? [new JudgeResult(text, 0.81, 0.92, -0.01, 0.03,
                0.99) { AccuracyByPrinciple = new Dictionary<string, double> { [text] = 0.75 } }] : [],
            Recipe = "",
        }).ToJson())!;
        Fill(full, text);
        var result = RunResult.FromJson(full.ToJsonString()) with
        {
            Recipe = RecipeFile.Render(new Recipe
            {
                Name = "report",
                Data = new DataRecipe { WorldPairs = 10 },
                Stages =
                [
                    new StageRecipe { Name = $"{text}1", Method = StageMethod.Jsft, Steps = 4, LearningRate = 1, JudgePairs = 1 },
                    new StageRecipe { Name = $"{text}2", Method = StageMethod.SelfJudge, From = $"{text}1", Steps = 4, LearningRate = 1,
                        Prompts = 1 },
                ],
                Evaluation = new EvaluationRecipe { Baseline = $"{text}1" },
            }),
        };
        var page = HtmlReport.Render(result,
            [.. from stage in new[] { 1, 2 } from step
            in Enumerable.Range(1, 4) select new MetricsRow(step, $"{text}{stage}", step, Figures)]);
        // YAML has spellings of its own for a text.
        return page[..page.IndexOf("<pre>", StringComparison.Ordinal)];
    }

    private static void Fill(JsonNode node, string text)
    {
        foreach (var child in (node is JsonObject o ? o.Where(p => p.Key != "inconsistent_pairs").Select(p => p.Value) : node.AsArray())
            .ToList())
            if (child is JsonValue value && value.GetValueKind() == JsonValueKind.String)
                value.ReplaceWith(text);
            else if (child is JsonObject or JsonArray)
                Fill(child, text);
    }

    [Fact]
    public void A_result_without_an_oracle_shows_the_judge_by_its_verdicts_in_training()
    {
        var html = HtmlReport.Render(Result("which bird ?") with
        {
            Policies = [],
            Judges = [],
            Rejection = [],
            Bracket = null,
            Examples = [],
            JudgeChecks = [],
            Health = [],
            SampledTriplets = []
        }, Metrics());
        Assert.Equal(["Judge", "Learning", "Stages", "Settings"], Regex.Matches(html, "<h2>(.*?)</h2>").Select(m => m.Groups[1].Value));
        Assert.Contains("<td>0.900<td>+0.010<td>0.020<td>0.9900", html);
    }

    [Fact]
    public void Without_an_oracle_the_judge_is_named_and_no_gold_is_shown()
    {
        var full = Result("which bird ?");
        var html = HtmlReport.Render(full with
        {
            EvaluationJudge = new EvaluationJudgeResult("JSFT", "JSFT, the model's own judge; not independent", false, 170, 0.91, -0.02,
                0.97, 0.125, InconsistentPairs.Tie),
            Policies = [.. full.Policies.Select(p => p with { GoldMean = null, GoldByPrinciple = new Dictionary<string, double>() })],
            Rejection = [new RejectionPoint("JSFT", 1, null, 9, 0, 0.5), new RejectionPoint("JSFT", 4, null, 11, 0, 0.7)],
            Judges = [full.Judges[0] with { AccuracyByPrinciple =
                new Dictionary<string, double> { ["honesty"] = 0.75, ["instruction_following"] = 0.5 } }],
        }, Metrics());
        Assert.Contains("Answers to 180 held-out prompts, judged by JSFT, the model&#39;s own judge; not independent. Win rate against SFT",
            html);
        Assert.Contains("Of the judge's 170 verdicts: swap consistency 0.910, position bias -0.020, p(A) + p(B) 0.970. On 12.5 % of the "
            + "pairs its two orders disagree; they count as ties.", html);
        Assert.Contains("<tr><th>policy<th>win rate<th>length<th>repetition</tr><tr><td>SFT<td>62.5 %<td>9.0<td>0.010</tr>", html);
        Assert.Contains("<h3>Win rate against the baseline", html);
        Assert.DoesNotContain("<h3>Gold score", html);
        Assert.Contains("<th>model<th>honesty<th>instruction following</tr><tr><td>which bird ?<td>0.750<td>0.500</tr>", html);
    }

    [Fact]
    public void Without_figures_there_is_a_page_all_the_same() =>
        Assert.Equal(["Stages", "Settings"],
            Regex.Matches(
            HtmlReport.Render(Result("x") with
            {
                Policies = [],
                Judges = [],
                Rejection = [],
                Bracket = null,
                Examples = [],
                JudgeChecks = [],
                Health = [],
                SampledTriplets = []
            }, []), "<h2>(.*?)</h2>").Select(m => m.Groups[1].Value));

    internal static BracketResult Bracket(string text)
    {
        Verdict Wins(bool first, bool agree = true) =>
            Verdict.Of([new TemplateJudgment(null, first ? new(0.9, 0.1) : new(0.1, 0.9),
                agree ? (first ? new(0.1, 0.9) : new(0.9, 0.1)) : first ? new(0.5, 0.4) : new(0.4, 0.5))]);
        var bracket = Preferences.Tournaments.Bracket.Of(4, 1).Play([Wins(true), Verdict.Identical]).Play([Wins(false, agree: false)]);
        return new BracketResult("Self-Judge", text, [text, "b", "c", new string('d', 100)], bracket);
    }

    private static List<MetricsRow> Metrics() =>
        [.. from stage in new[] { "SFT", "JSFT", "Self-Judge" } from step
            in Enumerable.Range(1, 4) select new MetricsRow(step, stage, step, Figures)];

    private static RunResult Result(string text) => new()
    {
        RunId = "7",
        Name = text,
        Seed = 1,
        TotalSeconds = 65,
        Stages = [new StageResult(text, "SelfJudge", 12.5, 123456, 9876, 4321, "/out")],
        Judges = [new JudgeResult(text, 0.81, 0.92, -0.01, 0.03, 0.99)],
        Policies = [.. new[] { "SFT", "JSFT", text }.Select(name =>
            new PolicyResult(name, 0.7, new Dictionary<string, double> { ["helpfulness"] = 0.1, ["honesty"] = 0.2, ["instruction"] = 0.3,
                ["truthfulness"] = 0.4 }, 0.625, [0.58, 0.67], 9, 0.01, 180))],
        Rejection = [.. new[] { 1, 2, 4 }.Select(n => new RejectionPoint(text, n, 0.7 + n * 0.01, 9 + n, 0))],
        Triplets = new TripletResult(1200, 1100, 60, 40, 7),
        Examples = [new ExampleResult(text, [new AnswerResult(text, text, 0.5), new AnswerResult("SFT", "yes", null)])],
        Bracket = Bracket(text),
        JudgeChecks = [new JudgeCheckResult("Self-Judge", "JSFT", 200, 0.5, 0.52, [0.451, 0.588], 0.04, 0.44, 0.02, "it knows nothing")],
        Health = [new HealthValue("Self-Judge", "identical samples", 0.5, "at most 0.333", false),
            new HealthValue("Self-Judge", "margin", 0.1, "above 0", true)],
        SampledTriplets = [new TripletExample("Self-Judge", 4, text, text, text, 0.7, 0.2, false)],
        Recipe = RecipeFile.Render(new Recipe
        {
            Name = "report",
            Data = new DataRecipe { WorldPairs = 10 },
            Stages =
            [
                new StageRecipe { Name = "SFT", Method = StageMethod.Sft, Steps = 4, LearningRate = 1, PolicyExamples = 1 },
                new StageRecipe { Name = "JSFT", Method = StageMethod.Jsft, Steps = 4, LearningRate = 1, JudgePairs = 1 },
                new StageRecipe { Name = "Self-Judge", Method = StageMethod.SelfJudge, From = "JSFT", Steps = 4, LearningRate = 1,
                    Prompts = 1 },
            ],
            Evaluation = new EvaluationRecipe { Baseline = "SFT" },
        }),
        Environment = new EnvironmentResult("cpu", 2, ".NET 10", "0.1.0"),
    };
}
