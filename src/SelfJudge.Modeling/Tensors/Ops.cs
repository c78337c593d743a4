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
public static class Ops
{
    private static readonly Scalar One;

    static Ops()
    {
        TorchRuntime.EnsureLoaded();
        One = 1f;
        Cpu = CPU;
    }

    /// <summary>Host memory.</summary>
    public static Device Cpu { get; }

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

    /// <summary>a·b for matrices.</summary>
    public static Tensor MatMul(Tensor a, Tensor b)
    {
        RequireScope();
        return a.mm(b);
    }

    /// <summary>c + a·b, in a new tensor.</summary>
    public static Tensor AddMatMul(Tensor c, Tensor a, Tensor b)
    {
        RequireScope();
        return c.addmm(a, b, 1f, 1f);
    }

    /// <summary>target ← target + scale·a·b.</summary>
    public static void AddMatMulInto(Tensor target, Tensor a, Tensor b, float scale = 1f)
    {
        RequireScope();
        target.addmm_(a, b, 1f, scale);
    }

    /// <summary>target ← target + source.</summary>
    public static void AddInto(Tensor target, Tensor source)
    {
        RequireScope();
        target.add_(source, One);
    }

    /// <summary>target ← factor·target.</summary>
    public static void ScaleInto(Tensor target, float factor)
    {
        RequireScope();
        Scalar scalar = factor;
        target.mul_(scalar);
        GC.KeepAlive(scalar);
    }

    /// <summary>The Euclidean norm of all elements, accumulated in double precision.</summary>
    public static double Norm(Tensor tensor)
    {
        RequireScope();
        using var scope = Scope();
        return Math.Sqrt(tensor.mul(tensor).sum(ScalarType.Float64).item<double>());
    }

    public static void CopyInto(Tensor target, Tensor source)
    {
        RequireScope();
        target.copy_(source);
    }

    public static void Zero(Tensor target)
    {
        RequireScope();
        target.zero_();
    }

    /// <summary>Rows of <paramref name="table"/> by index.</summary>
    public static Tensor Rows(Tensor table, Tensor indices)
    {
        RequireScope();
        return table.index_select(0, indices);
    }

    /// <summary>target[indices[i]] ← target[indices[i]] + source[i].</summary>
    public static void AddRowsInto(Tensor target, Tensor indices, Tensor source)
    {
        RequireScope();
        target.index_add_(0, indices, source, One);
    }

    /// <summary>The elements of a contiguous float32 tensor in host memory. The caller keeps <paramref name="tensor"/> in a scope or a field while it uses the span.</summary>
    public static Span<float> Floats(Tensor tensor) => MemoryMarshal.Cast<byte, float>(Bytes(tensor));

    /// <summary>The bytes of a contiguous tensor in host memory, under the same condition as <see cref="Floats"/>.</summary>
    public static Span<byte> Bytes(Tensor tensor)
    {
        if (!tensor.is_contiguous())
            throw new InvalidOperationException($"the tensor of shape [{string.Join(", ", tensor.shape)}] is not contiguous");
        return tensor.bytes;
    }

    /// <summary>The address of the first element of a contiguous float32 tensor in host memory, under the same condition as <see cref="Floats"/>.</summary>
    public static unsafe float* Address(Tensor tensor) => (float*)Unsafe.AsPointer(ref MemoryMarshal.GetReference(Bytes(tensor)));

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
