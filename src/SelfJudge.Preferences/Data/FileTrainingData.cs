using SelfJudge.Preferences.Randomness;
using SelfJudge.Preferences.Recipes;
using SelfJudge.Preferences.Templates;

namespace SelfJudge.Preferences.Data;

/// <summary>Prompts and pairs from files. One pair in ten is held out.</summary>
public sealed class FileTrainingData : TrainingData
{
    private const int HeldOutEvery = 10;

    private readonly IReadOnlyList<IReadOnlyList<Turn>> _prompts;
    private readonly ulong _seed;

    public FileTrainingData(DataRecipe recipe, ulong seed)
    {
        _seed = seed;
        var pairs = recipe.Pairs is null ? [] : PreferenceFiles.ReadPairs(recipe.Pairs).ToList();
        var order = CounterRandom.Permutation(pairs.Count, Seeds.Derive(seed, "split"));
        Pairs = [.. order.Where((_, i) => i % HeldOutEvery != 0).Order().Select(i => pairs[i])];
        HeldOutPairs = [.. order.Where((_, i) => i % HeldOutEvery == 0).Order().Select(i => pairs[i])];
        _prompts = recipe.Prompts is null ? [.. Pairs.Select(p => p.Prompt)] : [.. PreferenceFiles.ReadPrompts(recipe.Prompts)];
    }

    public override IReadOnlyList<PreferenceExample> Pairs { get; }
    public override IReadOnlyList<PreferenceExample> HeldOutPairs { get; }

    /// <summary>Every prompt once per epoch, in an order of its own in each.</summary>
    public override IReadOnlyList<Turn> Prompt(long n)
    {
        var (epoch, place) = Math.DivRem(n, _prompts.Count);
        return _prompts[CounterRandom.Permutation(_prompts.Count, Seeds.Derive(_seed, epoch))[(int)place]];
    }
}
