using SelfJudge.Preferences.Randomness;
using SelfJudge.Preferences.Templates;

namespace SelfJudge.World;

/// <summary>A preference pair of the world with the gold scores that ordered it.</summary>
public sealed record WorldPair(WorldPrompt Prompt, string Chosen, string Rejected, GoldScore ChosenScore, GoldScore RejectedScore);

/// <summary>Preference data of the world.</summary>
public static class WorldData
{
    /// <summary>Share of pairs whose two answers differ in the correctness of their core alone.</summary>
    private const double TwinShare = 0.35;

    /// <summary>Answers whose gold scores differ by less are not paired: nobody could tell them apart, and the label would be
    /// noise.</summary>
    private const double LeastDifference = 0.05;

    /// <summary>Pairs over training prompts: two answers of independent quality, the one of higher gold score chosen.</summary>
    /// <param name="leastQuality">Of the writers; 0 has all of them.</param>
    public static List<WorldPair> TrainingPairs(int count, ulong seed, double leastQuality = 0)
    {
        var random = new CounterRandom(Seeds.Derive(seed, "pairs"));
        var pairs = new List<WorldPair>(count);
        while (pairs.Count < count)
            if (Draw(WorldPrompts.Instance.Draw(random), random, leastQuality) is { } pair)
                pairs.Add(pair);
        return pairs;
    }

    /// <summary>One pair for each of the given prompts, for measuring a judge.</summary>
    public static List<WorldPair> PairsOf(IEnumerable<WorldPrompt> prompts, ulong seed)
    {
        var random = new CounterRandom(Seeds.Derive(seed, "judge pairs"));
        return [.. prompts.Select(prompt =>
        {
            WorldPair? pair;
            while ((pair = Draw(prompt, random)) is null) { }
            return pair;
        })];
    }

    /// <summary>What a rationale says of one answer: a grade for each principle.</summary>
    public static string Grades(GoldScore score) => string.Join(' ', Enum.GetValues<Principle>().Select(p => Grade(score[p])));

    /// <summary>What a rationale says of one answer by one principle.</summary>
    public static string Grade(double score) => score < 0.4 ? "poor" : score < 0.75 ? "fair" : "good";

    private static WorldPair? Draw(WorldPrompt prompt, CounterRandom random, double leastQuality = 0)
    {
        var (first, second) = DrawAnswers(prompt, random, leastQuality);
        GoldScore a = GoldOracle.Score(prompt, first), b = GoldOracle.Score(prompt, second);
        if (Math.Abs(a.Mean - b.Mean) < LeastDifference)
            return null;
        return a.Mean > b.Mean ? new WorldPair(prompt, first, second, a, b) : new WorldPair(prompt, second, first, b, a);
    }

    // Style is easy to judge and correctness is hard, so a share of the pairs differ in nothing else.
    private static (string, string) DrawAnswers(WorldPrompt prompt, CounterRandom random, double leastQuality)
    {
        double Quality() => leastQuality + (1 - leastQuality) * random.Uniform();
        if (!random.Chance(TwinShare))
            return (Behaviour.Answer(prompt, Quality(), random.NextSeed()), Behaviour.Answer(prompt, Quality(), random.NextSeed()));
        var (quality, seed) = (Quality(), random.NextSeed());
        return (Behaviour.Answer(prompt, quality, seed, isRight: true), Behaviour.Answer(prompt, quality, seed, isRight: false));
    }
}
