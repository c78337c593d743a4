using SelfJudge.Preferences.Randomness;

namespace SelfJudge.World;

/// <summary>All prompts of the world, divided once and for all into training, validation and test prompts.</summary>
public sealed class WorldPrompts
{
    public const int TestCount = 640;
    public const int ValidationCount = 320;

    // The division does not follow the run's seed: what was never tuned on stays that way.
    private const ulong SplitSeed = 20240207;

    private static readonly PromptModifier[] Modifiers = [PromptModifier.None, PromptModifier.Brief, PromptModifier.Polite,
        PromptModifier.Thanks, PromptModifier.Polite | PromptModifier.Thanks];
    private static readonly bool[] WithAndWithout = [false, true];
    private static readonly Lazy<WorldPrompts> Shared = new(() => new WorldPrompts());

    private static readonly Lazy<Dictionary<string, WorldPrompt>> ByText =
        new(() => Enumerate().DistinctBy(p => p.Text).ToDictionary(p => p.Text));

    private WorldPrompts()
    {
        var families = Enumerate().GroupBy(p => p.Family).Select(g => Shuffled([.. g])).ToArray();
        var total = families.Sum(f => f.Length);
        foreach (var family in families)
        {
            var test = (int)Math.Round((double)TestCount * family.Length / total);
            var validation = (int)Math.Round((double)ValidationCount * family.Length / total);
            Test.AddRange(family[..test]);
            Validation.AddRange(family[test..(test + validation)]);
            TrainByFamily.Add(family[(test + validation)..]);
        }
    }

    /// <summary>The one division that every run uses.</summary>
    public static WorldPrompts Instance => Shared.Value;

    /// <summary>Prompts that training and tuning never see; families in proportion.</summary>
    public List<WorldPrompt> Test { get; } = [];

    /// <summary>Prompts for tuning and for curves during training.</summary>
    public List<WorldPrompt> Validation { get; } = [];

    /// <summary>Training prompts, family by family.</summary>
    public List<WorldPrompt[]> TrainByFamily { get; } = [];

    /// <summary>The prompt of that text; null where the world has none.</summary>
    public static WorldPrompt? Find(string text) => ByText.Value.GetValueOrDefault(text);

    /// <summary>A training prompt: a family drawn uniformly, then one of its prompts.</summary>
    public WorldPrompt Draw(CounterRandom random) => random.Pick(random.Pick(TrainByFamily));

    /// <summary>Every prompt of the world.</summary>
    public static IEnumerable<WorldPrompt> Enumerate() =>
        from question in Questions()
        from modifier in Modifiers
        from please in WithAndWithout
        select new WorldPrompt(question.Family, question.Subject, question.Detail, question.Count, modifier, please);

    private static IEnumerable<(PromptFamily Family, string Subject, string Detail, int Count)> Questions()
    {
        foreach (var thing in Lexicon.Animals.Keys.Concat(Lexicon.Fruits.Keys).Concat(Lexicon.UnknownCreatures))
            foreach (var attribute in Lexicon.AttributesOf(thing))
                yield return (PromptFamily.Fact, thing, attribute, 0);
        foreach (var category in Lexicon.Categories.Keys)
            for (var count = 2; count <= 4; count++)
                yield return (PromptFamily.List, category, "", count);
        for (var a = 1; a <= 7; a++)
            for (var b = 1; b <= 7; b++)
                yield return (PromptFamily.Sum, Lexicon.Numbers[a], Lexicon.Numbers[b], 0);
        foreach (var word in Lexicon.Sounds)
            for (var count = 2; count <= 4; count++)
                yield return (PromptFamily.Repeat, word, "", count);
        foreach (var word in Lexicon.Opposites.Keys)
            yield return (PromptFamily.Opposite, word, "", 0);
        foreach (var kind in Lexicon.Kinds.Keys)
            foreach (var thing in Lexicon.Kinds.Values.SelectMany(v => v))
                yield return (PromptFamily.IsA, thing, kind, 0);
    }

    private static WorldPrompt[] Shuffled(WorldPrompt[] prompts) =>
        [.. CounterRandom.Permutation(prompts.Length, Seeds.Derive(SplitSeed, (long)prompts[0].Family)).Select(i => prompts[i])];
}
