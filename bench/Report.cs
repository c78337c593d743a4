using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text.Json;
using Spectre.Console;

namespace SelfJudge.Bench;

/// <summary>A benchmark by the name that the command line knows.</summary>
internal sealed record Benchmark(string Name, string Description, Func<Workbench, Task<IReadOnlyList<Figure>>> Measure);

/// <summary>Runs benchmarks and shows what they found: a table on the console, the same as JSON in a file.</summary>
internal static class Report
{
    private static readonly JsonSerializerOptions Json =
        new() { WriteIndented = true, PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower };

    public static async Task Run(IReadOnlyList<Benchmark> benchmarks, string output, CancellationToken cancellation)
    {
        var started = Stopwatch.GetTimestamp();
        var found = new List<(Benchmark Benchmark, IReadOnlyList<Figure> Figures)>();
        await Console.Error.WriteLineAsync("preparing the demo's model");
        await using (var bench = await Workbench.Open())
            foreach (var benchmark in benchmarks)
            {
                cancellation.ThrowIfCancellationRequested();
                await Console.Error.WriteLineAsync($"{benchmark.Name}: {benchmark.Description}");
                found.Add((benchmark, await benchmark.Measure(bench)));
            }
        Print(found);
        await File.WriteAllTextAsync(output, ToJson(found, Stopwatch.GetElapsedTime(started).TotalSeconds), cancellation);
        Console.WriteLine($"{Environment.ProcessorCount} cores, {Stopwatch.GetElapsedTime(started).TotalSeconds:0} s, written to {output}");
    }

    private static void Print(List<(Benchmark Benchmark, IReadOnlyList<Figure> Figures)> found)
    {
        var table = new Table().Border(TableBorder.Rounded).AddColumns("benchmark", "figure")
            .AddColumn(new TableColumn("value").RightAligned().NoWrap()).AddColumn("unit")
                .AddColumn(new TableColumn("ratio").RightAligned().NoWrap()).AddColumn("what it is a ratio of").AddColumn("target");
        foreach (var (benchmark, figures) in found)
        {
            if (benchmark != found[0].Benchmark)
                table.AddEmptyRow();
            foreach (var (i, figure) in figures.Index())
                table.AddRow([.. new[]
                {
                    i == 0 ? benchmark.Name : "", figure.Name, Digits(figure.Value), figure.Unit,
                        figure.Ratio is { } ratio ? Digits(ratio) : "", figure.RatioOf,
                    figure is { Target: { } target, Ratio: { } reached } ? $"{target} {(target.IsMet(reached) ? "met" : "missed")}" : "",
                }.Select(Markup.Escape)]);
        }
        // A log has no width that a table should be squeezed into.
        if (Console.IsOutputRedirected)
            AnsiConsole.Profile.Width = 200;
        AnsiConsole.Write(table);
    }

    private static string Digits(double value) => Math.Abs(value) switch
    {
        >= 100 => value.ToString("#,0"),
        >= 10 => value.ToString("0.0"),
        >= 0.1 => value.ToString("0.00"),
        _ => value.ToString("0.000"),
    };

    private static string ToJson(List<(Benchmark Benchmark, IReadOnlyList<Figure> Figures)> found, double seconds) =>
        JsonSerializer.Serialize(new
        {
            Date = DateTimeOffset.UtcNow,
            Seconds = seconds,
            Version = typeof(Report).Assembly.GetName().Version!.ToString(3),
            Environment.ProcessorCount,
            Processor = ProcessorName(),
            System = RuntimeInformation.OSDescription,
            Framework = RuntimeInformation.FrameworkDescription,
            Figures = found.SelectMany(f => f.Figures.Select(figure => new
            {
                Benchmark = f.Benchmark.Name,
                Figure = figure.Name,
                figure.Value,
                figure.Unit,
                figure.Ratio,
                figure.RatioOf,
                figure.RatioByRound,
                Target = figure.Target?.ToString(),
                TargetMet = figure is { Target: { } target, Ratio: { } ratio } ? target.IsMet(ratio) : (bool?)null,
            })),
        }, Json);

    private static string ProcessorName() => File.Exists("/proc/cpuinfo")
        ? File.ReadLines("/proc/cpuinfo").FirstOrDefault(l => l.StartsWith("model name", StringComparison.Ordinal))?.Split(':', 2)[1].Trim()
            ?? ""
        : RuntimeInformation.ProcessArchitecture.ToString();
}
