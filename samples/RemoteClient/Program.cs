// A client of a running cluster: starts a run from a recipe and follows it to its end. It has no tensor library behind it.
//   deploy/local-cluster                                  # in another terminal
//   dotnet run -c Release --project samples/RemoteClient -- samples/RemoteClient/small.yaml runs/small 127.0.0.1:30000
using System.Net;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Orleans.Configuration;
using SelfJudge.Abstractions;
using SelfJudge.Preferences.Recipes;

if (args is not [var recipePath, var folder, var address, .. var settings] || !IPEndPoint.TryParse(address, out var gateway))
{
    Console.Error.WriteLine("usage: RemoteClient RECIPE FOLDER ADDRESS:PORT [SETTING=VALUE]...");
    return 2;
}

// The recipe is read and checked here; the cluster gets it with every setting in it, and data and models by their paths.
// The folder must be one that the silos see under the same path.
var recipe = RecipeFile.Load(recipePath, settings);
var request = new RunRequest(RecipeFile.Render(recipe), Path.GetFullPath(folder));

var builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings());
builder.Logging.ClearProviders();
builder.Services.AddSelfJudgeExceptions();
builder.UseOrleansClient(client => client
    .UseStaticClustering(gateway)
    .Configure<ClusterOptions>(o => (o.ClusterId, o.ServiceId) = (SelfJudgeCluster.DefaultId, SelfJudgeCluster.DefaultId)));
using var host = builder.Build();
await host.StartAsync();
var grains = host.Services.GetRequiredService<IGrainFactory>();
Console.WriteLine($"model hosts: {string.Join(", ", await grains.GetGrain<IModelHostsGrain>(0).List())}");

// The truth about a run is in its folder, from which its id is made too: started again with the same recipe, it is gone on with.
var run = grains.GetGrain<IRunGrain>(RunId.Of(request.Folder));
await run.Start(request);
RunStatus status;
(string, int) said = default;
while ((status = await run.GetStatus()).State is RunState.Created or RunState.Running or RunState.Cancelling)
{
    var loss = status.Metrics.TryGetValue("loss", out var figure) ? $"loss {figure:0.000}" : "";
    if (said != (status.Stage, status.Step))
        Console.WriteLine($"{status.Stage} {status.Step}/{status.StageSteps} {loss}");
    said = (status.Stage, status.Step);
    await Task.Delay(TimeSpan.FromMilliseconds(500));
}

Console.WriteLine($"{status.State}{(status.Message is null ? "" : $": {status.Message}")}");
if (await run.GetResult() is { } result)
    Console.WriteLine($"result.json: {result.Length} characters; the model and the report are in {status.Folder}");
await host.StopAsync();
return status.State == RunState.Completed ? 0 : 1;
