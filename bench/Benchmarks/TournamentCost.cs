using SelfJudge.Modeling.Tokenizers;
using SelfJudge.Preferences.Judging;
using SelfJudge.Preferences.Sampling;
using SelfJudge.Preferences.Tournaments;

namespace SelfJudge.Bench.Benchmarks;

/// <summary>
/// What an answer by tournament costs over a single sample. The prompts of a batch sample together and play each round
/// together; those of every round are prompts of their own, of which the host has read nothing yet. Matches of identical
/// answers are judged too, which runs spare themselves.
/// </summary>
internal static class TournamentCost
{
    private const int RoundCount = 5;
    private const int Prompts = 32;
    private const int Entrants = 16;

    public static async Task<IReadOnlyList<Figure>> Measure(Workbench bench)
    {
        var answers = new List<string[][]>(); // of every round, and of the one that does not count
        for (var round = 0; round <= RoundCount; round++)
            answers.Add(await Sample(bench, Entrants, round));
        var played = 0;
        var results = await Rounds.Alternate(RoundCount,
            () => Rounds.Seconds(() => Sample(bench, 1)),
            () => Rounds.Seconds(() => Sample(bench, Entrants)),
            () => Rounds.Seconds(() => Play(bench, answers, played++)));
        double[] single = results[0], sampling = results[1], judging = results[2], whole = [.. sampling.Zip(judging, (s, j) => s + j)];
        Figure Of(string name, double[] seconds, double[] by, string ratioOf, Target? target = null) =>
            Figure.OfRounds(name, PerPrompt(seconds), "ms/prompt", Rounds.Ratios(seconds, by), ratioOf, target);
        return
        [
            new Figure("a single sample", Rounds.Median(PerPrompt(single)), "ms/prompt"),
            Of($"sampling {Entrants}", sampling, whole, "of the tournament"),
            Of($"judging {Entrants - 1} matches in both orders", judging, whole, "of the tournament"),
            Of($"tournament of {Entrants}", whole, single, "of a single sample", Target.AtMost(18)),
        ];
    }

    // Texts of the samples of a round's prompts: [prompt][sample].
    private static async Task<string[][]> Sample(Workbench bench, int samples, int round = 0)
    {
        var sampled = await Task.WhenAll(Enumerable.Range(0, Prompts).Select(i =>
            bench.Host.SampleAsync(Workbench.Demo, bench.Prompt(round * Prompts + i, samples),
                new Cohort($"tournament/{samples}", Prompts, i), CancellationToken.None)));
        return [.. sampled.Select(s => s.Select(c => bench.Encoder.Tokenizer.Decode(c.Ids)).ToArray())];
    }

    private static Task Play(Workbench bench, List<string[][]> answers, int round) => Task.WhenAll(answers[round].Select(async (texts, i) =>
    {
        var (encoder, turns, template) = (bench.Encoder, bench.Data.Prompt(round * Prompts + i), bench.Templates[0]);
        EncodedJudgePrompt Judged(int first, int second) =>
            encoder.EncodeJudge(template, template.Context(turns), texts[first], texts[second]);
        for (var bracket = Bracket.Of(Entrants, (ulong)i); !bracket.IsDecided;)
        {
            var probabilities = await bench.Host.JudgeAsync(Workbench.Demo,
                [.. bracket.NextRound.SelectMany(p => new[] { Judged(p.First, p.Second), Judged(p.Second, p.First) })],
                new Cohort($"tournament/round {bracket.Round}", Prompts, i), CancellationToken.None);
            bracket = bracket.Play([.. probabilities.Chunk(2)
                .Select(orders => Verdict.Of([new TemplateJudgment(null, orders[0], orders[1])]))]);
        }
    }));

    private static double[] PerPrompt(double[] seconds) => [.. seconds.Select(s => 1000 * s / Prompts)];
}
