using SelfJudge.Preferences.Randomness;
using SelfJudge.Preferences.Recipes;
using SelfJudge.Preferences.Templates;

namespace SelfJudge.Preferences.Data;

/// <summary>Prompts and pairs from files. One prompt in ten is held out, with all its pairs.</summary>
public sealed class FileTrainingData : TrainingData
{
    private const int HeldOutEvery = 10;

    private readonly IReadOnlyList<IReadOnlyList<Turn>> _prompts;
    private readonly Dictionary<string, IReadOnlyList<PreferenceExample>> _byPrinciple, _heldOutByPrinciple;
    private readonly ulong _seed;
    private Tuple<long, int[]>? _order; // A reference, so that calls from several threads see a whole one.

    public FileTrainingData(DataRecipe recipe, ulong seed)
    {
        _seed = seed;
        var sources = recipe.Pairs is null ? recipe.Sources : [new DataSource { Path = recipe.Pairs }];
        var read = sources.Select(s => (s.Weight, Pairs: PreferenceFiles.ReadPairs(s.Path, seed, Report, recipe.MaxMalformed))).ToList();
        var keys = read.SelectMany(s => s.Pairs.Select(Key)).Distinct().ToList();
        var order = CounterRandom.Permutation(keys.Count, Seeds.Derive(seed, "split"));
        var heldOut = order.Where((_, i) => i % HeldOutEvery == 0).Select(i => keys[i]).ToHashSet();
        var chance = new CounterRandom(Seeds.Derive(seed, "weights"));
        var training = read.SelectMany(s => s.Pairs.Where(p => !heldOut.Contains(Key(p))).SelectMany(p => Enumerable.Repeat(p, Copies(s.Weight, chance)))).ToList();
        Pairs = [.. training.Where(p => p.Principle is null)];
        var extra = recipe.ExtraAnswers is null ? [] : PreferenceFiles.ReadPairs(recipe.ExtraAnswers, seed, new DataReport(), recipe.MaxMalformed).Where(p => p.Principle is null && !heldOut.Contains(Key(p))).ToList();
        Answers = extra.Count == 0 ? Pairs : [.. Pairs, .. extra];
        _byPrinciple = ByPrinciple(training);
        var withheld = read.SelectMany(s => s.Pairs).Where(p => heldOut.Contains(Key(p))).ToList();
        HeldOutPairs = [.. withheld.Where(p => p.Principle is null)];
        _heldOutByPrinciple = ByPrinciple(withheld);
        HeldOutPrompts = [.. withheld.DistinctBy(Key).Select(p => p.Prompt)];
        _prompts = recipe.Prompts is null ? [.. Pairs.DistinctBy(Key).Select(p => p.Prompt)] : Training(PreferenceFiles.ReadPrompts(recipe.Prompts, new DataReport(), recipe.MaxMalformed), heldOut, recipe.Prompts);
    }

    /// <summary>What became of the rows of pairs.</summary>
    public DataReport Report { get; } = new();

    public override IReadOnlyList<PreferenceExample> Pairs { get; }
    public override IReadOnlyList<PreferenceExample> Answers { get; }
    public override IReadOnlyList<PreferenceExample> HeldOutPairs { get; }
    public override int? PromptCount => _prompts.Count;
    public override IReadOnlyList<IReadOnlyList<Turn>> HeldOutPrompts { get; }

    public override IReadOnlyCollection<string> Principles => [.. _byPrinciple.Keys.Order(StringComparer.Ordinal)];

    public override IReadOnlyList<PreferenceExample> PairsFor(string? principle) => principle is null ? Pairs : _byPrinciple.GetValueOrDefault(principle, []);

    public override IReadOnlyList<PreferenceExample> HeldOutPairsFor(string principle) => _heldOutByPrinciple.GetValueOrDefault(principle, []);

    /// <summary>Every prompt once per epoch, in an order of its own in each.</summary>
    public override IReadOnlyList<Turn> Prompt(long n)
    {
        var (epoch, place) = Math.DivRem(n, _prompts.Count);
        var order = _order;
        if (order?.Item1 != epoch)
            _order = order = Tuple.Create(epoch, CounterRandom.Permutation(_prompts.Count, Seeds.Derive(_seed, epoch)));
        return _prompts[order.Item2[(int)place]];
    }

    // A file of prompts may hold some of those that the pairs' data holds out.
    private static IReadOnlyList<IReadOnlyList<Turn>> Training(IReadOnlyList<IReadOnlyList<Turn>> prompts, HashSet<string> heldOut, string file)
    {
        IReadOnlyList<IReadOnlyList<Turn>> kept = [.. prompts.Where(p => !heldOut.Contains(Key(p)))];
        return kept.Count > 0 ? kept : throw new DataException($"{file}: every prompt of it is one that the pairs hold out; give it other prompts, or leave data.prompts out");
    }

    private static Dictionary<string, IReadOnlyList<PreferenceExample>> ByPrinciple(IEnumerable<PreferenceExample> pairs) =>
        pairs.Where(p => p.Principle is not null).GroupBy(p => p.Principle!).ToDictionary(g => g.Key, g => (IReadOnlyList<PreferenceExample>)[.. g]);

    private static int Copies(double weight, CounterRandom chance) => (int)weight + (weight % 1 > 0 && chance.Chance(weight % 1) ? 1 : 0);

    private static string Key(PreferenceExample pair) => Key(pair.Prompt);

    private static string Key(IReadOnlyList<Turn> prompt) => string.Join('\0', prompt.Select(t => $"{t.Role}\0{t.Content}"));
}
