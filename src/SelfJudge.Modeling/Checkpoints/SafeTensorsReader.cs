using System.IO.MemoryMappedFiles;
using System.Numerics.Tensors;
using System.Runtime.InteropServices;

namespace SelfJudge.Modeling.Checkpoints;

/// <summary>A safetensors file, memory-mapped: tensors are read when and where they are wanted.</summary>
public sealed class SafeTensorsReader : IDisposable
{
    private readonly MemoryMappedFile _file;
    private readonly MemoryMappedViewAccessor _view;

    /// <exception cref="InvalidDataException">As <see cref="SafeTensors.ReadHeader"/>.</exception>
    public SafeTensorsReader(string path)
    {
        Path = path;
        (Tensors, Metadata) = SafeTensors.ReadHeader(path);
        _file = MemoryMappedFile.CreateFromFile(path, FileMode.Open, null, 0, MemoryMappedFileAccess.Read);
        _view = _file.CreateViewAccessor(0, 0, MemoryMappedFileAccess.Read);
    }

    public string Path { get; }
    public IReadOnlyDictionary<string, TensorEntry> Tensors { get; }
    public IReadOnlyDictionary<string, string> Metadata { get; }

    /// <summary>Elements of a floating-point tensor, from index <paramref name="first"/> on, as float32: straight from the map into their
    /// place. What they are, NaNs too, is the caller's to judge.</summary>
    /// <exception cref="InvalidDataException">The tensor is missing, or is not F32, F16 or BF16.</exception>
    public unsafe void ReadFloats(string name, long first, Span<float> target)
    {
        var entry = Find(name);
        if (first < 0 || first > entry.Elements - target.Length)
            throw new ArgumentOutOfRangeException(nameof(first),
                $"tensor {name} has {entry.Elements} elements; asked for are {target.Length} from {first} on");
        byte* start = null;
        _view.SafeMemoryMappedViewHandle.AcquirePointer(ref start);
        try
        {
            Convert(entry, start + _view.PointerOffset + entry.Start, first, target);
        }
        finally
        {
            _view.SafeMemoryMappedViewHandle.ReleasePointer();
        }
    }

    /// <summary>A whole tensor as float32.</summary>
    /// <exception cref="InvalidDataException">As <see cref="ReadFloats(string, long, Span{float})"/>.</exception>
    public float[] ReadFloats(string name)
    {
        var values = new float[Find(name).Elements];
        ReadFloats(name, 0, values);
        return values;
    }

    public void Dispose()
    {
        _view.Dispose();
        _file.Dispose();
    }

    private TensorEntry Find(string name) =>
        Tensors.TryGetValue(name, out var found) ? found : throw new InvalidDataException($"{Path}: no tensor named {name}");

    private unsafe void Convert(TensorEntry entry, byte* bytes, long first, Span<float> target)
    {
        switch (entry.DType)
        {
            case "F32":
                new ReadOnlySpan<byte>(bytes + 4 * first, 4 * target.Length).CopyTo(MemoryMarshal.AsBytes(target));
                break;
            case "BF16":
                // A BF16 number is the upper half of a float32.
                var bits = MemoryMarshal.Cast<float, uint>(target);
                TensorPrimitives.ConvertTruncating(new ReadOnlySpan<ushort>(bytes + 2 * first, target.Length), bits);
                TensorPrimitives.ShiftLeft(bits, 16, bits);
                break;
            case "F16":
                TensorPrimitives.ConvertToSingle(new ReadOnlySpan<Half>(bytes + 2 * first, target.Length), target);
                break;
            default:
                throw new InvalidDataException($"{Path}: tensor {entry.Name} is of type {entry.DType}; supported are F32, F16 and BF16");
        }
    }
}
