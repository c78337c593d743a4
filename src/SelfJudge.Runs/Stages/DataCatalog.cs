using SelfJudge.Preferences.Data;
using SelfJudge.Preferences.Recipes;
using SelfJudge.World;

namespace SelfJudge.Runs.Stages;

/// <summary>The training data of a silo's runs, loaded once each while a run uses it; files that change are loaded again.</summary>
public sealed class DataCatalog
{
    private readonly Lock _lock = new();
    private readonly Dictionary<DataKey, Entry> _loaded = [];

    /// <summary>How many data sets are held.</summary>
    public int Count
    {
        get
        {
            lock (_lock)
                return _loaded.Count;
        }
    }

    /// <summary>The data of a run, which holds it until it is released.</summary>
    /// <exception cref="DataException">It cannot be read now; asked again, it is read again.</exception>
    public async Task<TrainingData> Get(string run, Recipe recipe)
    {
        var key = await Task.Run(() => KeyOf(recipe));
        Entry? entry;
        lock (_lock)
        {
            if (!_loaded.TryGetValue(key, out entry))
                _loaded[key] = entry = new Entry(Task.Run(() => RecipeData.Load(recipe.Data, key.Seed, key.Split)), []);
            entry.Runs.Add(run);
        }
        try
        {
            return await entry.Data;
        }
        catch
        {
            // A failure is not kept: its cause may be gone when somebody asks again.
            lock (_lock)
                if (_loaded.GetValueOrDefault(key) == entry)
                    _loaded.Remove(key);
            throw;
        }
    }

    /// <summary>Lets go of what a run used: what no other run uses is held no longer.</summary>
    public void Release(string run)
    {
        lock (_lock)
            foreach (var (key, entry) in _loaded.ToList())
                if (entry.Runs.Remove(run) && entry.Runs.Count == 0)
                    _loaded.Remove(key);
    }

    private static DataKey KeyOf(Recipe recipe)
    {
        // Lists compare by reference: the sources' weights go into the text.
        var data = recipe.Data;
        IEnumerable<string?> named = [data.Pairs, data.Prompts, data.ExtraAnswers, .. data.Sources.Select(s => s.Path)];
        var files = string.Join('\n', named.OfType<string>().Select(State).Concat(data.Sources.Select(s => $"{s.Path} {s.Weight}")));
        return new DataKey(data with { Sources = [] }, files, recipe.Seed, recipe.Evaluation?.Split ?? HeldOutSplit.Test);
    }

    // A folder is what its files are.
    private static string State(string path) => Directory.Exists(path)
        ? string.Join('\n', Directory.EnumerateFiles(path, "*", SearchOption.AllDirectories).Order(StringComparer.Ordinal).Select(State))
        : $"{path} {File.GetLastWriteTimeUtc(path):O} {(File.Exists(path) ? new FileInfo(path).Length : 0)}";

    private sealed record DataKey(DataRecipe Data, string Files, ulong Seed, HeldOutSplit Split);

    private sealed record Entry(Task<TrainingData> Data, HashSet<string> Runs);
}
