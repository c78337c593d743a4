using System.Diagnostics;
using SelfJudge.Modeling.Hosting;
using SelfJudge.Modeling.Learning;
using SelfJudge.Modeling.Learning.Objectives;
using SelfJudge.Modeling.Sampling;
using SelfJudge.Preferences.Data;
using SelfJudge.Preferences.Learning;
using SelfJudge.Preferences.Methods;
using SelfJudge.Preferences.Randomness;
using SelfJudge.Preferences.Recipes;
using SelfJudge.Preferences.Sampling;
using SelfJudge.Preferences.Templates;
using SelfJudge.Preferences.Tournaments;
using SelfJudge.Runs.Judging;

namespace SelfJudge.Bench.Measures;

/// <summary>A stretch of self-training steps.</summary>
/// <param name="SecondsPerStep">From the end of the first step to the end of the last.</param>
/// <param name="Idle">The share of that time in which the device had nothing to do.</param>
/// <param name="Losses">Of every step.</param>
internal sealed record Steps(double SecondsPerStep, double Idle, IReadOnlyList<double> Losses);

/// <summary>
/// A self-judge stage as one would write it without actors: a task per prompt straight on the model host, then the
/// step. Prompts, seeds, batches and arithmetic are those of the grains, so that both train the same; nothing is
/// checked, logged or written.
/// </summary>
internal sealed class BareLoop(IModelHost host, string start, Recipe recipe, StageRecipe stage, TrainingData data)
{
    private const string Policy = "bare policy";

    private readonly JudgeTemplate[] _templates = [.. recipe.Judge.Templates.Select(JudgeTemplate.ByName)];

    public async Task<Steps> Run()
    {
        var training = await host.OpenTrainingAsync(new TrainingSpec(Policy, start, start, null, 1, new OptimizerOptions()),
            CancellationToken.None);
        var schedule = new LearningRateSchedule(stage.LearningRate, (int)Math.Round(stage.Warmup * stage.Steps), stage.Schedule,
            stage.Steps);
        var losses = new List<double>();
        var (since, before) = (0L, host.Status.Totals);
        for (var step = 1; step <= stage.Steps; step++)
        {
            var pairs = await Play(step);
            losses.Add((await training.StepAsync(new PreferenceObjective(pairs, stage.Loss), schedule.At(step))).Loss);
            if (step == 1)
                (since, before) = (Stopwatch.GetTimestamp(), host.Status.Totals);
        }
        var (seconds, after) = (Stopwatch.GetElapsedTime(since).TotalSeconds, host.Status.Totals);
        await training.DisposeAsync();
        return new Steps(seconds / (stage.Steps - 1), 1 - (Busy(after) - Busy(before)) / seconds, losses);
    }

    private async Task<List<PreferencePair>> Play(int step)
    {
        var seed = Seeds.Derive(Seeds.Derive(recipe.Seed, $"{stage.Name}/rollout"), step);
        var played = await Task.WhenAll(Enumerable.Range(0, stage.Prompts).Select(i => PlayOne(step, i, Seeds.Derive(seed, i))));
        return [.. played.SelectMany(p => p)];
    }

    private async Task<IReadOnlyList<PreferencePair>> PlayOne(int step, int index, ulong seed)
    {
        Cohort Together(string what) => new($"bare/{step}/{what}", stage.Prompts, index);
        var encoder = host.EncoderOf(start);
        var turns = data.Prompt((long)(step - 1) * stage.Prompts + index);
        var prompt = encoder.EncodePrompt(turns);
        var seeds = Enumerable.Range(0, stage.Samples).Select(i => Seeds.Derive(seed, i)).ToArray();
        var sampled = await host.SampleAsync(Policy, new SamplePrompt(prompt, seeds, recipe.Sampling), Together("sample"),
            CancellationToken.None);
        var texts = sampled.Select(s => encoder.Tokenizer.Decode(s.Ids)).ToArray();
        var bracket = Bracket.Of(stage.Samples, Seeds.Derive(seed, "bracket"));
        while (!bracket.IsDecided)
            bracket = bracket.Play(await HostJudge.Verdicts(host, start,
                [.. bracket.NextRound.Select(p => new Comparison(turns, texts[p.First], texts[p.Second]))], _templates,
                Together($"round {bracket.Round}"), CancellationToken.None));
        return [.. TripletSelection.From(bracket, stage.Triplets).Preferences.Select(p =>
            new PreferencePair(prompt, sampled[p.Chosen].Ids, sampled[p.Rejected].Ids))];
    }

    private static double Busy(HostTotals totals) => totals.SamplingSeconds + totals.JudgingSeconds + totals.TrainingSeconds;
}
