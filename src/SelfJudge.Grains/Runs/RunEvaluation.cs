using System.Text.Json;
using SelfJudge.Abstractions;
using SelfJudge.Grains.Replicas;
using SelfJudge.Grains.Reporting;
using SelfJudge.Grains.Training;
using SelfJudge.Modeling.Checkpoints;
using SelfJudge.Preferences.Data;
using SelfJudge.Preferences.Evaluation;
using SelfJudge.Preferences.Randomness;
using SelfJudge.Preferences.Recipes;
using SelfJudge.Preferences.Templates;
using SelfJudge.Preferences.Tournaments;
using SelfJudge.Preferences.World;

namespace SelfJudge.Grains.Runs;

/// <summary>The end of a run: every stage's model answers held-out prompts, some of them by tournament too, a judge compares the answers, and result and report are written.</summary>
internal sealed class RunEvaluation(string runId, RunRequest request, Recipe recipe, RunFolder folder, IReadOnlyList<StageSummary> stages, TrainingData data, IGrainFactory grains)
{
    private const int ExamplePrompts = 6;

    private readonly List<WorldPrompt>? _worldPrompts = recipe.Data.WorldPairs > 0 ? WorldPromptsOf(recipe.Evaluation) : null;
    private readonly List<PolicyScores> _scores = [];
    private readonly List<(string Stage, int N, PolicyScores Scores)> _rejection = [];
    private IReadOnlyList<IReadOnlyList<Turn>> _prompts = [];
    private readonly List<AnswerRow> _answers = [];
    private BracketResult? _bracket;

    public async Task Run(Func<double> elapsed)
    {
        _prompts = recipe.Evaluation is null ? [] : _worldPrompts is not null ? [.. _worldPrompts.Select(WorldTrainingData.ToTurns)]
            : [.. data.HeldOutPrompts.Take(recipe.Evaluation.Prompts > 0 ? recipe.Evaluation.Prompts : int.MaxValue)];
        if (recipe.Evaluation is { } evaluation)
            foreach (var stage in recipe.Stages.Where(s => s.Evaluate && s.Method.IsPolicy()))
                await Evaluate(stage.Name, evaluation.Rejection.Contains(stage.Name) ? evaluation.RejectionSamples : []);
        var judges = stages.Where(s => s.Judge.Count > 0).Select(s => new JudgeResult(s.Name, s.Judge["judge/accuracy"], s.Judge["judge/swap_consistency"], s.Judge["judge/position_bias"], s.Judge["judge/tie_rate"], s.Judge["judge/ab_mass"],
            s.Judge.Where(f => f.Key.StartsWith(JudgeMetrics.AccuracyOf, StringComparison.Ordinal)).ToDictionary(f => f.Key[JudgeMetrics.AccuracyOf.Length..], f => f.Value))).ToList();
        var mainJudge = judges.Find(j => recipe.Stages.Any(s => s.Name == j.Stage && s.Method == StageMethod.Jsft));
        var triplets = stages.Aggregate(TripletCounts.None, (sum, s) => sum + s.Triplets);
        var baseline = _scores.Find(s => s.Name == recipe.Evaluation?.Baseline);
        using var comparison = baseline is null ? null : new RunComparison(runId, request, recipe, EvaluationJudge.Of(recipe, recipe.Evaluation!), _prompts, baseline, grains);
        var policies = new List<PolicyResult>();
        foreach (var scores in comparison is null ? [] : _scores)
            policies.Add(scores.With(await comparison!.WinRateOf(scores)));
        var rejection = new List<RejectionPoint>();
        foreach (var (stage, n, scores) in _rejection)
            rejection.Add(new RejectionPoint(stage, n, scores.GoldMean, scores.MeanLength, scores.Repetition, comparison is null ? null : (await comparison.WinRateOf(scores)).Mean));
        var result = new RunResult
        {
            RunId = folder.Name,
            Name = recipe.Name,
            Seed = recipe.Seed,
            TotalSeconds = elapsed(),
            JudgeAccuracy = mainJudge?.Accuracy,
            JudgeSwapConsistency = mainJudge?.SwapConsistency,
            Stages = [.. stages.Select(s => new StageResult(s.Name, MethodOf(s.Name), s.Seconds, s.Tokens, s.Tokens / Math.Max(1e-9, s.Seconds), s.TrainedParameters, s.Output))],
            Judges = judges,
            Policies = policies,
            EvaluationJudge = comparison?.Judge(),
            Rejection = rejection,
            Triplets = new TripletResult(triplets.Made, triplets.Trained, triplets.StaleRefused, triplets.IdenticalSkipped, triplets.DuplicatesDropped),
            Examples = _scores.Count == 0 ? [] : [.. Enumerable.Range(0, Math.Min(ExamplePrompts, _prompts.Count)).Select(i => i * _prompts.Count / ExamplePrompts).Select(i => new ExampleResult(_prompts[i][^1].Content, [.. _scores.Select(s => s.Answer(i))]))],
            Bracket = _bracket,
            Recipe = RecipeFile.Render(recipe),
            Environment = new EnvironmentResult(string.Join(", ", stages.Select(s => s.Device).Distinct()), stages.Max(s => s.Workers), System.Runtime.InteropServices.RuntimeInformation.FrameworkDescription, typeof(RunEvaluation).Assembly.GetName().Version!.ToString(3)),
        };
        if (_answers.Count > 0)
            AtomicFolder.WriteFile(folder.Answers, string.Concat(_answers.Select(a => a.ToJson() + "\n")));
        AtomicFolder.WriteFile(folder.Report, HtmlReport.Render(result, [.. MetricsLog.Read(folder.Metrics)]));
        AtomicFolder.WriteFile(folder.Result, result.ToJson());
    }

    private async Task Evaluate(string stage, IReadOnlyList<int> rejection)
    {
        var model = await grains.GetGrain<ITrainerGrain>(runId).EnsureLoaded(request, stage);
        var samples = rejection.DefaultIfEmpty(1).Max();
        using var abandon = new CancellationTokenSource();
        var answering = _prompts.Select((prompt, i) => Answer(model, stage, prompt, i, samples, abandon.Token)).ToList();
        try
        {
            await FirstFailure.OrAll(answering);
        }
        catch
        {
            await abandon.CancelAsync();
            throw;
        }
        var outcomes = await Task.WhenAll(answering);
        var first = Score(stage, outcomes.Select(o => o.Completions[0]));
        _scores.Add(first);
        Note(stage, 1, first);
        // The same samples serve every smaller tournament.
        foreach (var n in Powers(samples))
        {
            if (n == 1)
            {
                _rejection.Add((stage, 1, first));
                continue;
            }
            var champions = n == samples ? [.. outcomes.Select(o => o.Champion)] : await Task.WhenAll(outcomes.Select((o, i) => Champion(model, stage, o, i, n)));
            var scores = Score($"{stage} + rejection N={n}", champions);
            _rejection.Add((stage, n, scores));
            Note(stage, n, scores);
            if (rejection.Contains(n))
                _scores.Add(scores);
        }
        if (samples > 1 && _bracket is null)
        {
            var shown = outcomes.Index().First(o => o.Item.Bracket.Matches.All(m => m.Verdict.Winner != 0) || o.Index == outcomes.Length - 1).Item;
            _bracket = new BracketResult(stage, _prompts[shown.Index][^1].Content, [.. shown.Completions.Select(c => c.Text)], shown.Bracket);
        }
    }

    private static List<WorldPrompt> WorldPromptsOf(EvaluationRecipe? evaluation)
    {
        var all = evaluation?.Split == HeldOutSplit.Validation ? WorldPrompts.Instance.Validation : WorldPrompts.Instance.Test;
        return evaluation is { Prompts: > 0 } ? [.. all.Take(evaluation.Prompts)] : all;
    }

    // 1, 2, 4, … and the number itself.
    private static IEnumerable<int> Powers(int samples) => samples == 1 ? [] : Enumerable.Range(0, 31).Select(i => 1 << i).TakeWhile(n => n < samples).Append(samples);

    private Task<PromptOutcome> Answer(LoadedModel model, string stage, IReadOnlyList<Turn> prompt, int index, int samples, CancellationToken cancellation) =>
        grains.GetGrain<IPromptGrain>($"{runId}//evaluation/{stage}/{index}").Play(new PromptRequest(
            index, prompt.ToWire(), model.Host, model.Id, model.Host, model.Id, Templates(stage), samples,
            SamplingSettings.From(recipe.Sampling), Seeds.Derive(Seeds.Derive(recipe.Seed, "evaluation"), index),
            recipe.Deterministic ? $"{runId}//evaluation/{stage}" : null, _prompts.Count, null), cancellation);

    private async Task<Completion> Champion(LoadedModel model, string stage, PromptOutcome outcome, int index, int n)
    {
        Bracket bracket = await grains.GetGrain<ITournamentGrain>($"{runId}//evaluation/{stage}/{index}/{n}").Play(new TournamentRequest(
            model.Host, model.Id, _prompts[index].ToWire(),
            [.. outcome.Completions.Take(n).Select(c => c.Text)], Templates(stage), Seeds.Derive(recipe.Seed, index, n),
            recipe.Deterministic ? $"{runId}//evaluation/{stage}/{n}" : null, _prompts.Count, index), CancellationToken.None);
        return outcome.Completions[bracket.Champion];
    }

    private void Note(string stage, int samples, PolicyScores scores) =>
        _answers.AddRange(Enumerable.Range(0, _prompts.Count).Select(i => new AnswerRow(stage, samples, i, _prompts[i][^1].Content, scores.Answer(i).Answer, scores.Answer(i).Gold)));

    private PolicyScores Score(string name, IEnumerable<Completion> answers) => new(name, _worldPrompts, [.. answers.Select(a => a.Text)]);

    private IReadOnlyList<string> Templates(string stage) => recipe.TemplatesOf(recipe.Stages.Single(s => s.Name == stage));

    private string MethodOf(string stage) => JsonNamingPolicy.KebabCaseLower.ConvertName(recipe.Stages.Single(s => s.Name == stage).Method.ToString());
}
