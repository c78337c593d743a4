using SelfJudge.Abstractions;
using SelfJudge.Grains.Training;
using SelfJudge.Modeling.Files;
using SelfJudge.Preferences.Data;
using SelfJudge.Preferences.Evaluation;
using SelfJudge.Preferences.Judging;
using SelfJudge.Preferences.Randomness;
using SelfJudge.Preferences.Recipes;
using SelfJudge.Preferences.Sampling;
using SelfJudge.Preferences.Templates;
using SelfJudge.Preferences.Tournaments;
using SelfJudge.Runs.Folders;
using SelfJudge.Runs.Judging;
using SelfJudge.Runs.Logs;
using SelfJudge.Runs.Reporting;
using SelfJudge.World;

namespace SelfJudge.Grains.Runs;

/// <summary>The end of a run: every stage's model answers held-out prompts, some of them by tournament too, a judge compares the answers,
/// and result and report are written.</summary>
internal sealed class RunEvaluation(string runId, RunRequest request, Recipe recipe, RunFolder folder, IReadOnlyList<StageSummary> stages,
    TrainingData data, IGrainFactory grains)
{
    private const int ExamplePrompts = 6, BracketSamples = 8, TripletsOfStage = 3;

    private readonly List<WorldPrompt>? _worldPrompts = recipe.Data.WorldPairs > 0 ? WorldPromptsOf(recipe) : null;
    private readonly List<PolicyScores> _scores = [];
    private readonly List<(string Stage, int N, PolicyScores Scores)> _rejection = [];
    private IReadOnlyList<IReadOnlyList<Turn>> _prompts = [];
    private readonly List<AnswerRow> _answers = [];
    private BracketResult? _bracket;

    /// <summary>The stage of a model by its name in tables; null for the model that the run starts from.</summary>
    public static string? StageOf(string model) => model == EvaluationRecipe.Start ? null : model;

    public async Task Run(Func<double> elapsed)
    {
        await Answer();
        await Report(elapsed);
    }

    private async Task Answer()
    {
        if (!recipe.Stages.Any(s => s.IsEvaluated))
            return;
        var evaluation = recipe.Evaluation;
        // Prompts alone hold none out: what became of some of them is shown, and nothing is measured.
        var isShownOnly = evaluation is null && _worldPrompts is null;
        _prompts = isShownOnly ? [.. Enumerable.Range(0, Math.Min(ExamplePrompts, data.PromptCount ?? ExamplePrompts))
            .Select(i => data.Prompt(i))]
            : evaluation is null ? [] : _worldPrompts is not null ? [.. _worldPrompts.Select(WorldTrainingData.ToTurns)]
            : [.. data.HeldOutPrompts.Take(recipe.EvaluatedPrompts ?? int.MaxValue)];
        if (isShownOnly || evaluation is not null && Names(EvaluationRecipe.Start))
            await Evaluate(EvaluationRecipe.Start, RejectionOf(EvaluationRecipe.Start));
        if (_prompts.Count > 0)
            foreach (var stage in recipe.Stages.Where(s => s.IsEvaluated))
                await Evaluate(stage.Name, RejectionOf(stage.Name));
        if (_bracket is null && _worldPrompts is null && _prompts.Count > 0 && recipe.Stages.LastOrDefault(s => s.IsEvaluated) is { } last)
            _bracket = await BracketOf(last.Name);

        bool Names(string model) => evaluation.Baseline == model || evaluation.Rejection.Contains(model);
        IReadOnlyList<int> RejectionOf(string model) => evaluation?.Rejection.Contains(model) == true ? evaluation.RejectionSamples : [];
    }

    private async Task Report(Func<double> elapsed)
    {
        var judges = stages.Where(s => s.Judge.Count > 0)
            .Select(s =>
            new JudgeResult(s.Name, s.Judge["judge/accuracy"], s.Judge["judge/swap_consistency"], s.Judge["judge/position_bias"],
            s.Judge["judge/tie_rate"], s.Judge["judge/ab_mass"],
            s.Judge.Where(f => f.Key.StartsWith(JudgeMetrics.AccuracyOf, StringComparison.Ordinal))
                .ToDictionary(f => f.Key[JudgeMetrics.AccuracyOf.Length..], f => f.Value))).ToList();
        var mainJudge = judges.Find(j => recipe.Stages.Any(s => s.Name == j.Stage && s.Spec.TeachesJudging));
        var triplets = stages.Aggregate(TripletCounts.None, (sum, s) => sum + s.Triplets);
        var baseline = _scores.Find(s => s.Name == recipe.Evaluation?.Baseline);
        using var comparison = baseline is null ? null
            : new RunComparison(runId, request, recipe, EvaluationJudge.Of(recipe), _prompts, baseline, grains);
        var policies = new List<PolicyResult>();
        foreach (var scores in comparison is null ? [] : _scores)
            policies.Add(scores.With(await comparison!.WinRateOf(scores)));
        var rejection = new List<RejectionPoint>();
        foreach (var (stage, n, scores) in _rejection)
            rejection.Add(new RejectionPoint(stage, n, scores.GoldMean, scores.MeanLength, scores.Repetition,
                comparison is null ? null : (await comparison.WinRateOf(scores)).Mean));
        var checks = stages.Where(s => s.JudgeCheck is not null).Select(s => CheckOf(s.Name, JudgeCheck.Of(s.JudgeCheck!))).ToList();
        List<MetricsRow> metrics = [.. MetricsLog.Read(folder.Metrics)];
        var result = new RunResult
        {
            RunId = folder.Name,
            Name = recipe.Name,
            Seed = recipe.Seed,
            TotalSeconds = elapsed(),
            JudgeAccuracy = mainJudge?.Accuracy,
            JudgeSwapConsistency = mainJudge?.SwapConsistency,
            Stages = [.. stages.Select(s =>
                new StageResult(s.Name, recipe.Stages.Single(r => r.Name == s.Name).Spec.Name, s.Seconds, s.Tokens,
                    s.Tokens / Math.Max(1e-9, s.Seconds), s.TrainedParameters, s.Output))],
            Judges = judges,
            JudgeChecks = checks,
            Health = RunHealth.Of(recipe, checks, metrics),
            Policies = policies,
            EvaluationJudge = comparison?.Judge(),
            Rejection = rejection,
            Triplets = new TripletResult(triplets.Made, triplets.Trained, triplets.StaleRefused, triplets.IdenticalSkipped,
                triplets.DuplicatesDropped, triplets.InconsistentSkipped),
            Examples = _scores.Count == 0 ? []
                : [.. Enumerable.Range(0, Math.Min(ExamplePrompts, _prompts.Count))
                .Select(i => i * _prompts.Count / Math.Min(ExamplePrompts, _prompts.Count))
                .Select(i => new ExampleResult(_prompts[i][^1].Content, [.. _scores.Select(s => s.Answer(i))]))],
            Bracket = _bracket,
            SampledTriplets = await SampledTriplets(),
            IsHeldOut = recipe.Evaluation is not null || _prompts.Count == 0,
            Recipe = RecipeFile.Render(recipe),
            Environment = new EnvironmentResult(string.Join(", ", stages.Select(s => s.Device).Distinct()), stages.Max(s => s.Workers),
                System.Runtime.InteropServices.RuntimeInformation.FrameworkDescription,
                typeof(RunEvaluation).Assembly.GetName().Version!.ToString(3)),
        };
        if (_answers.Count > 0)
            AtomicFolder.WriteFile(folder.Answers, string.Concat(_answers.Select(a => a.ToJson() + "\n")));
        AtomicFolder.WriteFile(folder.Report, HtmlReport.Render(result, metrics));
        AtomicFolder.WriteFile(folder.Result, result.ToJson());
    }

    private async Task Evaluate(string stage, IReadOnlyList<int> rejection)
    {
        var model = await grains.GetGrain<ITrainerGrain>(runId).EnsureLoaded(request, StageOf(stage));
        var prior = await PriorOf(stage, model);
        var samples = rejection.DefaultIfEmpty(1).Max();
        using var abandon = new CancellationTokenSource();
        var answering = _prompts.Select((prompt, i) => Answer(Request(model, stage, prompt, i, samples, prior), stage, abandon.Token))
            .ToList();
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
            var champions = n == samples ? [.. outcomes.Select(o => o.Champion)]
                : await Task.WhenAll(outcomes.Select((o, i) => Champion(model, stage, o, i, n)));
            var scores = Score($"{stage} + rejection N={n}", champions);
            _rejection.Add((stage, n, scores));
            Note(stage, n, scores);
            if (rejection.Contains(n))
                _scores.Add(scores);
        }
        if (samples > 1 && _bracket is null)
        {
            var shown = outcomes.Index().First(o =>
                o.Item.Bracket.Matches.All(m => m.Verdict.Winner != 0) || o.Index == outcomes.Length - 1).Item;
            _bracket = BracketOf(stage, shown);
        }
    }

    private JudgeCheckResult CheckOf(string stage, JudgeCheck check) =>
        new(stage, recipe.JudgeOf(recipe.Stages.Single(s => s.Name == stage)).Called, check.Pairs, check.Seconds,
        check.Accuracy, [check.Interval.Low, check.Interval.High], check.SwapConsistency, check.PositionBias, check.TieRate,
            check.FindProblem(recipe.Judge.GateSwapConsistency));

    private static List<WorldPrompt> WorldPromptsOf(Recipe recipe)
    {
        var all = recipe.Evaluation?.Split == HeldOutSplit.Validation ? WorldPrompts.Instance.Validation : WorldPrompts.Instance.Test;
        return [.. all.Take(recipe.EvaluatedPrompts ?? int.MaxValue)];
    }

    // Where no policy of the run answers by tournament, one prompt's is played to be shown.
    private async Task<BracketResult> BracketOf(string stage)
    {
        var model = await grains.GetGrain<ITrainerGrain>(runId).EnsureLoaded(request, StageOf(stage));
        var outcome = await grains.GetGrain<IPromptGrain>($"{runId}//evaluation/{stage}/bracket").Play(
            Request(model, stage, _prompts[0], 0, BracketSamples, await PriorOf(stage, model)) with { Cohort = null },
                CancellationToken.None);
        return BracketOf(stage, outcome);
    }

    private BracketResult BracketOf(string stage, PromptOutcome outcome) =>
        new(stage, _prompts[outcome.Index][^1].Content, [.. outcome.Completions.Select(c => c.Text)], outcome.Bracket);

    // Of every stage that made any, those that came first, in the middle and last.
    private async Task<IReadOnlyList<TripletExample>> SampledTriplets() =>
        [.. (await TripletLog.ReadAll(folder)).GroupBy(t => t.Stage).SelectMany(g => g.DistinctBy(t => t.Step).ToList() is var steps
            ? Enumerable.Range(0, TripletsOfStage).Select(i => i * (steps.Count - 1) / (TripletsOfStage - 1)).Distinct()
                .Select(i => steps[i]) : [])
            .Select(t => new TripletExample(t.Stage, t.Step, t.Prompt, t.Chosen, t.Rejected, t.ChosenScore, t.RejectedScore, t.OrdersAgree,
                t.Prior))];

    // 1, 2, 4, … and the number itself.
    private static IEnumerable<int> Powers(int samples) =>
        samples == 1 ? [] : Enumerable.Range(0, 31).Select(i => 1 << i).TakeWhile(n => n < samples).Append(samples);

    private Task<PromptOutcome> Answer(PromptRequest asked, string stage, CancellationToken cancellation) =>
        grains.GetGrain<IPromptGrain>($"{runId}//evaluation/{stage}/{asked.Index}").Play(asked, cancellation);

    // The reference of a stage is the model that it started from; the one that the run starts from has none but itself.
    private async Task<PriorRequest?> PriorOf(string stage, LoadedModel model)
    {
        if (recipe.Evaluation?.Prior is not { IsUsed: true } prior)
            return null;
        if (prior.Of == PriorModel.Policy || StageOf(stage) is not { } trained)
            return PriorRequest.Of(prior, model.Id);
        var reference = recipe.Stages.Single(s => s.Name == trained).From;
        return PriorRequest.Of(prior, (await grains.GetGrain<ITrainerGrain>(runId).EnsureLoaded(request, reference)).Id);
    }

    private PromptRequest Request(LoadedModel model, string stage, IReadOnlyList<Turn> prompt, int index, int samples,
        PriorRequest? prior) => new()
        {
            Index = index,
            Turns = prompt,
            PolicyHost = model.Host,
            PolicyModel = model.Id,
            JudgeHost = model.Host,
            JudgeModel = model.Id,
            JudgeTemplates = Templates(stage),
            Samples = samples,
            Sampling = recipe.Sampling,
            Seed = Seeds.Derive(Seeds.Derive(recipe.Seed, "evaluation"), index),
            Cohort = CohortOf(stage, index),
            Prior = prior,
        };

    private Cohort? CohortOf(string asked, int index) =>
        recipe.Deterministic ? new Cohort($"{runId}//evaluation/{asked}", _prompts.Count, index) : null;

    private async Task<Completion> Champion(LoadedModel model, string stage, PromptOutcome outcome, int index, int n)
    {
        Bracket bracket = await grains.GetGrain<ITournamentGrain>($"{runId}//evaluation/{stage}/{index}/{n}").Play(new TournamentRequest(
            model.Host, model.Id, _prompts[index],
            [.. outcome.Completions.Take(n).Select(c => c.Text)], Templates(stage), Seeds.Derive(recipe.Seed, index, n),
            CohortOf($"{stage}/{n}", index), Priors: outcome.Priors?.Take(n).ToList()), CancellationToken.None);
        return outcome.Completions[bracket.Champion];
    }

    private void Note(string stage, int samples, PolicyScores scores) =>
        _answers.AddRange(Enumerable.Range(0, _prompts.Count)
            .Select(i => new AnswerRow(stage, samples, i, _prompts[i][^1].Content, scores.Answer(i).Answer, scores.Answer(i).Gold)));

    private PolicyScores Score(string name, IEnumerable<Completion> answers) => new(name, _worldPrompts, [.. answers.Select(a => a.Text)]);

    private IReadOnlyList<string> Templates(string stage) =>
        stage == EvaluationRecipe.Start ? recipe.Judge.Templates : recipe.TemplatesOf(recipe.Stages.Single(s => s.Name == stage));
}
