using SelfJudge.Modeling.Tensors;
using static TorchSharp.torch;

namespace SelfJudge.Modeling.Decoders;

/// <summary>Writes the elements of a parameter from <paramref name="first"/> on.</summary>
public delegate void FillBlock(Parameter parameter, long first, Span<float> values);

/// <summary>Parameters of one layout in one flat tensor: weights, their gradient, or an optimizer's moments.</summary>
public sealed class FlatBuffer : IDisposable
{
    private readonly List<Tensor> _views = [];

    public FlatBuffer(ParameterLayout layout, Device device, ScalarType type = ScalarType.Float32)
    {
        Layout = layout;
        Flat = Ops.KeptZeros(device, type, layout.Size);
    }

    public ParameterLayout Layout { get; }

    /// <summary>[<see cref="ParameterLayout.Size"/>]</summary>
    public Tensor Flat { get; }

    public FlatBuffer NewLike() => new(Layout, Flat.device, Flat.dtype);

    /// <summary>Whether it can be read and written in place.</summary>
    public bool IsHostFloat32 => Flat.device_type == TorchSharp.DeviceType.CPU && Flat.dtype == ScalarType.Float32;

    /// <summary>A view of one parameter that lives as long as the buffer.</summary>
    public Tensor View(string name) => View(Layout[name].Offset, Layout[name].Shape);

    /// <summary>A view of parameters that follow each other, as one matrix of <paramref name="rows"/> rows, or one vector, from the first
    /// of them on.</summary>
    public Tensor View(string first, long rows) => View(Layout[first].Offset, [rows, .. Layout[first].Shape[1..]]);

    /// <summary>Sets elements of a parameter from <paramref name="first"/> on, as float32 in host memory: in place, or by way of a block
    /// where the buffer is elsewhere or of another type.</summary>
    public void Fill(Parameter parameter, long first, long count, FillBlock fill)
    {
        using var scope = Ops.Scope();
        var target = Flat.narrow(0, parameter.Offset + first, count);
        if (IsHostFloat32)
        {
            fill(parameter, first, Ops.Floats(target));
            return;
        }
        var block = Ops.Empty(Ops.Cpu, ScalarType.Float32, count);
        fill(parameter, first, Ops.Floats(block));
        Ops.CopyInto(target, block);
    }

    /// <summary>Every parameter, copied to managed memory.</summary>
    /// <param name="into">An earlier copy, whose arrays are written over and returned; null for new ones.</param>
    public IReadOnlyList<NamedArray> ToArrays(IReadOnlyList<NamedArray>? into = null)
    {
        using var scope = Ops.Scope();
        var host = Ops.ToHost(Flat); // one transfer, not one per parameter
        into ??= [.. Layout.Parameters.Select(p => new NamedArray(p.Name, p.Shape, GC.AllocateUninitializedArray<float>((int)p.Size)))];
        foreach (var (parameter, array) in Layout.Parameters.Zip(into))
            Ops.Floats(host.narrow(0, parameter.Offset, parameter.Size)).CopyTo(array.Values);
        return into;
    }

    /// <summary>Sets every parameter.</summary>
    /// <exception cref="InvalidDataException">Names or shapes differ from the layout's.</exception>
    public void CopyFrom(IReadOnlyList<NamedArray> arrays)
    {
        using var scope = Ops.Scope();
        if (arrays.Count != Layout.Parameters.Count)
            throw new InvalidDataException($"{arrays.Count} tensors were given for {Layout.Parameters.Count} parameters");
        foreach (var array in arrays)
        {
            var parameter = Layout.Parameters.FirstOrDefault(p => p.Name == array.Name && p.Shape.SequenceEqual(array.Shape))
                ?? throw new InvalidDataException($"tensor {array.Name} of shape [{string.Join(", ", array.Shape)}] fits no parameter");
            Ops.CopyInto(Flat.narrow(0, parameter.Offset, parameter.Size), Ops.FromArray(array.Values, Flat.device));
        }
    }

    public void Dispose()
    {
        foreach (var view in _views)
            view.Dispose();
        Flat.Dispose();
    }

    private Tensor View(long offset, long[] shape)
    {
        using var scope = Ops.Scope();
        var size = shape.Aggregate(1L, (a, b) => a * b);
        return Hold(Flat.narrow(0, offset, size).view(shape));
    }

    private Tensor Hold(Tensor view)
    {
        _views.Add(Ops.Keep(view));
        return view;
    }
}
