using SelfJudge.Modeling.Native;

namespace SelfJudge.Modeling.Tensors;

/// <summary>A device that was asked for is not there.</summary>
public sealed class DeviceException(string message) : ArgumentException(message);

/// <summary>The devices that LibTorch can compute on in this process.</summary>
public static class TorchDevices
{
    /// <summary>Host memory and its processor.</summary>
    public const string Cpu = "cpu";

    private const string Cuda = "cuda";

    /// <summary>The name in full: <c>cpu</c>, or <c>cuda:N</c>, of which <c>cuda</c> alone means the first.</summary>
    /// <exception cref="DeviceException">There is no such device; the message says what there is, and what to do.</exception>
    public static string Resolve(string device) => Resolve(device, TorchRuntime.IsCudaBuild, () =>
    {
        TorchRuntime.EnsureLoaded();
        return Ops.CudaDevices;
    });

    internal static string Resolve(string device, bool isCudaBuild, Func<int> count)
    {
        if (device == Cpu)
            return device;
        var number = 0;
        if (device != Cuda && !(device.StartsWith(Cuda + ":", StringComparison.Ordinal)
            && int.TryParse(device[(Cuda.Length + 1)..], System.Globalization.NumberStyles.None, null, out number)))
            throw new DeviceException($"device {device} is unknown: write cpu, or cuda:N for the N-th GPU, counted from 0");
        if (!isCudaBuild)
            throw new DeviceException(
                $"device {device} cannot be used: this program was built with LibTorch for processors, so there is only cpu; build it "
                + $"with -p:TorchBackend=cuda to use a GPU");
        return count() switch
        {
            0 => throw new DeviceException(
                $"device {device} is not there: LibTorch finds no GPU, so there is only cpu; "
                    + "nvidia-smi shows whether the driver finds one"),
            var there when number >= there =>
                throw new DeviceException(
                    $"device {device} is not there: there are cpu and "
                    + $"{string.Join(", ", Enumerable.Range(0, there).Select(n => $"{Cuda}:{n}"))}"),
            _ => $"{Cuda}:{number}",
        };
    }
}
