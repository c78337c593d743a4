using SelfJudge.Preferences.Data;
using SelfJudge.Preferences.Randomness;
using SelfJudge.Preferences.Recipes;
using SelfJudge.Preferences.Templates;

namespace SelfJudge.World;

/// <summary>The built-in world as training data.</summary>
public sealed class WorldTrainingData : TrainingData
{
    // Judges of every run are measured on the same held-out pairs.
    private const ulong HeldOutSeed = 7;

    // Answers that no judgment goes with are a better writer's, as HH's online split is an aligned model's.
    private const double ExtraQuality = 0.5;

    private readonly ulong _promptSeed;
    private readonly Dictionary<string, IReadOnlyList<PreferenceExample>> _byPrinciple, _heldOutByPrinciple;

    public WorldTrainingData(int pairs, ulong seed, int extraAnswers = 0, HeldOutSplit split = HeldOutSplit.Test)
    {
        _promptSeed = Seeds.Derive(seed, "prompts");
        var drawn = WorldData.TrainingPairs(pairs, seed);
        Pairs = [.. drawn.Select(ToExample)];
        Answers = extraAnswers == 0 ? Pairs : [.. Pairs,
            .. WorldData.TrainingPairs(extraAnswers, Seeds.Derive(seed, "extra answers"), ExtraQuality).Select(ToExample)];
        _byPrinciple = ByPrinciple(drawn);
        var prompts = split == HeldOutSplit.Validation ? WorldPrompts.Instance.Validation : WorldPrompts.Instance.Test;
        HeldOutPrompts = [.. prompts.Select(ToTurns)];
        var heldOut = WorldData.PairsOf(prompts, HeldOutSeed);
        HeldOutPairs = [.. heldOut.Select(ToExample)];
        _heldOutByPrinciple = ByPrinciple(heldOut);
    }

    public override IReadOnlyList<PreferenceExample> Pairs { get; }
    public override IReadOnlyList<PreferenceExample> Answers { get; }
    public override IReadOnlyList<PreferenceExample> HeldOutPairs { get; }
    public override IReadOnlyList<IReadOnlyList<Turn>> HeldOutPrompts { get; }

    public override IReadOnlyCollection<string> Principles => _byPrinciple.Keys;

    public override IReadOnlyList<PreferenceExample> PairsFor(string? principle) =>
        principle is null ? Pairs : _byPrinciple.GetValueOrDefault(principle, []);

    public override IReadOnlyList<PreferenceExample> HeldOutPairsFor(string principle) =>
        _heldOutByPrinciple.GetValueOrDefault(principle, []);

    public override IReadOnlyList<Turn> Prompt(long n) =>
        ToTurns(WorldPrompts.Instance.Draw(new CounterRandom(Seeds.Derive(_promptSeed, n))));

    public static IReadOnlyList<Turn> ToTurns(WorldPrompt prompt) => [new Turn(Role.User, prompt.Text)];

    private static Dictionary<string, IReadOnlyList<PreferenceExample>> ByPrinciple(IReadOnlyList<WorldPair> pairs) =>
        Enum.GetValues<Principle>().ToDictionary(p => p.Name(), p =>
            (IReadOnlyList<PreferenceExample>)[.. pairs.Select(pair => ToExample(pair, p)).OfType<PreferenceExample>()]);

    private static PreferenceExample ToExample(WorldPair pair) =>
        new(ToTurns(pair.Prompt), pair.Chosen, pair.Rejected, WorldData.Grades(pair.ChosenScore), WorldData.Grades(pair.RejectedScore));

    /// <summary>The pair as one principle orders it; null where it is tied on that.</summary>
    private static PreferenceExample? ToExample(WorldPair pair, Principle principle)
    {
        var (chosen, rejected) = (pair.ChosenScore[principle], pair.RejectedScore[principle]);
        if (chosen == rejected)
            return null;
        var (better, worse) = chosen > rejected ? (pair.Chosen, pair.Rejected) : (pair.Rejected, pair.Chosen);
        return new PreferenceExample(ToTurns(pair.Prompt), better, worse, WorldData.Grade(Math.Max(chosen, rejected)),
            WorldData.Grade(Math.Min(chosen, rejected)), principle.Name());
    }
}
