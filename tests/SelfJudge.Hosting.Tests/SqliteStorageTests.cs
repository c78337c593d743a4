using Microsoft.Data.Sqlite;
using Microsoft.Extensions.DependencyInjection;
using Orleans.Storage;
using Orleans.TestingHost;
using SelfJudge.Grains.Training;
using SelfJudge.Tests.Shared;

namespace SelfJudge.Hosting.Tests;

public sealed class SqliteStorageTests : IDisposable
{
    private static readonly GrainId Grain = GrainId.Create("run", "7");

    private readonly TemporaryFolder _folder = new();

    public void Dispose()
    {
        SqliteConnection.ClearAllPools();
        _folder.Dispose();
    }

    [Fact]
    public async Task A_state_goes_through_writing_reading_and_clearing_and_of_two_writers_the_later_is_refused()
    {
        await using var cluster = await Start();
        var storage = cluster.Silos[0].ServiceProvider.GetRequiredService<IGrainStorage>();
        var mine = new GrainState<TrainerState>(Of(1));
        await storage.WriteStateAsync("run", Grain, mine);
        var theirs = new GrainState<TrainerState>();
        await storage.ReadStateAsync("run", Grain, theirs);
        Assert.Equal((1L, true, mine.ETag), (theirs.State!.Epoch, theirs.RecordExists, theirs.ETag));

        mine.State = Of(2);
        await storage.WriteStateAsync("run", Grain, mine);
        theirs.State = Of(3);
        await Assert.ThrowsAsync<InconsistentStateException>(() => storage.WriteStateAsync("run", Grain, theirs));
        await Assert.ThrowsAsync<InconsistentStateException>(() =>
            storage.WriteStateAsync("run", Grain, new GrainState<TrainerState>(Of(4))));
        await Assert.ThrowsAsync<InconsistentStateException>(() => storage.ClearStateAsync("run", Grain, theirs));
        await storage.ReadStateAsync("run", Grain, theirs);
        Assert.Equal(2, theirs.State!.Epoch);

        await storage.ClearStateAsync("run", Grain, theirs);
        await storage.ReadStateAsync("run", Grain, mine);
        Assert.False(mine.RecordExists);
        mine.State = Of(5);
        await storage.WriteStateAsync("run", Grain, mine);
        await storage.ReadStateAsync("run", Grain, theirs);
        Assert.Equal(5, theirs.State!.Epoch);
    }

    [Fact]
    public async Task States_outlive_the_silo()
    {
        await using (var cluster = await Start())
            await cluster.Silos[0].ServiceProvider.GetRequiredService<IGrainStorage>()
                .WriteStateAsync("run", Grain, new GrainState<TrainerState>(Of(6)));
        await using var later = await Start();
        var state = new GrainState<TrainerState>();
        await later.Silos[0].ServiceProvider.GetRequiredService<IGrainStorage>().ReadStateAsync("run", Grain, state);
        Assert.Equal(6, state.State!.Epoch);
    }

    [Fact]
    public void A_folder_that_cannot_be_created_is_an_error_that_names_the_file()
    {
        File.WriteAllText(_folder.In("occupied"), "");
        var path = _folder.In("occupied/grains.db");
        Assert.StartsWith($"grain storage {path} cannot be used: ", Assert.Throws<IOException>(() => SqliteStorage.Prepare(path)).Message);
    }

    [Fact]
    public void A_file_that_is_no_database_is_an_error_that_names_it()
    {
        var path = _folder.In("grains.db");
        File.WriteAllText(path, string.Concat(Enumerable.Repeat("this is no database ", 100)));
        Assert.StartsWith($"grain storage {path} cannot be used: ", Assert.Throws<IOException>(() => SqliteStorage.Prepare(path)).Message);
    }

    private static TrainerState Of(long epoch) => new() { Epoch = epoch };

    private async Task<InProcessTestCluster> Start()
    {
        var builder = new InProcessTestClusterBuilder(1);
        builder.Options.ServiceId = "storage-test";
        builder.ConfigureSilo((_, silo) => silo.AddAdoNetGrainStorageAsDefault(o =>
            (o.Invariant, o.ConnectionString) = (SqliteStorage.Invariant, SqliteStorage.Prepare(_folder.In("grains.db")))));
        var cluster = builder.Build();
        await cluster.DeployAsync();
        return cluster;
    }
}
