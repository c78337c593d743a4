using System.Net;
using SelfJudge.Runs.Folders;
using SelfJudge.Tests.Shared;

namespace SelfJudge.Client.Tests;

public sealed class RunAddressTests : IDisposable
{
    // Above the most that Linux gives: no process has it.
    private const int Gone = 4_194_305;

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private RunAddress? Written(string json)
    {
        File.WriteAllText(_folder.In("silo.json"), json);
        return RunAddress.Find(new RunFolder(_folder.Path));
    }

    private static string Json(int process, int port = 30000, string host = "127.0.0.1") =>
        $$"""
        {"run_id":"r","process_id":{{process}},"gateway_port":{{port}},"cluster_id":"c","service_id":"s","dashboard":"","gateway_host":"{{host}}"}
        """;

    [Fact]
    public void An_address_is_read_as_it_was_written()
    {
        var (run, address) = (new RunFolder(_folder.Path),
            new RunAddress("r", Environment.ProcessId, 30001, "c", "s", "http://127.0.0.1:1/", "10.0.0.7"));
        address.Write(run);
        Assert.Equal(address, RunAddress.Find(run));
        Assert.Equal(new IPEndPoint(IPAddress.Parse("10.0.0.7"), 30001), address.Gateway);
        Assert.False(address.IsStarting);
    }

    [Fact]
    public void One_of_a_process_that_is_gone_is_none_and_one_of_a_cluster_needs_no_process()
    {
        Assert.Null(RunAddress.Find(new RunFolder(_folder.Path)));
        Assert.NotNull(Written(Json(Environment.ProcessId)));
        Assert.Null(Written(Json(Gone)));
        Assert.NotNull(Written(Json(RunAddress.Elsewhere)));
    }

    [Fact]
    public void One_that_cannot_be_read_is_none()
    {
        Assert.Null(Written("{"));
        Assert.Null(Written("{}"));
        Assert.Null(Written(Json(RunAddress.Elsewhere, host: "nowhere")));
        Assert.Null(Written(Json(RunAddress.Elsewhere, port: 65536)));
        Assert.NotNull(Written(Json(RunAddress.Elsewhere, port: 65535)));
        Assert.Null(Written(Json(RunAddress.Elsewhere, port: -1)));
    }
}
