using SelfJudge.Bench.Measures;
using SelfJudge.Hosting;
using SelfJudge.Modeling.Hosting;

namespace SelfJudge.Bench.Benchmarks;

/// <summary>
/// What actors cost: steps of the demo's self-judge stage through the run grain of an embedded silo, against the same
/// steps in a bare loop. That both do the same is checked: their losses agree to the last bit.
/// </summary>
internal static class GrainsAgainstLoop
{
    private const int RoundCount = 5;
    private const int StepsPerRound = 30;

    public static async Task<IReadOnlyList<Figure>> Measure(Workbench bench)
    {
        var start = Path.Combine(bench.Folder, "start");
        await bench.Host.SaveAsync(Workbench.Demo, start, "");
        var stage = bench.Recipe.Stages.First(s => s.Spec.IsOnPolicy) with { From = null, Steps = StepsPerRound };
        var recipe = bench.Recipe with { Model = bench.Recipe.Model with { Path = start }, Stages = [stage], Evaluation = null };
        await using var server = SelfJudgeServer.Build(
            new ServerOptions
            {
                Storage = Path.Combine(bench.Folder, "grains.db"),
                ModelHost = new ModelHostOptions { Name = "bench-silo" },
                LogToConsole = false
            });
        await server.StartAsync();
        var bare = new BareLoop(bench.Host, Workbench.Demo, recipe, stage, bench.Data);
        var grains = new GrainRun(server, recipe, bench.Folder);

        List<Steps> bareSteps = [], grainSteps = [];
        var results = await Rounds.Alternate(RoundCount, () => Record(bare.Run, bareSteps), () => Record(grains.Run, grainSteps));
        foreach (var (mine, theirs) in grainSteps.Zip(bareSteps))
            if (!mine.Losses.SequenceEqual(theirs.Losses))
                throw new InvalidOperationException("the bare loop and the grains do not train the same: their losses differ");

        string each = $"{stage.Prompts} prompts × {stage.Samples} samples";
        return
        [
            new Figure($"bare loop, {each}", 1000 * Rounds.Median(results[0]), "ms/step"),
            Figure.OfRounds($"through the grains, {each}", [.. results[1].Select(s => 1000 * s)], "ms/step",
                Rounds.Ratios(results[0], results[1]), "bare loop's time / grains' time", Target.AtLeast(0.92)),
            Idle("device idle in the bare loop", bareSteps),
            Idle("device idle under the grains", grainSteps),
        ];
    }

    private static async Task<double> Record(Func<Task<Steps>> run, List<Steps> record)
    {
        var steps = await run();
        record.Add(steps);
        return steps.SecondsPerStep;
    }

    private static Figure Idle(string name, List<Steps> steps) =>
        Figure.OfRounds(name, [.. steps.Skip(1).Select(s => 1000 * s.Idle * s.SecondsPerStep)], "ms/step",
            [.. steps.Skip(1).Select(s => s.Idle)], "of the step's time");
}
