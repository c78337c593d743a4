using System.Collections.Concurrent;
using SelfJudge.Preferences.Data;
using SelfJudge.Preferences.Recipes;

namespace SelfJudge.Grains.Training;

/// <summary>The training data of a silo's runs, loaded once each; files that change are loaded again.</summary>
public sealed class DataCatalog
{
    private readonly ConcurrentDictionary<(DataRecipe Data, string Sources, ulong Seed, DateTime Pairs, DateTime Prompts), Lazy<TrainingData>> _loaded = new();

    public Task<TrainingData> Get(Recipe recipe) => Task.Run(() => _loaded.GetOrAdd((recipe.Data with { Sources = [] }, string.Join('\n', recipe.Data.Sources.Select(s => $"{s.Path} {s.Weight} {Changed(s.Path):O}")), recipe.Seed, Changed(recipe.Data.Pairs), Changed(recipe.Data.Prompts)), key => new Lazy<TrainingData>(() => TrainingData.Load(recipe.Data, key.Seed))).Value);

    private static DateTime Changed(string? file) => file is null ? default : File.GetLastWriteTimeUtc(file);
}
