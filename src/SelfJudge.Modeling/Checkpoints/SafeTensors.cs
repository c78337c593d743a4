using System.Buffers;
using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text.Json;
using SelfJudge.Modeling.Files;
using SelfJudge.Modeling.Tensors;

namespace SelfJudge.Modeling.Checkpoints;

/// <summary>Where one tensor lies in a safetensors file.</summary>
/// <param name="DType">As the format spells it: F32, F16, BF16, I64 and so on.</param>
/// <param name="Start">Byte offset in the file.</param>
/// <param name="Length">In bytes.</param>
public sealed record TensorEntry(string Name, string DType, long[] Shape, long Start, long Length)
{
    public long Elements => Shape.Aggregate(1L, (a, b) => a * b);
}

/// <summary>
/// The safetensors format: eight bytes of header length, a JSON header that names each tensor's type, shape and place,
/// then the bytes of the tensors. Everything in the header is checked before anything is believed.
/// </summary>
public static class SafeTensors
{
    private const int BlockElements = 1 << 20;
    private const int LengthBytes = 8;
    private const long MaxHeaderLength = 100_000_000; // the limit that the format's own reader sets

    private static readonly Dictionary<string, int> BitsOf = new(StringComparer.Ordinal)
    {
        ["BOOL"] = 8,
        ["U8"] = 8,
        ["I8"] = 8,
        ["F8_E5M2"] = 8,
        ["F8_E4M3"] = 8,
        ["I16"] = 16,
        ["U16"] = 16,
        ["F16"] = 16,
        ["BF16"] = 16,
        ["I32"] = 32,
        ["U32"] = 32,
        ["F32"] = 32,
        ["I64"] = 64,
        ["U64"] = 64,
        ["F64"] = 64,
    };

    /// <summary>Reads and checks the header.</summary>
    /// <exception cref="InvalidDataException">The file is not a safetensors file, is truncated, or contradicts itself.</exception>
    public static (IReadOnlyDictionary<string, TensorEntry> Tensors, IReadOnlyDictionary<string, string> Metadata) ReadHeader(string path)
    {
        InvalidDataException Bad(string what) => new($"{path}: {what}");
        try
        {
            FileKind.Check(path);
        }
        catch (InvalidDataException e)
        {
            throw Bad(e.Message);
        }
        using var file = File.OpenRead(path);
        Span<byte> prefix = stackalloc byte[8];
        if (file.Length < 8)
            throw Bad($"not a safetensors file: it has {file.Length} bytes, fewer than the 8 of its header length");
        file.ReadExactly(prefix);
        var headerLength = BinaryPrimitives.ReadUInt64LittleEndian(prefix);
        if (headerLength > MaxHeaderLength || (long)headerLength > file.Length - 8)
            throw Bad($"not a safetensors file, or truncated: its header would be {headerLength} bytes long, the file is {file.Length}");
        var header = new byte[headerLength];
        file.ReadExactly(header);
        var tensors = new Dictionary<string, TensorEntry>(StringComparer.Ordinal);
        var metadata = new Dictionary<string, string>(StringComparer.Ordinal);
        try
        {
            using var json = JsonDocument.Parse(header, new JsonDocumentOptions { AllowDuplicateProperties = false });
            foreach (var property in json.RootElement.EnumerateObject())
                if (property.Name == "__metadata__")
                {
                    if (property.Value.ValueKind != JsonValueKind.Null) // some writers say so that there is none
                        foreach (var entry in property.Value.EnumerateObject())
                            metadata[entry.Name] = entry.Value.GetString() ?? "";
                }
                else
                    tensors.Add(property.Name, ReadEntry(property, 8 + (long)headerLength, file.Length, Bad));
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or FormatException or KeyNotFoundException)
        {
            throw new InvalidDataException($"{path}: damaged safetensors header: {e.Message}", e);
        }
        TensorEntry? previous = null;
        foreach (var entry in tensors.Values.OrderBy(t => t.Start).ThenBy(t => t.Length))
        {
            if (previous is not null && entry.Start < previous.Start + previous.Length)
                throw Bad($"the tensors {previous.Name} and {entry.Name} overlap");
            previous = entry;
        }
        return (tensors, metadata);
    }

    private static TensorEntry ReadEntry(JsonProperty property, long dataStart, long fileLength, Func<string, Exception> bad)
    {
        var dtype = property.Value.GetProperty("dtype").GetString() ?? "";
        var shape = property.Value.GetProperty("shape").EnumerateArray().Select(d => d.GetInt64()).ToArray();
        var offsets = property.Value.GetProperty("data_offsets").EnumerateArray().Select(d => d.GetInt64()).ToArray();
        if (!BitsOf.TryGetValue(dtype, out var bits))
            throw bad($"tensor {property.Name} has the unknown type {dtype}");
        if (offsets.Length != 2 || offsets[0] < 0 || offsets[1] < offsets[0] || offsets[1] > fileLength - dataStart)
            throw bad($"tensor {property.Name} lies at [{string.Join(", ", offsets)}], outside the file's {fileLength - dataStart} bytes "
                + $"of data: the file is truncated or damaged");
        long elements = 1;
        foreach (var dimension in shape)
            if (dimension < 0 || dimension > 0 && elements > long.MaxValue / 64 / dimension)
                throw bad($"tensor {property.Name} has the impossible shape [{string.Join(", ", shape)}]");
            else
                elements *= dimension;
        if (elements * bits / 8 != offsets[1] - offsets[0])
            throw bad($"tensor {property.Name} of type {dtype} and shape [{string.Join(", ", shape)}] does not have "
                + $"{offsets[1] - offsets[0]} bytes");
        return new TensorEntry(property.Name, dtype, shape, dataStart + offsets[0], offsets[1] - offsets[0]);
    }

    /// <summary>Writes float32 tensors, as
    /// <see cref="Write(string, IReadOnlyList{TensorSource}, bool, IReadOnlyDictionary{string, string}?)"/>.</summary>
    public static void Write(string path, IReadOnlyList<NamedArray> tensors, IReadOnlyDictionary<string, string>? metadata = null) =>
        Write(path, [.. tensors.Select(t => new TensorSource(t.Name, t.Shape, (first, target) =>
            t.Values.AsSpan((int)first, target.Length).CopyTo(target)))], bf16: false, metadata);

    /// <summary>
    /// Writes tensors, a block at a time. The file is complete when the call returns; to rename it into place and to have
    /// it on disk is the caller's to do.
    /// </summary>
    /// <param name="bf16">Round to BF16, to the nearest and to even in the middle, instead of writing F32.</param>
    public static void Write(string path, IReadOnlyList<TensorSource> tensors, bool bf16,
        IReadOnlyDictionary<string, string>? metadata = null)
    {
        using var file = new FileStream(path, FileMode.Create, FileAccess.Write, FileShare.None, 1 << 16);
        file.Write(Head(tensors.Select(t => new WrittenTensor(t.Name, bf16 ? "BF16" : "F32", t.Shape, (bf16 ? 2 : 4) * t.Elements)),
            metadata));
        foreach (var tensor in tensors)
        {
            var width = tensor.Shape.Length == 0 ? 1 : Math.Max(1, tensor.Shape[^1]);
            var values = new float[Math.Min(tensor.Elements, Math.Max(1, BlockElements / width) * width)];
            for (long first = 0; first < tensor.Elements; first += values.Length)
            {
                var block = values.AsSpan(0, (int)Math.Min(values.Length, tensor.Elements - first));
                tensor.Read(first, block);
                file.Write(bf16 ? ToBf16(block) : MemoryMarshal.AsBytes(block));
            }
        }
    }

    /// <summary>All that stands before the bytes of tensors that follow each other without a gap: the header and its length.</summary>
    internal static ReadOnlySpan<byte> Head(IEnumerable<WrittenTensor> tensors, IReadOnlyDictionary<string, string>? metadata)
    {
        var head = new ArrayBufferWriter<byte>();
        head.Write(stackalloc byte[LengthBytes]); // known at the end
        using (var json = new Utf8JsonWriter(head))
        {
            json.WriteStartObject();
            json.WriteStartObject("__metadata__");
            json.WriteString("format", "pt"); // transformers refuses files without it
            foreach (var (key, value) in metadata ?? new Dictionary<string, string>())
                json.WriteString(key, value);
            json.WriteEndObject();
            long offset = 0;
            foreach (var tensor in tensors)
            {
                json.WriteStartObject(tensor.Name);
                json.WriteString("dtype", tensor.DType);
                json.WriteStartArray("shape");
                foreach (var dimension in tensor.Shape)
                    json.WriteNumberValue(dimension);
                json.WriteEndArray();
                json.WriteStartArray("data_offsets");
                json.WriteNumberValue(offset);
                json.WriteNumberValue(offset += tensor.Bytes);
                json.WriteEndArray();
                json.WriteEndObject();
            }
            json.WriteEndObject();
        }
        while (head.WrittenCount % 8 != 0)
            head.Write(" "u8);
        var written = MemoryMarshal.AsMemory(head.WrittenMemory).Span;
        BinaryPrimitives.WriteUInt64LittleEndian(written, (ulong)(written.Length - LengthBytes));
        return written;
    }

    private static ReadOnlySpan<byte> ToBf16(ReadOnlySpan<float> values)
    {
        var halves = new ushort[values.Length];
        for (var i = 0; i < halves.Length; i++)
        {
            var bits = BitConverter.SingleToUInt32Bits(values[i]);
            halves[i] = (ushort)((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16);
        }
        return MemoryMarshal.AsBytes(halves.AsSpan());
    }
}

/// <summary>A tensor to be written, row-major, and where its elements come from.</summary>
/// <param name="Read">Fills a span with whole rows, beginning at the element of the given index.</param>
public sealed record TensorSource(string Name, long[] Shape, TensorBlock Read)
{
    public long Elements => Shape.Aggregate(1L, (a, b) => a * b);
}

/// <summary>What a header says of a tensor that is written.</summary>
internal readonly record struct WrittenTensor(string Name, string DType, long[] Shape, long Bytes);

/// <summary>Fills <paramref name="target"/> with the elements from index <paramref name="first"/> on.</summary>
public delegate void TensorBlock(long first, Span<float> target);
