using SelfJudge.Grains.Tests.Cluster;
using SelfJudge.Grains.Training;
using SelfJudge.Preferences.Recipes;

namespace SelfJudge.Grains.Tests.Training;

public sealed class DataCatalogTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Data_is_loaded_once_until_a_file_of_it_changes()
    {
        void Write(string file, int rows) => File.WriteAllLines(Path.Combine(Directory.CreateDirectory(Path.GetDirectoryName(_folder.In(file))!).FullName, Path.GetFileName(file)),
            Enumerable.Range(0, rows).Select(i => $$"""{"prompt": "question {{i}}", "chosen": "yes", "rejected": "no"}"""));
        Write("pairs/a.jsonl", 20);
        Write("extra.jsonl", 5);
        var catalog = new DataCatalog();
        var recipe = new Recipe { Data = new DataRecipe { Pairs = _folder.In("pairs"), ExtraAnswers = _folder.In("extra.jsonl") } };
        var first = await catalog.Get(recipe);
        Assert.Same(first, await catalog.Get(recipe with { Name = "another" }));
        Assert.NotSame(first, await catalog.Get(recipe with { Seed = 2 }));
        Write("extra.jsonl", 7);
        var more = await catalog.Get(recipe);
        Assert.NotSame(first, more);
        Write("pairs/a.jsonl", 30); // within the folder, whose own time stays
        Assert.True((await catalog.Get(recipe)).Pairs.Count > more.Pairs.Count);
    }
}
