using SelfJudge.Modeling.Kernels;
using SelfJudge.Modeling.Kernels.Cpu;
using SelfJudge.Modeling.Native;
using SelfJudge.Modeling.Tensors;
using static TorchSharp.torch;

namespace SelfJudge.Modeling.Hosting;

/// <summary>What a host computes on and with.</summary>
/// <param name="Description"><c>cpu</c>, or <c>cuda:N</c>; and, where it rounds activations, that it does.</param>
/// <param name="Torch">The device of tensors.</param>
/// <param name="FrozenType">The type of weights that are not trained.</param>
/// <param name="Workers">Among which a batch is divided; a GPU has one.</param>
internal sealed record HostDevice(string Description, Device Torch, ScalarType FrozenType, IKernels Kernels, int Workers)
{
    /// <summary>Whether it computes with our own kernels for a processor, whatever it rounds.</summary>
    public bool IsCpu => Torch.type == TorchSharp.DeviceType.CPU;

    /// <summary>The device that options name, with LibTorch loaded.</summary>
    /// <exception cref="DeviceException">There is no such device, or it cannot compute with the type of weights.</exception>
    public static HostDevice Open(ModelHostOptions options)
    {
        var device = TorchDevices.Resolve(options.Device);
        if (WeightDtypes.Problem(options.Dtype, device) is { } problem)
            throw new DeviceException($"dtype {options.Dtype}: {problem}");
        TorchRuntime.EnsureLoaded();
        var isCpu = device == TorchDevices.Cpu;
        var rounds = options.Dtype == WeightDtype.Rounded;
        var isHalved = rounds || options.Dtype == WeightDtype.BFloat16 || options.Dtype == WeightDtype.Auto && !isCpu;
        return new HostDevice(
            rounds ? $"{device}, {WeightDtypes.Rounding}" : device,
            Ops.DeviceNamed(device),
            isHalved ? ScalarType.BFloat16 : ScalarType.Float32,
            options.Kernels ?? (rounds ? CpuKernels.Rounding : isCpu ? CpuKernels.Instance : TorchKernels.Instance),
            isCpu ? options.Workers : 1);
    }
}
