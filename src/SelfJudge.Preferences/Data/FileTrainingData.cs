using System.IO.Hashing;
using System.Runtime.InteropServices;
using SelfJudge.Preferences.Randomness;
using SelfJudge.Preferences.Recipes;
using SelfJudge.Preferences.Templates;

namespace SelfJudge.Preferences.Data;

/// <summary>
/// Prompts and pairs from files. One prompt in ten is held out, with all its pairs. They are read once, into a temporary
/// file (<see cref="SpilledList{T}"/>); memory holds some bytes a row, whatever its texts' length. The lists read from
/// that file at each access, from any thread.
/// </summary>
public sealed class FileTrainingData : TrainingData
{
    private const int HeldOutEvery = 10;

    private readonly SpilledList<PreferenceExample> _pairs = SpilledRows.Pairs(); // As read; every list of pairs is a view of it.
    private readonly IReadOnlyList<IReadOnlyList<Turn>> _prompts;
    private readonly Dictionary<string, IReadOnlyList<PreferenceExample>> _byPrinciple, _heldOutByPrinciple;
    private readonly ulong _seed;
    private Tuple<long, int[]>? _order; // A reference, so that calls from several threads see a whole one.

    public FileTrainingData(DataRecipe recipe, ulong seed)
    {
        _seed = seed;
        var rows = new List<(UInt128 Key, string? Principle, double Weight)>();
        foreach (var source in recipe.Pairs is null ? recipe.Sources : [new DataSource { Path = recipe.Pairs }])
            foreach (var pair in PreferenceFiles.StreamPairs(source.Path, seed, Report, recipe.MaxMalformed))
            {
                _pairs.Add(pair);
                rows.Add((Key(pair.Prompt), pair.Principle, source.Weight));
            }
        var heldOut = HeldOut([.. rows.Select(r => r.Key).Distinct()], seed);
        var chance = new CounterRandom(Seeds.Derive(seed, "weights"));
        List<int> training = [], withheld = [], answers = [];
        for (var i = 0; i < rows.Count; i++)
            if (heldOut.Contains(rows[i].Key))
                withheld.Add(i);
            else
                training.AddRange(Enumerable.Repeat(i, Copies(rows[i].Weight, chance)));
        foreach (var extra in recipe.ExtraAnswers is null ? []
            : PreferenceFiles.StreamPairs(recipe.ExtraAnswers, seed, new DataReport(), recipe.MaxMalformed))
            if (extra.Principle is null && !heldOut.Contains(Key(extra.Prompt)))
            {
                answers.Add(_pairs.Count);
                _pairs.Add(extra);
            }
        IndexedList<IReadOnlyList<Turn>> PromptsAt(IEnumerable<int> places) => PromptsOf([.. places.DistinctBy(i => rows[i].Key)]);
        Dictionary<string, IReadOnlyList<PreferenceExample>> ByPrinciple(IEnumerable<int> places) =>
            places.Where(i => rows[i].Principle is not null).GroupBy(i => rows[i].Principle!)
                .ToDictionary(g => g.Key, IReadOnlyList<PreferenceExample> (g) => At([.. g]));
        List<int> overall = [.. training.Where(i => rows[i].Principle is null)];
        Pairs = At([.. overall]);
        Answers = answers.Count == 0 ? Pairs : At([.. overall, .. answers]);
        _byPrinciple = ByPrinciple(training);
        HeldOutPairs = At([.. withheld.Where(i => rows[i].Principle is null)]);
        _heldOutByPrinciple = ByPrinciple(withheld);
        HeldOutPrompts = PromptsAt(withheld);
        _prompts = recipe.Prompts is null ? PromptsAt(overall)
            : Training(PreferenceFiles.StreamPrompts(recipe.Prompts, new DataReport(), recipe.MaxMalformed), heldOut, recipe.Prompts);
    }

    /// <summary>What became of the rows of pairs.</summary>
    public DataReport Report { get; } = new();

    public override IReadOnlyList<PreferenceExample> Pairs { get; }
    public override IReadOnlyList<PreferenceExample> Answers { get; }
    public override IReadOnlyList<PreferenceExample> HeldOutPairs { get; }
    public override int? PromptCount => _prompts.Count;
    public override IReadOnlyList<IReadOnlyList<Turn>> HeldOutPrompts { get; }

    public override IReadOnlyCollection<string> Principles => [.. _byPrinciple.Keys.Order(StringComparer.Ordinal)];

    public override IReadOnlyList<PreferenceExample> PairsFor(string? principle) =>
        principle is null ? Pairs : _byPrinciple.GetValueOrDefault(principle, []);

    public override IReadOnlyList<PreferenceExample> HeldOutPairsFor(string principle) =>
        _heldOutByPrinciple.GetValueOrDefault(principle, []);

    /// <summary>Every prompt once per epoch, in an order of its own in each.</summary>
    public override IReadOnlyList<Turn> Prompt(long n)
    {
        var (epoch, place) = Math.DivRem(n, _prompts.Count);
        var order = _order;
        if (order?.Item1 != epoch)
            _order = order = Tuple.Create(epoch, CounterRandom.Permutation(_prompts.Count, Seeds.Derive(_seed, epoch)));
        return _prompts[order.Item2[(int)place]];
    }

    // Of their own, lest the views keep what the constructor needs for itself.
    private IndexedList<PreferenceExample> At(int[] places) => new(i => _pairs[i], places);

    private IndexedList<IReadOnlyList<Turn>> PromptsOf(int[] places) => new(i => _pairs[i].Prompt, places);

    private static HashSet<UInt128> HeldOut(List<UInt128> keys, ulong seed) =>
        [.. CounterRandom.Permutation(keys.Count, Seeds.Derive(seed, "split")).Where((_, i) => i % HeldOutEvery == 0).Select(i => keys[i])];

    // A file of prompts may hold some of those that the pairs' data holds out.
    private static SpilledList<IReadOnlyList<Turn>> Training(IEnumerable<IReadOnlyList<Turn>> prompts, HashSet<UInt128> heldOut,
        string file)
    {
        var kept = SpilledRows.Prompts(prompts.Where(p => !heldOut.Contains(Key(p))));
        return kept.Count > 0 ? kept
            : throw new DataException(
            $"{file}: every prompt of it is one that the pairs hold out; give it other prompts, or leave data.prompts out");
    }

    private static int Copies(double weight, CounterRandom chance) => (int)weight + (weight % 1 > 0 && chance.Chance(weight % 1) ? 1 : 0);

    // Tells prompts apart without keeping their text: among a billion prompts, two of one key have a chance of 1e-21.
    private static UInt128 Key(IReadOnlyList<Turn> prompt) =>
        XxHash128.HashToUInt128(MemoryMarshal.AsBytes(string.Join('\0', prompt.Select(t => $"{t.Role}\0{t.Content}")).AsSpan()));
}
