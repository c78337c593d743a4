using System.Diagnostics;

namespace SelfJudge.Bench;

/// <summary>Measures contenders in alternation, so that whatever else the machine does hits all of them alike.</summary>
internal static class Rounds
{
    /// <summary>
    /// Runs every contender once per round, in the opposite order every second round, after one round that does not
    /// count. Returns what each contender reported: [contender][round].
    /// </summary>
    public static async Task<double[][]> Alternate(int rounds, params Func<Task<double>>[] contenders)
    {
        var results = contenders.Select(_ => new double[rounds]).ToArray();
        foreach (var contender in contenders)
            await contender();
        for (var round = 0; round < rounds; round++)
        {
            var order = Enumerable.Range(0, contenders.Length);
            foreach (var i in round % 2 == 0 ? order : order.Reverse())
                results[i][round] = await contenders[i]();
        }
        return results;
    }

    /// <summary>Seconds that something takes.</summary>
    public static async Task<double> Seconds(Func<Task> body)
    {
        var started = Stopwatch.GetTimestamp();
        await body();
        return Stopwatch.GetElapsedTime(started).TotalSeconds;
    }

    public static double Median(IEnumerable<double> values)
    {
        var sorted = values.Order().ToArray();
        return (sorted[(sorted.Length - 1) / 2] + sorted[sorted.Length / 2]) / 2;
    }

    /// <summary>a[round] / b[round]</summary>
    public static double[] Ratios(IEnumerable<double> a, IEnumerable<double> b) => [.. a.Zip(b, (x, y) => x / y)];
}
