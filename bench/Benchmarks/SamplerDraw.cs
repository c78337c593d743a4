using System.Diagnostics;
using SelfJudge.Bench.Measures;
using SelfJudge.Preferences.Randomness;
using SelfJudge.Preferences.Sampling;

namespace SelfJudge.Bench.Benchmarks;

/// <summary>
/// The time of drawing one token, against sorting the vocabulary. Logits are normal, of deviation 0.9 (flat) or 3, or
/// forty tokens stand out of such of deviation 1.5 (peaked), as in a trained model's predictions.
/// </summary>
internal static class SamplerDraw
{
    private const int RoundCount = 5;
    private const int Distributions = 8;
    private const double SecondsPerRound = 0.02;
    private const double SecondsToWarm = 0.5; // until the compiler has optimised both

    public static async Task<IReadOnlyList<Figure>> Measure(Workbench bench)
    {
        var figures = new List<Figure>();
        foreach (var vocabulary in new[] { 190, 32_000, 128_256 })
            foreach (var (shape, deviation, peaks) in new[] { ("flat", 0.9f, 0), ("deviation 3", 3f, 0), ("peaked", 1.5f, 40) })
                foreach (var topP in new[] { 0.9, 1 })
                {
                    var logits = Enumerable.Range(1, Distributions).Select(seed => Logits(vocabulary, deviation, peaks, (ulong)seed))
                        .ToArray();
                    var options = new SamplingOptions { TopP = topP };
                    var (sampler, sorting) = (new TokenSampler(), new SortingSampler(vocabulary));
                    Task<double> Sampler() => Microseconds(i =>
                        sampler.Draw(logits[i % Distributions], options, CounterRandom.Uniform(1, (ulong)i)));
                    Task<double> Sorting() => Microseconds(i =>
                        sorting.Draw(logits[i % Distributions], options, CounterRandom.Uniform(1, (ulong)i)));
                    for (var started = Stopwatch.GetTimestamp(); figures.Count == 0
                        && Stopwatch.GetElapsedTime(started).TotalSeconds < SecondsToWarm;)
                        await Rounds.Alternate(1, Sampler, Sorting);
                    var results = await Rounds.Alternate(RoundCount, Sampler, Sorting);
                    figures.Add(Figure.OfRounds($"vocabulary {vocabulary:#,0}, {shape}, top-p {topP}", results[0], "µs",
                        Rounds.Ratios(results[1], results[0]), $"sorting's {Rounds.Median(results[1]):#,0.0} µs / sampler's",
                        Target.AtLeast(1)));
                }
        return figures;
    }

    private static float[] Logits(int vocabulary, float deviation, int peaks, ulong seed)
    {
        var logits = new float[vocabulary];
        CounterRandom.FillNormal(logits, seed, deviation);
        var random = new CounterRandom(seed);
        for (var i = 1; i <= Math.Min(peaks, vocabulary / 4); i++)
            logits[random.Below(vocabulary)] = 14 - 2.4f * MathF.Log(i);
        return logits;
    }

    private static Task<double> Microseconds(Action<int> draw)
    {
        var started = Stopwatch.GetTimestamp();
        var draws = 0;
        do
            for (var i = 0; i < Distributions; i++)
                draw(draws++);
        while (Stopwatch.GetElapsedTime(started).TotalSeconds < SecondsPerRound);
        return Task.FromResult(Stopwatch.GetElapsedTime(started).TotalMicroseconds / draws);
    }
}
