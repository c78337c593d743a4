using System.Diagnostics;
using System.Globalization;
using SelfJudge.Abstractions;
using SelfJudge.Bench.Measures;
using SelfJudge.Hosting;
using SelfJudge.Modeling.Hosting;
using SelfJudge.Preferences.Methods;
using SelfJudge.Preferences.Recipes;

namespace SelfJudge.Bench.Benchmarks;

/// <summary>
/// Whether a long run's memory levels off: many steps of self-training through the run grain of an embedded silo, on a model
/// so small that they are quick, in a process of its own. What grows with every prompt, stream, grain or figure shows.
/// </summary>
internal static class Soak
{
    public const string Name = "soak";
    public const int DefaultSteps = 20_000;

    /// <summary>The command by which this program makes the run in a process of its own.</summary>
    public const string Command = "soak-run";

    private const int Samples = 40;

    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(100);

    public static async Task<IReadOnlyList<Figure>> Measure(int steps)
    {
        var started = Stopwatch.GetTimestamp();
        var numbers = await PeakMemory.InProcessOfItsOwn(Command, steps.ToString(CultureInfo.InvariantCulture));
        var seconds = Stopwatch.GetElapsedTime(started).TotalSeconds;
        var samples = numbers.Chunk(3).Select(n => (Step: (double)n[0], Resident: (double)n[1], Heap: (double)n[2]))
            .Where(s => s.Step >= steps / 2).ToList();
        var resident = Line([.. samples.Select(s => (s.Step, s.Resident))]);
        var heap = Line([.. samples.Select(s => (s.Step, s.Heap))]);
        double At((double Slope, double Start) line, double step) => line.Start + line.Slope * step;
        Figure Level(string name, (double Slope, double Start) line, Target? target) =>
            new(name, At(line, steps) / 1e6, "MB", At(line, steps) / At(line, steps / 2), $"of that at step {steps / 2:N0}", target);
        return
        [
            Level($"resident memory at step {steps:N0}", resident, Target.AtMost(1.05)),
            new Figure("by which it rises in the second half", resident.Slope, "bytes/step"),
            Level($"live managed objects at step {steps:N0}", heap, null),
            new Figure("by which they rise in the second half", heap.Slope, "bytes/step"),
            new Figure("steps", steps / seconds, "per second"),
        ];
    }

    /// <summary>Makes the run in this process and prints its samples: step, resident bytes, bytes of live managed objects.</summary>
    public static async Task Run(int steps)
    {
        var folder = Directory.CreateTempSubdirectory("selfjudge-soak-").FullName;
        await using (var server = SelfJudgeServer.Build(
            new ServerOptions
            {
                Storage = Path.Combine(folder, "grains.db"),
                ModelHost = new ModelHostOptions { Name = Name },
                LogToConsole = false
            }))
        {
            await server.StartAsync();
            var run = server.Grains.GetGrain<IRunGrain>(Name);
            await run.Start(new RunRequest(RecipeFile.Render(Recipe(steps)), Path.Combine(folder, "run")));
            var sampled = 0;
            for (RunStatus status; (status = await run.GetStatus()).State != RunState.Completed; await Task.Delay(Poll))
            {
                if (status.State == RunState.Failed)
                    throw new InvalidOperationException($"the run failed: {status.Message}");
                if (status.Step < (long)(sampled + 1) * steps / Samples)
                    continue;
                sampled = (int)((long)status.Step * Samples / steps);
                var heap = GC.GetTotalMemory(forceFullCollection: true);
                var resident = PeakMemory.Resident();
                await Console.Error.WriteLineAsync(
                    $"step {status.Step,7:N0}  resident {resident / 1e6,7:0.0} MB  live {heap / 1e6,6:0.0} MB");
                Console.Write($"{status.Step} {resident} {heap} ");
            }
        }
        Directory.Delete(folder, recursive: true);
    }

    private static Recipe Recipe(int steps) => new()
    {
        Name = Name,
        Data = new DataRecipe { WorldPairs = 200 },
        Model = new ModelRecipe
        {
            Init = new InitRecipe
            {
                HiddenSize = 16,
                IntermediateSize = 32,
                Layers = 1,
                Heads = 2,
                KeyValueHeads = 2,
                MaxPositions = 256
            }
        },
        Sampling = new() { MaxNewTokens = 4 },
        Stages =
        [
            new StageRecipe
            {
                Name = "Self-Judge",
                Method = StageMethod.SelfJudge,
                Adapter = new AdapterRecipe { R = 2, Alpha = 4, Targets = ["q_proj", "v_proj"] },
                Steps = steps,
                Prompts = 8,
                Samples = 2,
                LearningRate = 1e-4,
                CheckpointEvery = Math.Max(1, steps / Samples),
            },
        ],
    };

    // Least squares.
    private static (double Slope, double Start) Line(IReadOnlyList<(double X, double Y)> points)
    {
        double x = points.Average(p => p.X), y = points.Average(p => p.Y);
        var slope = points.Sum(p => (p.X - x) * (p.Y - y)) / points.Sum(p => (p.X - x) * (p.X - x));
        return (slope, y - slope * x);
    }
}
