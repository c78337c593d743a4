using SelfJudge.Modeling.Hosting;
using SelfJudge.Modeling.Learning;
using SelfJudge.Modeling.Planning;
using SelfJudge.Modeling.Sampling;
using SelfJudge.Preferences.Data;
using SelfJudge.Preferences.Judging;
using SelfJudge.Preferences.Methods;
using SelfJudge.Preferences.Randomness;
using SelfJudge.Preferences.Recipes;
using SelfJudge.Preferences.Sampling;
using SelfJudge.Preferences.Templates;
using SelfJudge.Runs.Folders;
using SelfJudge.Runs.Judging;
using SelfJudge.Runs.Models;
using SelfJudge.Runs.Stages;

namespace SelfJudge.Runs.Planning;

/// <summary>
/// The longest step of a stage, and a typical one, on the actual model and host at learning rate 0. Where the stage
/// starts from an earlier one, the untrained model stands for what that will have made of it: it has the same shape.
/// Nothing is written.
/// </summary>
internal sealed class DryRun(Recipe recipe, StageRecipe stage, TrainingData data, ModelHostOptions options)
{
    private const string Run = "plan";
    private const int TypicalSteps = 2;

    private double _sampling, _judging, _training;
    private int _batches;

    /// <summary>What the process takes before any dry run, LibTorch loaded; null where the system does not say.</summary>
    public static long? Baseline(ModelHostOptions options)
    {
        using var host = new ModelHost(options);
        GC.Collect();
        return ProcessMemory.Resident;
    }

    /// <param name="baseline">What memory counts from.</param>
    public async Task<StageMeasurement> Measure(long? baseline, CancellationToken cancellation)
    {
        GC.Collect();
        var isCounted = ProcessMemory.ResetPeak();
        using var host = new ModelHost(options);
        await host.LoadAsync(RunModels.IdOf(Run, null), RunModels.Chain(Run, recipe, new RunFolder("."), null).Single().ToSource(),
            cancellation);
        var initial = await Stand(host, stage.From, cancellation);
        await using var training = await host.OpenTrainingAsync(Spec(stage, initial), cancellation);
        var longest = new LongestStep(recipe, stage, data, host.EncoderOf(training.Policy));
        await Longest(host, training, initial, longest, cancellation);
        _ = await training.SnapshotAsync(); // what a checkpoint takes
        var peak = isCounted ? ProcessMemory.Peak : null;
        (_sampling, _judging, _training) = (0, 0, 0);
        for (var step = 0; step < TypicalSteps; step++)
            await Typical(host, training, initial, longest, step, cancellation);
        return new StageMeasurement(peak, peak - baseline, (_sampling + _judging + _training) / TypicalSteps, _sampling / TypicalSteps,
            _judging / TypicalSteps, _training / TypicalSteps);
    }

    private Task Longest(ModelHost host, IPolicyTraining training, string initial, LongestStep longest, CancellationToken cancellation) =>
        longest.IsOnPrompts ? OnPrompts(host, training, initial, longest.Prompts(), toTheEnd: true, cancellation)
        : Train(host, training, longest.Material());

    private Task Typical(ModelHost host, IPolicyTraining training, string initial, LongestStep longest, int step,
        CancellationToken cancellation) =>
        longest.IsOnPrompts ? OnPrompts(host, training, initial,
            [.. Enumerable.Range(0, stage.Prompts).Select(i => data.Prompt((long)step * stage.Prompts + i))], toTheEnd: false, cancellation)
        : Train(host, training, longest.Typical.Material(step));

    // Sampling, judging and a step on what came of it. To the end: as if every answer were as long as it may be.
    private async Task OnPrompts(ModelHost host, IPolicyTraining training, string initial, IReadOnlyList<IReadOnlyList<Turn>> prompts,
        bool toTheEnd, CancellationToken cancellation)
    {
        var encoder = host.EncoderOf(training.Policy);
        var policy = stage.Spec.IsOnPolicy ? training.Policy : initial;
        var asked = prompts.Select((p, i) =>
            new SamplePrompt(encoder.EncodePrompt(p, recipe.Sampling.MaxNewTokens),
                [.. Enumerable.Range(0, stage.Samples).Select(s => Seeds.Derive((ulong)i, s))], recipe.Sampling)).ToList();
        var batch = $"{Run}/{_batches++}";
        var started = host.Time.GetTimestamp();
        var sampled = await Task.WhenAll(asked.Select((p, i) =>
            host.SampleAsync(policy, p, new Cohort(batch, asked.Count, i), cancellation)));
        _sampling += host.Time.GetElapsedTime(started).TotalSeconds;
        var answers = sampled.Select((completions, i) =>
            completions.Select(c => toTheEnd ? Lengthened(c.Ids, Room(host, asked[i])) : c.Ids).ToArray()).ToList();
        var feedback = await FeedbackModel(host, training, initial, cancellation);
        started = host.Time.GetTimestamp();
        if (feedback is not null && host.DescriptionOf(feedback).HasScalarHead)
            await host.RewardsAsync(feedback,
                [.. answers.SelectMany((all, i) => all.Select(ids => new ResponseSequence(asked[i].Prompt, ids)))], null, cancellation);
        else if (feedback is not null)
            await HostJudge.Verdicts(host, feedback,
                [.. answers.SelectMany((all, i) => Compared([.. all.Select(encoder.Tokenizer.Decode)])
                .Select(c => new Comparison(prompts[i], c.First, c.Second)))], [.. recipe.TemplatesOf(stage).Select(JudgeTemplate.ByName)],
                null, cancellation);
        if (stage.Prior is { IsUsed: true, Of: PriorModel.Reference })
            await host.LogProbsAsync(initial,
                [.. answers.SelectMany((all, i) => all.Select(ids => new ResponseSequence(asked[i].Prompt, ids)))], cancellation);
        _judging += host.Time.GetElapsedTime(started).TotalSeconds;
        await Train(host, training, StepMaterial.AsIfJudged(recipe, stage,
            [.. asked.Zip(answers, (a, ids) => (a.Prompt, (IReadOnlyList<int[]>)ids))], onlyLongest: toTheEnd));
    }

    // As many pairs as a bracket or statistical rejection sampling judges, or each against a blank response.
    private IEnumerable<(string First, string Second)> Compared(string[] texts) => stage.Spec.IsRewarded ? texts.Select(t => (t, ""))
        : texts.Zip(texts.Skip(1)).Concat(texts.Zip(texts.Skip(2)).Take(stage.Spec.FurtherPairsOfPrompt(stage)));

    private async Task Train(ModelHost host, IPolicyTraining training, StepMaterial material)
    {
        if (StepObjectives.Of(stage, material) is not { } objective)
            return;
        var started = host.Time.GetTimestamp();
        await training.StepAsync(objective, 0);
        _training += host.Time.GetElapsedTime(started).TotalSeconds;
    }

    // Null for what is no model: the oracle takes no time, and an endpoint is not asked for a plan.
    private async Task<string?> FeedbackModel(ModelHost host, IPolicyTraining training, string initial, CancellationToken cancellation)
    {
        var judge = recipe.JudgeOf(stage);
        if (judge is JudgeRef.Stage of)
            return of.Of == stage.From ? initial : await Stand(host, of.Of, cancellation);
        var source = JudgeCatalog.Of(judge, Run, recipe, new RunFolder("."), training.Policy);
        await RunModels.Load(host, source.Models, recipe);
        return source.IsModel ? source.Id : null;
    }

    private async Task<string> Stand(ModelHost host, string? earlier, CancellationToken cancellation)
    {
        if (earlier is null)
            return RunModels.IdOf(Run, null);
        if (host.Status.Models.Contains(RunModels.IdOf(Run, earlier)))
            return RunModels.IdOf(Run, earlier);
        var made = recipe.Stages.Single(s => s.Name == earlier);
        await using var training = await host.OpenTrainingAsync(Spec(made, await Stand(host, made.From, cancellation)), cancellation);
        return training.Policy;
    }

    private TrainingSpec Spec(StageRecipe of, string from) => StageSpec.Of(Run, recipe, of, from);

    private static int Room(ModelHost host, SamplePrompt prompt)
    {
        var positions = host.DescriptionOf(RunModels.IdOf(Run, null)).Config.MaxPositionEmbeddings;
        return Math.Min(positions - prompt.Prompt.Length, prompt.Options.MaxNewTokens);
    }

    private static int[] Lengthened(int[] ids, int length) => [.. ids, .. Enumerable.Repeat(ids[0], Math.Max(0, length - ids.Length))];
}
