using System.CommandLine;
using System.CommandLine.Parsing;
using System.Net;
using SelfJudge.CommandLine;
using SelfJudge.Grains.Hosting;
using SelfJudge.Modeling.Hosting;
using SelfJudge.Modeling.Native;

var siloPort = new Option<ushort>("--silo-port") { Description = "Port for other silos; a free one if left out." };
var gatewayPort = new Option<ushort>("--gateway-port") { Description = "Port for clients; a free one if left out." };
var httpPort = new Option<ushort>("--http-port") { Description = "Port of dashboard, health and metrics; a free one if left out." };
var primary = new Option<string?>("--primary") { Description = "HOST:PORT of the silo whose cluster to join; left out, this silo starts a cluster." };
var modelHost = new Option<string?>("--model-host") { Description = "The name of this silo's model host, unique in the cluster.", DefaultValueFactory = _ => "host-0" };
var noModelHost = new Option<bool>("--no-model-host") { Description = "Coordinate only: run grains, but no models." };
var workers = new Option<int>("--workers") { Description = "Threads among which the model host divides a batch.", DefaultValueFactory = _ => Environment.ProcessorCount };
var device = new Option<string>("--device") { Description = "What the model host computes on: cpu, or cuda:0 and so on.", DefaultValueFactory = _ => TorchDevices.Cpu };
var dtype = new Option<string>("--dtype") { Description = "The type of weights that are not trained: auto (float32 on cpu, bfloat16 on a GPU), float32, bfloat16.", DefaultValueFactory = _ => "auto" };
dtype.AcceptOnlyFromAmong([.. Enum.GetNames<WeightDtype>().Select(n => n.ToLowerInvariant())]);
var storage = new Option<string>("--storage") { Description = "SQLite file of grain state, which all silos of the cluster share.", DefaultValueFactory = _ => Path.Combine("silo-data", "grains.db") };
var command = new RootCommand("A silo: grains and a model host, on loopback.") { siloPort, gatewayPort, httpPort, primary, modelHost, noModelHost, workers, device, dtype, storage };
command.SetAction(async (parse, cancellation) =>
{
    if (parse.GetValue(workers) < 1)
        throw new ArgumentException($"--workers {parse.GetValue(workers)}: must be 1 or more");
    if (parse.GetValue(noModelHost) && new OptionResult?[] { parse.GetResult(device), parse.GetResult(dtype) }.FirstOrDefault(o => o is { Implicit: false }) is { } given)
        throw new ArgumentException($"{given.Option.Name} and --no-model-host contradict each other: without a model host there is nothing to compute");
    var computing = TorchDevices.Resolve(parse.GetValue(device)!);
    var join = parse.GetValue(primary);
    IPEndPoint? endpoint = null;
    if (join is not null && (!IPEndPoint.TryParse(join, out endpoint) || endpoint.Port == 0))
        throw new ArgumentException($"--primary {join}: write it as ADDRESS:PORT, such as 127.0.0.1:11111");
    await using var server = SelfJudgeServer.Build(new ServerOptions
    {
        SiloPort = parse.GetValue(siloPort),
        GatewayPort = parse.GetValue(gatewayPort),
        HttpPort = parse.GetValue(httpPort),
        Primary = endpoint,
        ModelHost = parse.GetValue(noModelHost) ? null : new ModelHostOptions { Name = parse.GetValue(modelHost)!, Workers = parse.GetValue(workers), Device = computing, Dtype = Enum.Parse<WeightDtype>(parse.GetValue(dtype)!, ignoreCase: true) },
        Storage = parse.GetValue(storage),
    });
    await server.StartAsync(cancellation);
    var o = server.Options;
    Console.WriteLine($"silo 127.0.0.1:{o.SiloPort}, gateway 127.0.0.1:{o.GatewayPort}, {(o.ModelHost is { } host ? $"model host {host.Name}{(computing == TorchDevices.Cpu ? "" : $" on {computing}")}" : "no model host")}, dashboard {server.Dashboard}");
    await server.WaitForShutdownAsync(cancellation);
});
return await CommandLineProgram.Run(command, args, e => e is ArgumentException or IOException ? e.Message : null);
