using SelfJudge.Modeling.Hosting;
using SelfJudge.Modeling.Kernels.Cpu;
using SelfJudge.Modeling.Sampling;
using SelfJudge.Preferences.Randomness;
using SelfJudge.Preferences.Sampling;

namespace SelfJudge.Bench.Benchmarks;

/// <summary>Tokens per second of the Llama with its weights in each type (<c>--dtype</c>), by those with weights in float32: of many
/// sequences at once, and of one.</summary>
internal static class WeightTypes
{
    private const int RoundCount = 5;
    private const int PromptLength = 16;
    private const int AnswerLength = 64;
    private const string Model = "llama-15m";

    public static async Task<IReadOnlyList<Figure>> Measure(Workbench bench)
    {
        WeightDtype[] types = [WeightDtype.Float32, WeightDtype.BFloat16,
            .. RoundedProduct.Problem is null ? new[] { WeightDtype.Rounded } : []];
        var figures = new List<Figure>();
        foreach (var prompts in new[] { 64, 1 })
        {
            var hosts = types.Select(t => new ModelHost(new ModelHostOptions { Name = $"bench-{t}", Dtype = t })).ToList();
            foreach (var host in hosts)
                await host.LoadAsync(Model, Workbench.Llama15M(), CancellationToken.None);
            var results = await Rounds.Alternate(RoundCount,
                [.. hosts.Select(h => (Func<Task<double>>)(() => TokensPerSecond(h, prompts)))]);
            hosts.ForEach(h => h.Dispose());
            figures.AddRange(types.Select((t, i) =>
                Figure.OfRounds($"{t.ToString().ToLowerInvariant()}, {prompts} sequence{(prompts == 1 ? "" : "s")}", results[i], "tokens/s",
                Rounds.Ratios(results[i], results[0]), "of float32's", null)));
        }
        return figures;
    }

    private static async Task<double> TokensPerSecond(ModelHost host, int prompts)
    {
        var options = new SamplingOptions { MaxNewTokens = AnswerLength };
        SampledSequence[][] answers = [];
        var seconds = await Rounds.Seconds(async () => answers = await Task.WhenAll(Enumerable.Range(0, prompts).Select(i =>
            host.SampleAsync(Model, new SamplePrompt(Prompt(i, host.DescriptionOf(Model).Config.VocabSize), [(ulong)i], options),
                new Cohort("types", prompts, i), CancellationToken.None))));
        return answers.SelectMany(a => a).Sum(a => a.Ids.Length) / seconds;
    }

    private static int[] Prompt(int seed, int vocabulary)
    {
        var random = new CounterRandom((ulong)seed);
        return [.. Enumerable.Range(0, PromptLength).Select(_ => random.Below(vocabulary))];
    }
}
