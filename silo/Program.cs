using System.CommandLine;
using System.CommandLine.Parsing;
using System.Net;
using System.Net.Sockets;
using SelfJudge.CommandLine;
using SelfJudge.Hosting;
using SelfJudge.Modeling.Hosting;
using SelfJudge.Modeling.Tensors;
using SelfJudge.Preferences.Settings;

var siloPort = Port("--silo-port", "Port for other silos; 0 or left out, a free one.");
var gatewayPort = Port("--gateway-port", "Port for clients; 0 or left out, a free one.");
var httpPort = Port("--http-port", "Port of dashboard, health and metrics; 0 or left out, a free one.");
var primary = new Option<string?>("--primary")
{
    Description =
    "ADDRESS:PORT of the silo whose cluster to join, such as 127.0.0.1:11111; left out, this silo starts a cluster."
};
primary.Validators.Add(result => Options.Refuse(result, text =>
    IPEndPoint.TryParse(text, out var endpoint) && endpoint.Port > 0 ? null : "write it as ADDRESS:PORT, such as 127.0.0.1:11111"));
var modelHost = new Option<string?>("--model-host")
{
    Description = "The name of this silo's model host, unique in the cluster.",
    DefaultValueFactory = _ => "host-0"
};
var noModelHost = new Option<bool>("--no-model-host") { Description = "Coordinate only: run grains, but no models." };
var workers = Options.Number("--workers",
    new SettingAttribute("Threads among which the model host divides a batch.") { AtLeast = 1, AtMost = 1024 }, Environment.ProcessorCount);
var device = new Option<string>("--device")
{
    Description = "What the model host computes on: cpu, or cuda:0 and so on.",
    DefaultValueFactory = _ => TorchDevices.Cpu
};
var dtype = Options.Choice("--dtype", WeightDtypes.Meaning, Options.NamesOf<WeightDtype>(), "auto");
var storage = new Option<string>("--storage")
{
    Description = "SQLite file of grain state, which all silos of the cluster share.",
    DefaultValueFactory = _ => Path.Combine("silo-data", "grains.db")
};
var command = new RootCommand("A silo: grains and a model host, on loopback.") { siloPort, gatewayPort, httpPort, primary, modelHost,
    noModelHost, workers, device, dtype, storage };
command.SetAction(async (parse, cancellation) =>
{
    if (parse.GetValue(noModelHost) && new OptionResult?[] { parse.GetResult(device), parse.GetResult(dtype) }.FirstOrDefault(o =>
        o is { Implicit: false }) is { } given)
        throw new StartException(
            $"{given.Option.Name} and --no-model-host contradict each other: without a model host there is nothing to compute");
    var computing = Known(() => TorchDevices.Resolve(parse.GetValue(device)!));
    var holding = Known(() => WeightDtypes.Resolve(parse.GetValue(dtype)!, computing));
    await using var server = SelfJudgeServer.Build(new ServerOptions
    {
        SiloPort = parse.GetValue(siloPort),
        GatewayPort = parse.GetValue(gatewayPort),
        HttpPort = parse.GetValue(httpPort),
        Primary = parse.GetValue(primary) is { } join ? IPEndPoint.Parse(join) : null,
        ModelHost = parse.GetValue(noModelHost) ? null
            : new ModelHostOptions
            {
                Name = parse.GetValue(modelHost)!,
                Workers = parse.GetValue(workers),
                Device = computing,
                Dtype = holding
            },
        Storage = parse.GetValue(storage),
    });
    await server.StartAsync(cancellation);
    var o = server.Options;
    var hosted = o.ModelHost is not { } host ? "no model host"
        : $"model host {host.Name}"
            + (computing == TorchDevices.Cpu ? "" : $" on {computing}")
            + (holding == WeightDtype.Rounded ? $", {WeightDtypes.Rounding}" : "");
    Console.WriteLine($"silo 127.0.0.1:{o.SiloPort}, gateway 127.0.0.1:{o.GatewayPort}, {hosted}, dashboard {server.Dashboard}");
    await server.WaitForShutdownAsync(cancellation);
});
return await CommandLineProgram.Run(command, args, e =>
    e is StartException or IOException or UnauthorizedAccessException or SocketException ? e.Message : null);

static Option<int> Port(string name, string meaning) =>
    Options.Number(name, new SettingAttribute(meaning) { AtLeast = 0, AtMost = ushort.MaxValue }, 0);

static T Known<T>(Func<T> resolve)
{
    try
    {
        return resolve();
    }
    catch (DeviceException e)
    {
        throw new StartException($"--{e.Message}");
    }
}

/// <summary>What keeps a silo from starting, and the operator can put right.</summary>
internal sealed class StartException(string message) : Exception(message);
