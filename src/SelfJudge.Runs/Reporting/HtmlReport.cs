using System.Text;
using SelfJudge.Preferences.Evaluation;
using SelfJudge.Preferences.Judging;
using SelfJudge.Preferences.Methods;
using SelfJudge.Preferences.Recipes;
using SelfJudge.Runs.Logs;
using SelfJudge.Runs.Stages;
using static SelfJudge.Runs.Reporting.SvgChart;

namespace SelfJudge.Runs.Reporting;

/// <summary>A run as one self-contained page.</summary>
internal static class HtmlReport
{
    internal const string Style = """
        :root { color-scheme: light dark; --ink: #1f2937; --soft: #6b7280; --line: #e5e7eb; --back: #ffffff; --panel: #f9fafb; }
        @media (prefers-color-scheme: dark) { :root { --ink: #e5e7eb; --soft: #9ca3af; --line: #374151; --back: #111827; --panel: #1f2937; } }
        body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--back); max-width: 1000px; margin: 2rem auto; padding: 0 1rem; }
        h1 { font-size: 1.6rem; margin-bottom: .2rem; } h2 { font-size: 1.2rem; margin-top: 2.2rem; border-bottom: 1px solid var(--line); padding-bottom: .2rem; } h3 { font-size: .95rem; margin: 0 0 .3rem; }
        p.lead, td.soft, .soft { color: var(--soft); }
        table { border-collapse: collapse; width: 100%; font-size: .9rem; } th, td { text-align: right; padding: .3rem .5rem; border-bottom: 1px solid var(--line); font-variant-numeric: tabular-nums; } th:first-child, td:first-child { text-align: left; }
        td.text, th.text { text-align: left; }
        .charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(420px, 1fr)); gap: 1rem; } figure { margin: 0; background: var(--panel); border: 1px solid var(--line); border-radius: 6px; padding: .7rem; } figure.wide { grid-column: 1 / -1; margin-top: 1rem; overflow-x: auto; }
        figure svg { width: 100%; height: auto; } figcaption { font-size: .8rem; color: var(--soft); } figcaption span { margin-right: 1rem; } figcaption i { display: inline-block; width: .9em; height: .25em; margin-right: .35em; vertical-align: middle; }
        svg text { fill: var(--ink); font-size: 12px; } svg .tick { fill: var(--soft); font-size: 11px; } svg .leaf { font-size: 11.5px; } svg .score { font-size: 10.5px; fill: var(--soft); }
        svg .grid { stroke: var(--line); } svg .interval { stroke: var(--ink); stroke-width: 2; } svg .reference { stroke: #dc2626; stroke-dasharray: 4 3; }
        svg .won { fill: none; stroke: #2563eb; stroke-width: 2; } svg .lost { fill: none; stroke: #9ca3af; stroke-width: 1; }
        pre { background: var(--panel); border: 1px solid var(--line); border-radius: 6px; padding: .8rem; font-size: .8rem; overflow-x: auto; }
        .example { margin-bottom: 1.2rem; } .example b { display: block; margin-bottom: .2rem; }
        """;

    public static string Render(RunResult result, IReadOnlyList<MetricsRow> metrics)
    {
        var recipe = RecipeFile.ParseOfRun(result.Recipe, "recipe");
        var html = new StringBuilder();
        html.Append($"<!doctype html><html lang=en><head><meta charset=utf-8><meta name=viewport "
            + $"content=\"width=device-width\"><title>{Text(result.Name)} · SelfJudge.Actors</title><style>{Style}</style></head><body>");
        html.Append($"<h1>{Text(result.Name)}</h1><p class=lead>run {Text(result.RunId)} · seed {result.Seed} · {result.TotalSeconds:0} s "
            + $"· {Text(result.Environment.Device)}, {result.Environment.Workers} workers · SelfJudge.Actors "
            + $"{Text(result.Environment.Version)} on {Text(result.Environment.Framework)}</p>");
        Policies(html, result, recipe);
        Judges(html, result, recipe, metrics);
        Learning(html, result, recipe, metrics);
        Health(html, result);
        Rejection(html, result);
        Triplets(html, result);
        Examples(html, result);
        Stages(html, result);
        html.Append("<h2>Settings</h2><p>The recipe as resolved. All randomness derives from its seed; the same recipe on the same "
            + "processor with the same number of workers gives the same run.</p>")
            .Append($"<pre>{Text(result.Recipe)}</pre></body></html>");
        return html.ToString();
    }

    private static void Policies(StringBuilder html, RunResult result, Recipe recipe)
    {
        if (result.Policies.Count == 0)
            return;
        html.Append($"<h2>Policies</h2><p>Answers to {result.Policies[0].NPrompts} held-out prompts, judged by "
            + $"{Text(result.EvaluationJudge?.Description ?? "the world's gold oracle, which training never asks")}. Win rate against "
            + $"{Text(Baseline(recipe))}, ties as half, with its 95 % interval over prompts.{JudgeHealth(result.EvaluationJudge)}</p>");
        var hasGold = result.Policies[0].GoldMean is not null;
        html.Append($"<table><tr><th>policy{(hasGold ? "<th>gold<th>helpful<th>honest<th>follows<th>truthful" : "")}<th>win "
            + $"rate<th>length<th>repetition</tr>");
        foreach (var p in result.Policies)
            html.Append($"<tr><td>{Text(p.Name)}{(hasGold ? $"<td>{p.GoldMean:0.000}" : "")}")
                .AppendJoin("", p.GoldByPrinciple.Values.Select(v => $"<td>{v:0.000}"))
                .Append($"<td>{p.WinRate * 100:0.0} %<td>{p.MeanLength:0.0}<td>{p.Repetition:0.000}</tr>");
        html.Append("</table>").Append(Bars($"Win rate against {Baseline(recipe)}",
            [.. result.Policies.Where(p => p.Name != recipe.Evaluation!.Baseline)
            .Select(p => new Bar(p.Name, p.WinRate, p.WinRateCi95[0], p.WinRateCi95[1]))], 0.5));
    }

    private static string Baseline(Recipe recipe) => EvaluationRecipe.Called(recipe.Evaluation!.Baseline!);

    private static string JudgeHealth(EvaluationJudgeResult? judge) => judge is { SwapConsistency: not null }
        ? $" Of the judge's {judge.Judged} verdicts: swap consistency {judge.SwapConsistency:0.000}, position bias "
            + $"{judge.PositionBias:+0.000;-0.000;0.000}, p(A) + p(B) "
            + $"{judge.JudgeMass:0.000}."
            + (judge.InconsistentRate is { } share
                ? $" On {share * 100:0.0} % of the pairs its two orders disagree; {Inconsistent(judge)}." : "") : "";

    private static string Inconsistent(EvaluationJudgeResult judge) =>
        judge.InconsistentPairs == InconsistentPairs.Mean ? "the mean over both orders decides them" : "they count as ties";

    private static void Judges(StringBuilder html, RunResult result, Recipe recipe, IReadOnlyList<MetricsRow> metrics)
    {
        if (result.Judges.Count > 0)
        {
            html.Append($"<h2>Judges</h2><p>Every model as a judge of held-out pairs whose better response "
                + $"{(recipe.Data.WorldPairs > 0 ? "the oracle knows (pairs it scores alike are left out)" : "the data names")}. Swap "
                + $"consistency: how often both orders of presentation agree; one half is chance. Position bias: the preference for "
                + $"whatever stands first.</p>");
            html.Append("<table><tr><th>model<th>accuracy<th>swap consistency<th>position bias<th>ties<th>p(A) + p(B)</tr>");
            foreach (var j in result.Judges)
                html.Append($"<tr><td>{Text(j.Stage)}<td>{j.Accuracy:0.000}<td>{j.SwapConsistency:0.000}<td>"
                    + $"{j.PositionBias:+0.000;-0.000;0.000}<td>{j.TieRate:0.000}<td>{j.JudgeMass:0.000}</tr>");
            html.Append("</table>");
            var principles = result.Judges.SelectMany(j => j.AccuracyByPrinciple?.Keys ?? []).Distinct().ToList();
            if (principles.Count > 0)
            {
                static string Accuracy(JudgeResult judge, string principle) =>
                    judge.AccuracyByPrinciple?.TryGetValue(principle, out var value) == true ? $"{value:0.000}" : "";
                html.Append("<p>Accuracy of each principle's judge template on that principle's own pairs:</p><table><tr><th>model")
                    .AppendJoin("", principles.Select(p => $"<th>{Text(p.Replace('_', ' '))}")).Append("</tr>");
                foreach (var judge in result.Judges)
                    html.Append($"<tr><td>{Text(judge.Stage)}")
                        .AppendJoin("", principles.Select(p => $"<td>{Accuracy(judge, p)}")).Append("</tr>");
                html.Append("</table>");
            }
            foreach (var stage in recipe.Stages.Where(s => s.Spec.TeachesJudging))
                html.Append($"<p><b>{Text(stage.Name)}</b> {Departure(stage)}</p>");
        }
        else if (metrics.Any(m => m.Values.ContainsKey("judge/swap_consistency")))
        {
            var rows = metrics.Where(m => m.Values.ContainsKey("judge/swap_consistency")).ToList();
            html.Append("<h2>Judge</h2><p>There are no held-out pairs to measure the judge with; this is what its verdicts in training "
                + "say of it. A model that was never taught to judge shows it here: swap consistency at or below one half, a position "
                + "bias, little probability on the judge tokens.</p>");
            html.Append("<table><tr><th>stage<th>swap consistency<th>position bias<th>ties<th>p(A) + p(B)</tr>");
            foreach (var stage in rows.GroupBy(r => r.Stage))
                html.Append($"<tr><td>{Text(stage.Key)}<td>{Mean(stage, "judge/swap_consistency"):0.000}<td>"
                    + $"{Mean(stage, "judge/position_bias"):+0.000;-0.000;0.000}<td>{Mean(stage, "judge/tie_rate"):0.000}<td>"
                    + $"{Mean(stage, "judge/ab_mass"):0.0000}</tr>");
            html.Append("</table>");
        }
    }

    // In what a stage's loss differs from the published one.
    private static string Departure(StageRecipe stage)
    {
        var departures = new List<string>();
        if (!stage.LossWeights.PerToken)
            departures.Add("its loss takes each part (responses, judge tokens, rationales) as a mean of its own and weighs the parts, "
                + "where the paper takes one mean over all tokens");
        if (stage.LossWeights.JudgePrompt > 0)
            departures.Add("it also learns the judge prompt as text, which the paper does not");
        if (stage.Rationale)
            departures.Add("it goes on after the judge token with a rationale, as the paper's JM-PR does");
        return departures.Count == 0 ? "is trained in the paper's plain form: cross-entropy over responses and judge tokens alike."
            : $"departs from the paper's plain form: {string.Join("; ", departures)}.";
    }

    private static void Learning(StringBuilder html, RunResult result, Recipe recipe, IReadOnlyList<MetricsRow> metrics)
    {
        if (metrics.Count == 0)
            return;
        IReadOnlyList<Series> Of(string metric, Func<StageRecipe, bool> where) =>
            [.. recipe.Stages.Where(where).Select(s =>
                new Series(s.Name,
                    [.. metrics.Where(m => m.Stage == s.Name && m.Values.ContainsKey(metric))
                    .Select(m => ((double)m.StageStep, m.Values[metric]))]))];
        bool IsSupervised(StageRecipe s) => s.Spec.Data == StepData.Examples;
        bool IsPreference(StageRecipe s) => s.Spec.LearnsPreferences;
        bool IsRollout(StageRecipe s) => s.Spec.IsRollout;
        bool LearnsResponses(StageRecipe s) => s.Spec.Loss == MethodLoss.CrossEntropy;
        // What was measured on the way, and at the stage's end.
        IReadOnlyList<Series> JudgeAccuracy() =>
            [.. Of("judge/accuracy", s => s.Spec.TeachesJudging)
                .Select(s => result.Judges.FirstOrDefault(j => j.Stage == s.Name) is { } judge
                ? s with { Points = [.. s.Points, (recipe.Stages.Single(t => t.Name == s.Name).Steps, judge.Accuracy)] } : s)];
        html.Append("<h2>Learning</h2><div class=charts>");
        html.Append(Lines("Loss on responses, nats per token", "step", Of("loss/response", LearnsResponses)));
        html.Append(Lines("Loss on the judge token, nats", "step", Of("loss/judge_token", IsSupervised)));
        html.Append(Lines("Judge accuracy on held-out pairs", "step", JudgeAccuracy(), markers: true));
        html.Append(Lines("Preference loss", "step", Of("loss", IsPreference)));
        html.Append(Lines("Reward margin, chosen − rejected", "step", Of("rewards/margins", s => IsPreference(s) || !s.Spec.IsPolicy)));
        html.Append(Lines("Log-probability of chosen responses", "step", Of("logps/chosen", IsPreference)));
        html.Append(Lines("Bradley-Terry loss of the reward model", "step", Of("loss", s => !s.Spec.IsPolicy)));
        html.Append(Lines("Mean reward of samples", "step", Of("rewards/mean", s => s.Spec.IsRewarded)));
        html.Append(Lines("KL from the reference, nats per response", "step", Of("objective/kl", s => s.Spec.IsOnPolicy)));
        html.Append(Lines("Coefficient of the KL penalty", "step", Of("objective/kl_coef", s => s.Spec.Loss == MethodLoss.Ppo)));
        html.Append(Lines("Value loss", "step", Of("loss/value_avg", s => s.Spec.Loss == MethodLoss.Ppo)));
        html.Append(Lines("Entropy of the policy, nats per token", "step", Of("objective/entropy", IsRollout)));
        html.Append(Lines("Identical samples, share of pairs", "step", Of("completions/identical_ratio", IsRollout)));
        html.Append(Lines("Swap consistency of verdicts in training", "step", Of("judge/swap_consistency", IsRollout)));
        html.Append(Lines("Oracle's agreement with verdicts in training", "step", Of(RolloutFigures.OracleAgreement, IsRollout)));
        html.Append("</div>");
    }

    private static void Health(StringBuilder html, RunResult result)
    {
        if (result.Health.Count == 0 && result.JudgeChecks.Count == 0)
            return;
        html.Append("<h2>Health</h2>");
        foreach (var check in result.JudgeChecks)
            html.Append($"<p>{Text(check.Stage)} learned from {Text(check.Judge)}. Before its first step that was measured on "
                + $"{check.Pairs} held-out pairs, in {check.Seconds:0.0} s: accuracy {check.Accuracy:0.000} (95 % "
                + $"{check.AccuracyCi95[0]:0.000}–{check.AccuracyCi95[1]:0.000}), swap consistency {check.SwapConsistency:0.000}, "
                + $"position bias {check.PositionBias:+0.000;-0.000;0.000}, ties "
                + $"{check.TieRate:0.000}.{(check.Warning is null ? "" : $" <b>Warning: {Text(check.Warning)}.</b>")}</p>");
        if (result.Health.Count == 0)
            return;
        html.Append("<table><tr><th>stage<th class=text>figure<th>value<th class=text>healthy<th class=text>this one</tr>");
        foreach (var value in result.Health)
            html.Append($"<tr><td>{Text(value.Stage)}<td class=text>{Text(value.Measure)}<td>{value.Value:0.000}<td "
                + $"class=text>{Text(value.Healthy)}<td class=text>{(value.IsHealthy ? "healthy" : "<b>suspicious</b>")}</tr>");
        html.Append("</table><p class=soft>At the end means over the last quarter of the stage's steps; rise, fall and what is left "
            + "compare it with the first. Where many samples are identical, or the judge contradicts itself, the policy has drifted to "
            + "where the judge is blind: stop earlier, or lower the learning rate.</p>");
    }

    private static void Rejection(StringBuilder html, RunResult result)
    {
        if (result.Rejection.Count == 0 && result.Bracket is null)
            return;
        html.Append("<h2>Self-rejection by tournament</h2>");
        if (result.Rejection.Count > 0)
        {
            var hasGold = result.Rejection[0].GoldMean is not null;
            IReadOnlyList<Series> Of(Func<RejectionPoint, double> value) =>
                [.. result.Rejection.GroupBy(r => r.Policy).Select(g => new Series(g.Key, [.. g.Select(r => ((double)r.N, value(r)))]))];
            html.Append("<p>Each model samples N answers and plays them against each other with itself as the judge; the champion is the "
                + "answer.</p><div class=charts>");
            html.Append(Lines(hasGold ? "Gold score" : "Win rate against the baseline", "N samples",
                Of(r => (hasGold ? r.GoldMean : r.WinRate) ?? 0.5), markers: true, logarithmicX: true))
                .Append(Lines("Length of the answer, words", "N samples", Of(r => r.MeanLength), markers: true, logarithmicX: true))
                .Append("</div>");
        }
        if (result.Bracket is { } bracket)
            html.Append(BracketDrawing.Draw(bracket));
    }

    private static void Triplets(StringBuilder html, RunResult result)
    {
        if (result.SampledTriplets.Count == 0)
            return;
        html.Append("<h2>Sampled triplets</h2><p>Of what each stage learned from its own samples: the first step's, one from the middle, "
            + "the last one's, with the judge's scores. A mark (≠) says that the two orders of presentation disagreed.</p>");
        foreach (var t in result.SampledTriplets)
            html.Append($"<div class=example><b>{Text(t.Prompt)}</b><table><tr><td class=soft style=\"width:15rem\">{Text(t.Stage)}, step "
                + $"{t.Step}: chosen<td class=text>{Text(t.Chosen)}<td>{t.ChosenScore:0.00}{(t.OrdersAgree ? "" : " ≠")}</tr><tr><td "
                + $"class=soft>rejected<td class=text>{Text(t.Rejected)}<td>{t.RejectedScore:0.00}</tr></table></div>");
    }

    private static void Examples(StringBuilder html, RunResult result)
    {
        if (result.Examples.Count == 0)
            return;
        html.Append("<h2>Answers side by side</h2>");
        if (!result.IsHeldOut)
            html.Append("<p>The data holds no prompts out: these are some that the run was trained on.</p>");
        foreach (var example in result.Examples)
        {
            html.Append($"<div class=example><b>{Text(example.Prompt)}</b><table>");
            foreach (var answer in example.Answers)
                html.Append($"<tr><td class=soft style=\"width:15rem\">{Text(answer.Policy)}<td "
                    + $"class=text>{Text(answer.Answer)}<td>{(answer.Gold is { } gold ? gold.ToString("0.00") : "")}</tr>");
            html.Append("</table></div>");
        }
    }

    private static void Stages(StringBuilder html, RunResult result)
    {
        html.Append("<h2>Stages</h2><table><tr><th>stage<th class=text>method<th>seconds<th>tokens<th>tokens/s<th>trained parameters</tr>");
        foreach (var s in result.Stages)
            html.Append($"<tr><td>{Text(s.Name)}<td class=text>{Text(s.Method)}<td>{s.Seconds:0.0}<td>{s.Tokens:#,0}<td>"
                + $"{s.TokensPerSecond:#,0}<td>{s.TrainedParameters:#,0}</tr>");
        var t = result.Triplets;
        html.Append($"</table><p>Triplets: {t.Made:#,0} made, {t.Trained:#,0} trained on, {t.StaleRefused:#,0} refused as stale, "
            + $"{t.IdenticalSkipped:#,0} matches between identical samples "
            + $"skipped{(t.InconsistentSkipped > 0 ? $", {t.InconsistentSkipped:#,0} comparisons whose orders disagree skipped" : "")}, "
            + $"{t.DuplicatesDropped:#,0} duplicates dropped. Tokens are those that passed through a model in any role.</p>");
    }

    private static double Mean(IEnumerable<MetricsRow> rows, string metric) =>
        rows.Where(r => r.Values.ContainsKey(metric)).Average(r => r.Values[metric]);
}
