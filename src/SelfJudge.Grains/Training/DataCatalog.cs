using System.Collections.Concurrent;
using SelfJudge.Preferences.Data;
using SelfJudge.Preferences.Recipes;

namespace SelfJudge.Grains.Training;

/// <summary>The training data of a silo's runs, loaded once each; files that change are loaded again.</summary>
public sealed class DataCatalog
{
    private readonly ConcurrentDictionary<(DataRecipe Data, string Files, ulong Seed, HeldOutSplit Split), Lazy<TrainingData>> _loaded = new();

    public Task<TrainingData> Get(Recipe recipe) => Task.Run(() =>
    {
        // Lists compare by reference: the sources' weights go into the text.
        var data = recipe.Data;
        IEnumerable<string?> named = [data.Pairs, data.Prompts, data.ExtraAnswers, .. data.Sources.Select(s => s.Path)];
        var files = string.Join('\n', named.OfType<string>().Select(State).Concat(data.Sources.Select(s => $"{s.Path} {s.Weight}")));
        return _loaded.GetOrAdd((data with { Sources = [] }, files, recipe.Seed, recipe.Evaluation?.Split ?? HeldOutSplit.Test), key => new Lazy<TrainingData>(() => TrainingData.Load(data, key.Seed, key.Split))).Value;
    });

    // A folder is what its files are.
    private static string State(string path) => Directory.Exists(path)
        ? string.Join('\n', Directory.EnumerateFiles(path, "*", SearchOption.AllDirectories).Order(StringComparer.Ordinal).Select(State))
        : $"{path} {File.GetLastWriteTimeUtc(path):O} {(File.Exists(path) ? new FileInfo(path).Length : 0)}";
}
