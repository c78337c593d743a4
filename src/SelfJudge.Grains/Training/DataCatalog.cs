using System.Collections.Concurrent;
using SelfJudge.Preferences.Data;
using SelfJudge.Preferences.Recipes;

namespace SelfJudge.Grains.Training;

/// <summary>The training data of a silo's runs, loaded once each.</summary>
public sealed class DataCatalog
{
    private readonly ConcurrentDictionary<(DataRecipe Data, ulong Seed), Lazy<TrainingData>> _loaded = new();

    public Task<TrainingData> Get(Recipe recipe) => Task.Run(() => _loaded.GetOrAdd((recipe.Data, recipe.Seed), key => new Lazy<TrainingData>(() => TrainingData.Load(key.Data, key.Seed))).Value);
}
