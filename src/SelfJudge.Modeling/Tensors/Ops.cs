#pragma warning disable RS0030 // This file is the door that the banned symbols point to.
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using SelfJudge.Modeling.Native;
using TorchSharp;
using static TorchSharp.torch;

namespace SelfJudge.Modeling.Tensors;

/// <summary>
/// The only door to tensor operations. TorchSharp hands raw handles to native code without keeping the managed object
/// alive, so a temporary that the garbage collector finalises during the call corrupts memory. Two rules prevent it,
/// and this file keeps both: every tensor is made inside a dispose scope, which holds it, and no operation makes a
/// temporary <see cref="Scalar"/>; constants live in static fields.
/// </summary>
public static partial class Ops
{
    private const long BlockElements = 4 << 20;

    private static readonly Scalar One;
    private static readonly Scalar MinusInfinity;

    static Ops()
    {
        TorchRuntime.EnsureLoaded();
        One = 1f;
        MinusInfinity = float.NegativeInfinity;
        Cpu = CPU;
    }

    /// <summary>Host memory.</summary>
    public static Device Cpu { get; }

    /// <summary>A device by name, such as <c>cuda:0</c>. <see cref="TorchDevices"/> says whether it is there.</summary>
    public static Device DeviceNamed(string name) => name == "cpu" ? Cpu : device(name);

    /// <summary>GPUs that LibTorch sees; 0 without a driver.</summary>
    public static int CudaDevices => cuda.is_available() ? cuda.device_count() : 0;

    /// <summary>Opens the scope that holds, and at its end frees, every tensor made in it on this thread.</summary>
    public static DisposeScope Scope()
    {
        TorchRuntime.EnsureLoaded();
        return NewDisposeScope();
    }

    /// <summary>A new tensor of unspecified content.</summary>
    public static Tensor Empty(Device device, ScalarType type, params ReadOnlySpan<long> shape)
    {
        RequireScope();
        return empty(shape, type, device);
    }

    /// <summary>A new float32 tensor of zeros.</summary>
    public static Tensor Zeros(Device device, params ReadOnlySpan<long> shape)
    {
        RequireScope();
        return zeros(shape, ScalarType.Float32, device);
    }

    /// <summary>A new tensor of zeros in the shape, type and place of another.</summary>
    public static Tensor ZerosLike(Tensor tensor)
    {
        RequireScope();
        return zeros_like(tensor);
    }

    /// <summary>A tensor that outlives the current scope; whoever holds it disposes it.</summary>
    public static Tensor Keep(Tensor tensor) => tensor.DetachFromDisposeScope();

    /// <summary>A tensor of zeros that outlives the current scope; whoever holds it disposes it.</summary>
    public static Tensor KeptZeros(Device device, ScalarType type, params ReadOnlySpan<long> shape)
    {
        using var scope = Scope();
        return zeros(shape, type, device).DetachFromDisposeScope();
    }

    public static Tensor FromArray(int[] values, Device device)
    {
        RequireScope();
        return tensor(values, ScalarType.Int64, device);
    }

    public static Tensor FromArray(float[] values, Device device, params ReadOnlySpan<long> shape)
    {
        RequireScope();
        var flat = tensor(values, ScalarType.Float32, device);
        return shape.IsEmpty ? flat : flat.view(shape.ToArray());
    }

    /// <summary>The elements of a contiguous float32 tensor in host memory. The caller keeps <paramref name="tensor"/> in a scope or a
    /// field while it uses the span.</summary>
    public static Span<float> Floats(Tensor tensor) => tensor.dtype == ScalarType.Float32 ? MemoryMarshal.Cast<byte, float>(Bytes(tensor))
        : throw new InvalidOperationException($"the tensor is of type {tensor.dtype}, not float32");

    /// <summary>The bytes of a contiguous tensor in host memory, under the same condition as <see cref="Floats"/>.</summary>
    public static Span<byte> Bytes(Tensor tensor)
    {
        if (tensor.device_type != DeviceType.CPU)
            throw new InvalidOperationException($"the tensor lies on {tensor.device}, not in host memory");
        if (!tensor.is_contiguous())
            throw new InvalidOperationException($"the tensor of shape [{string.Join(", ", tensor.shape)}] is not contiguous");
        if (tensor.NumberOfElements > int.MaxValue / tensor.ElementSize)
            throw new InvalidOperationException(
                $"the tensor of shape [{string.Join(", ", tensor.shape)}] is larger than the 2 GiB that can be read at once: ask for "
                + $"fewer sequences at once");
        return tensor.bytes;
    }

    /// <summary>The address of the first element of a contiguous float32 tensor in host memory, under the same condition as
    /// <see cref="Floats"/>.</summary>
    public static unsafe float* Address(Tensor tensor)
    {
        // A span holds 2 GiB, the weights of a model in training more.
        var start = tensor.NumberOfElements > int.MaxValue / sizeof(float) && tensor.is_contiguous() ? tensor.view(-1).narrow(0, 0, 1)
            : tensor;
        return (float*)Unsafe.AsPointer(ref MemoryMarshal.GetReference(Floats(start)));
    }

    /// <summary>The address of the first element of a tensor of float32 or bfloat16 in host memory, contiguous or not. The caller keeps the
    /// tensor alive while it uses the memory.</summary>
    public static unsafe void* Start(Tensor tensor, out bool isNarrow)
    {
        isNarrow = tensor.dtype == ScalarType.BFloat16;
        if (tensor.device_type != DeviceType.CPU || !isNarrow && tensor.dtype != ScalarType.Float32)
            throw new InvalidOperationException(
                $"the tensor is of type {tensor.dtype} on {tensor.device}, not float32 or bfloat16 in host memory");
        // A span is of contiguous elements, 2 GiB at most: the first element alone is always that.
        using var scope = Scope();
        var start = tensor.is_contiguous() && tensor.NumberOfElements <= int.MaxValue / sizeof(float) ? tensor
            : tensor.as_strided([1], [1], tensor.storage_offset());
        return Unsafe.AsPointer(ref MemoryMarshal.GetReference(start.bytes));
    }

    /// <summary>The tensor as contiguous float32 in host memory; itself where it is that already.</summary>
    public static Tensor ToHost(Tensor tensor)
    {
        RequireScope();
        return tensor.to(ScalarType.Float32).cpu().contiguous();
    }

    /// <summary>The elements as an array in managed memory, from any device and float type.</summary>
    public static float[] ToArray(Tensor tensor)
    {
        using var scope = Scope();
        return Floats(ToHost(tensor)).ToArray();
    }

    private static void RequireScope()
    {
        if (CurrentDisposeScope is null)
            throw new InvalidOperationException("a tensor operation outside a dispose scope: open one with Ops.Scope()");
    }
}
