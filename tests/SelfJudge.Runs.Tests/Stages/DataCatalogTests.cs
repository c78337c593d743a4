using SelfJudge.Preferences.Data;
using SelfJudge.Preferences.Recipes;
using SelfJudge.Runs.Stages;
using SelfJudge.Tests.Shared;

namespace SelfJudge.Runs.Tests.Stages;

public sealed class DataCatalogTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Data_is_loaded_once_until_a_file_of_it_changes()
    {
        void Write(string file, int rows) =>
            File.WriteAllLines(Path.Combine(Directory.CreateDirectory(Path.GetDirectoryName(_folder.In(file))!).FullName,
                Path.GetFileName(file)),
            Enumerable.Range(0, rows).Select(i => $$"""{"prompt": "question {{i}}", "chosen": "yes", "rejected": "no"}"""));
        Write("pairs/a.jsonl", 20);
        Write("extra.jsonl", 5);
        var catalog = new DataCatalog();
        var recipe = new Recipe { Data = new DataRecipe { Pairs = _folder.In("pairs"), ExtraAnswers = _folder.In("extra.jsonl") } };
        var first = await catalog.Get("run", recipe);
        Assert.Same(first, await catalog.Get("run", recipe with { Name = "another" }));
        Assert.NotSame(first, await catalog.Get("run", recipe with { Seed = 2 }));
        Write("extra.jsonl", 7);
        var more = await catalog.Get("run", recipe);
        Assert.NotSame(first, more);
        Write("pairs/a.jsonl", 30); // within the folder, whose own time stays
        Assert.True((await catalog.Get("run", recipe)).Pairs.Count > more.Pairs.Count);
    }

    [Fact]
    public async Task A_failure_is_not_kept()
    {
        var file = _folder.In("late.jsonl");
        var recipe = new Recipe { Data = new DataRecipe { Pairs = file } };
        var catalog = new DataCatalog();
        await File.WriteAllTextAsync(file, "{}\n", TestContext.Current.CancellationToken);
        var written = File.GetLastWriteTimeUtc(file);
        await Assert.ThrowsAsync<DataException>(() => catalog.Get("run", recipe));
        Assert.Equal(0, catalog.Count);
        // The same key: a file of the same length and time, as where a disk was full and is so no longer.
        await File.WriteAllTextAsync(file, "  \n", TestContext.Current.CancellationToken);
        File.SetLastWriteTimeUtc(file, written);
        Assert.Contains("holds no rows", (await Assert.ThrowsAsync<DataException>(() => catalog.Get("run", recipe))).Message);
    }

    [Fact]
    public async Task Data_is_held_while_a_run_uses_it()
    {
        Recipe World(int pairs) => new() { Data = new DataRecipe { WorldPairs = pairs } };
        var catalog = new DataCatalog();
        var shared = await catalog.Get("a", World(10));
        Assert.Same(shared, await catalog.Get("b", World(10)));
        await catalog.Get("b", World(20));
        Assert.Equal(2, catalog.Count);
        catalog.Release("b");
        Assert.Equal(1, catalog.Count);
        Assert.Same(shared, await catalog.Get("a", World(10)));
        catalog.Release("nobody");
        catalog.Release("a");
        Assert.Equal(0, catalog.Count);
    }
}
