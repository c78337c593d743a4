using SelfJudge.Modeling.Hosting;

namespace SelfJudge.Bench.Benchmarks;

/// <summary>
/// Requests that know nothing of each other: each samples a prompt twice and judges the two answers in both orders.
/// All at once, the host makes batches of them; one at a time, each has the device to itself, on a host that does not
/// wait for company.
/// </summary>
internal static class DynamicBatching
{
    private const int RoundCount = 5;
    private const int Requests = 64;
    private const string Alone = "alone";

    public static async Task<IReadOnlyList<Figure>> Measure(Workbench bench)
    {
        var folder = Path.Combine(bench.Folder, "batching");
        await bench.Host.SaveAsync(Workbench.Demo, folder, "");
        using var solitary = new ModelHost(new ModelHostOptions { Name = "bench-alone", BatchWindow = TimeSpan.Zero });
        await solitary.LoadAsync(Alone, new ModelSource(folder, null, null, bench.Recipe.Model.DialogueTemplate), CancellationToken.None);
        var results = await Rounds.Alternate(RoundCount,
            () => Rounds.Seconds(async () =>
            {
                for (var i = 0; i < Requests; i++)
                    await Serve(bench, solitary, Alone, i);
            }),
            () => Rounds.Seconds(() =>
                Task.WhenAll(Enumerable.Range(0, Requests).Select(i => Serve(bench, bench.Host, Workbench.Demo, i)))));
        return
        [
            new Figure("one request at a time", Requests / Rounds.Median(results[0]), "requests/s"),
            Figure.OfRounds($"{Requests} requests at once", [.. results[1].Select(s => Requests / s)], "requests/s",
                Rounds.Ratios(results[0], results[1]), "of one at a time"),
        ];
    }

    private static async Task Serve(Workbench bench, ModelHost host, string model, int index)
    {
        var sampled = await host.SampleAsync(model, bench.Prompt(index, 2), null, CancellationToken.None);
        var (encoder, turns, template) = (bench.Encoder, bench.Data.Prompt(index), bench.Templates[0]);
        string Text(int i) => encoder.Tokenizer.Decode(sampled[i].Ids);
        await host.JudgeAsync(model, [encoder.EncodeJudge(template, template.Context(turns), Text(0), Text(1)),
            encoder.EncodeJudge(template, template.Context(turns), Text(1), Text(0))], null, CancellationToken.None);
    }
}
