using SelfJudge.Preferences.Randomness;
using SelfJudge.Preferences.Templates;
using SelfJudge.Preferences.World;

namespace SelfJudge.Preferences.Data;

/// <summary>The built-in world as training data.</summary>
public sealed class WorldTrainingData : TrainingData
{
    // Judges of every run are measured on the same held-out pairs.
    private const ulong HeldOutSeed = 7;

    private readonly ulong _promptSeed;

    public WorldTrainingData(int pairs, ulong seed)
    {
        _promptSeed = Seeds.Derive(seed, "prompts");
        Pairs = [.. WorldData.TrainingPairs(pairs, seed).Select(ToExample)];
        HeldOutPairs = [.. WorldData.PairsOf(WorldPrompts.Instance.Test, HeldOutSeed).Select(ToExample)];
    }

    public override IReadOnlyList<PreferenceExample> Pairs { get; }
    public override IReadOnlyList<PreferenceExample> HeldOutPairs { get; }

    public override IReadOnlyList<Turn> Prompt(long n) => ToTurns(WorldPrompts.Instance.Draw(new CounterRandom(Seeds.Derive(_promptSeed, n))));

    public static IReadOnlyList<Turn> ToTurns(WorldPrompt prompt) => [new Turn(Role.User, prompt.Text)];

    private static PreferenceExample ToExample(WorldPair pair) =>
        new(ToTurns(pair.Prompt), pair.Chosen, pair.Rejected, WorldData.Grades(pair.ChosenScore), WorldData.Grades(pair.RejectedScore));
}
