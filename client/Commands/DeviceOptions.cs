using System.CommandLine;
using SelfJudge.CommandLine;
using SelfJudge.Modeling.Hosting;
using SelfJudge.Modeling.Tensors;

namespace SelfJudge.Client.Commands;

/// <summary>On what the model host of this process computes.</summary>
/// <param name="Device">As <see cref="TorchDevices.Resolve(string)"/> names it.</param>
internal sealed record DeviceChoice(string Device, WeightDtype Dtype)
{
    public static DeviceChoice Default { get; } = new(TorchDevices.Cpu, WeightDtype.Auto);
}

/// <summary>The options of commands that run a model in their own process.</summary>
internal sealed class DeviceOptions
{
    private readonly Option<string?> _device =
        new("--device") { Description = "What to compute on: cpu, or cuda:0 and so on; cpu if left out." };
    private readonly Option<string?> _dtype = Options.Choice("--dtype", WeightDtypes.Meaning, Options.NamesOf<WeightDtype>(), null);

    public void AddTo(Command command)
    {
        command.Add(_device);
        command.Add(_dtype);
    }

    /// <param name="cluster">The cluster that the command goes to; null for this process.</param>
    /// <exception cref="UserError">The device is not there, or a cluster is named, whose silos have options of their own.</exception>
    public DeviceChoice Resolve(ParseResult parse, string? cluster)
    {
        var (device, dtype) = (parse.GetValue(_device), parse.GetValue(_dtype));
        if (cluster is not null && (device ?? dtype) is not null)
            throw new UserError($"{(device is null ? $"--dtype {dtype}" : $"--device {device}")} and --cluster {cluster} contradict each "
                + $"other: the cluster's models are where its silos have them; start the silo with these options");
        try
        {
            var resolved = TorchDevices.Resolve(device ?? TorchDevices.Cpu);
            return new DeviceChoice(resolved, dtype is null ? WeightDtype.Auto : WeightDtypes.Resolve(dtype, resolved));
        }
        catch (DeviceException e)
        {
            throw new UserError($"--{e.Message}");
        }
    }
}
