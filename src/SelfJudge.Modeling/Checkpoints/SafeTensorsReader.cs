using System.IO.MemoryMappedFiles;
using System.Runtime.InteropServices;

namespace SelfJudge.Modeling.Checkpoints;

/// <summary>A safetensors file, memory-mapped: tensors are read where they are wanted, one at a time.</summary>
public sealed class SafeTensorsReader : IDisposable
{
    private const int BlockElements = 1 << 20;

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

    /// <summary>Reads a floating-point tensor as float32, in blocks: <paramref name="receive"/> is called with consecutive stretches of its elements.</summary>
    /// <exception cref="InvalidDataException">The tensor is missing, or is not F32, F16 or BF16.</exception>
    public unsafe void ReadFloats(string name, SpanReceiver receive)
    {
        var entry = Tensors.TryGetValue(name, out var found) ? found : throw new InvalidDataException($"{Path}: no tensor named {name}");
        byte* start = null;
        _view.SafeMemoryMappedViewHandle.AcquirePointer(ref start);
        try
        {
            var bytes = start + _view.PointerOffset + entry.Start;
            var buffer = new float[Math.Min(BlockElements, entry.Elements)];
            for (long done = 0; done < entry.Elements; done += buffer.Length)
            {
                var count = (int)Math.Min(buffer.Length, entry.Elements - done);
                Convert(entry, bytes, done, buffer.AsSpan(0, count));
                receive(done, buffer.AsSpan(0, count));
            }
        }
        finally
        {
            _view.SafeMemoryMappedViewHandle.ReleasePointer();
        }
    }

    /// <summary>A whole tensor as float32.</summary>
    public float[] ReadFloats(string name)
    {
        var values = new float[Tensors.TryGetValue(name, out var entry) ? entry.Elements : 0];
        ReadFloats(name, (at, block) => block.CopyTo(values.AsSpan((int)at)));
        return values;
    }

    public void Dispose()
    {
        _view.Dispose();
        _file.Dispose();
    }

    private unsafe void Convert(TensorEntry entry, byte* bytes, long first, Span<float> target)
    {
        switch (entry.DType)
        {
            case "F32":
                new ReadOnlySpan<byte>(bytes + 4 * first, 4 * target.Length).CopyTo(MemoryMarshal.AsBytes(target));
                break;
            case "BF16":
                var truncated = new ReadOnlySpan<ushort>(bytes + 2 * first, target.Length);
                for (var i = 0; i < target.Length; i++)
                    target[i] = BitConverter.UInt32BitsToSingle((uint)truncated[i] << 16);
                break;
            case "F16":
                var halves = new ReadOnlySpan<Half>(bytes + 2 * first, target.Length);
                for (var i = 0; i < target.Length; i++)
                    target[i] = (float)halves[i];
                break;
            default:
                throw new InvalidDataException($"{Path}: tensor {entry.Name} is of type {entry.DType}; supported are F32, F16 and BF16");
        }
    }
}

/// <summary>Receives elements from index <paramref name="first"/> on.</summary>
public delegate void SpanReceiver(long first, ReadOnlySpan<float> values);
