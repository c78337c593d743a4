using System.Buffers.Binary;
using System.Text;
using CsCheck;
using SelfJudge.Modeling.Checkpoints;
using SelfJudge.Modeling.Tensors;
using SelfJudge.Tests.Shared;

namespace SelfJudge.Modeling.Tests.Checkpoints;

public sealed class SafeTensorsTests : IDisposable
{
    private readonly string _file = Path.GetTempFileName();

    public void Dispose() => File.Delete(_file);

    [Fact]
    public void What_is_written_is_read_again() =>
        Gen.Select(Gen.Float.Array[0, 30], Gen.Float.Array[1, 20]).Sample((a, b) =>
        {
            SafeTensors.Write(_file, [new NamedArray("first.weight", [a.Length], a), new NamedArray("second", [1, b.Length, 1], b)],
                new Dictionary<string, string> { ["note"] = "x" });
            using var reader = new SafeTensorsReader(_file);
            Assert.Equal(a, reader.ReadFloats("first.weight"));
            Assert.Equal(b, reader.ReadFloats("second"));
            Assert.Equal([1, b.Length, 1], reader.Tensors["second"].Shape);
            Assert.Equal("x", reader.Metadata["note"]);
            Assert.Equal("pt", reader.Metadata["format"]);
        }, iter: 50, threads: 1);

    [Theory]
    [InlineData("llama/model.safetensors")]
    [InlineData("llama3/model-00001-of-00002.safetensors")]
    [InlineData("shared/safetensors/tensor-3d-float32.safetensors")]
    [InlineData("shared/safetensors/tensor-4d-float32.safetensors")]
    [InlineData("shared/tiny-llama3/model.safetensors")]
    [InlineData("shared/stories260k/model.safetensors")]
    public void Files_that_others_made_are_read(string file)
    {
        using var reader = new SafeTensorsReader(TestData.Path(file));
        Assert.NotEmpty(reader.Tensors);
        foreach (var tensor in reader.Tensors.Values)
            Assert.All(reader.ReadFloats(tensor.Name), v => Assert.True(float.IsFinite(v)));
    }

    [Fact]
    public void Values_and_shape_of_a_file_of_another_writer_are_what_it_wrote()
    {
        using var reader = new SafeTensorsReader(TestData.Path("safetensors/floats.safetensors"));
        Assert.Equal([2, 1, 2], reader.Tensors["some.floats"].Shape);
        Assert.Equal([1.5f, -0.25f, 1e-30f, 3e38f], reader.ReadFloats("some.floats"));
    }

    [Theory]
    [InlineData("safetensors/ints.safetensors", "I32")]
    [InlineData("safetensors/doubles.safetensors", "F64")]
    [InlineData("shared/safetensors/tensor-1d-int32.safetensors", "I32")]
    [InlineData("shared/safetensors/tensor-2d-float64.safetensors", "F64")]
    public void A_type_that_holds_no_weights_is_named(string file, string type)
    {
        using var reader = new SafeTensorsReader(TestData.Path(file));
        var name = reader.Tensors.Values.First(t => t.DType == type).Name;
        Assert.Contains($"tensor {name} is of type {type}; supported are F32, F16 and BF16",
            Assert.Throws<InvalidDataException>(() => reader.ReadFloats(name)).Message);
    }

    [Fact]
    public void Half_precision_is_widened_exactly()
    {
        WriteRaw("""{"h":{"dtype":"F16","shape":[2],"data_offsets":[0,4]},"b":{"dtype":"BF16","shape":[2],"data_offsets":[4,8]}}""",
            [0x00, 0x3C, 0x00, 0xC1, 0x80, 0x3F, 0x20, 0xC0]);
        using var reader = new SafeTensorsReader(_file);
        Assert.Equal([1f, -2.5f], reader.ReadFloats("h"));
        Assert.Equal([1f, -2.5f], reader.ReadFloats("b"));
    }

    [Theory]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", 4,
        "outside the file's 4 bytes of data: the file is truncated or damaged")]
    [InlineData("""{"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}}""", 8,
        "tensor a of type F32 and shape [3] does not have 8 bytes")]
    [InlineData("""{"a":{"dtype":"Q4","shape":[2],"data_offsets":[0,8]}}""", 8, "tensor a has the unknown type Q4")]
    [InlineData("""{"a":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,8]}}""", 8, "tensor a has the impossible shape")]
    [InlineData("""{"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,8]}}""", 8, "tensor a has the impossible shape")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}}""", 8, "tensor a lies at [8, 0]")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}""", 8,
        "the tensors a and b overlap")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2]}}""", 8, "damaged safetensors header")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", 8,
        "damaged safetensors header")]
    [InlineData("not json", 8, "damaged safetensors header")]
    [InlineData("[]", 8, "damaged safetensors header")]
    public void A_header_that_contradicts_itself_is_named(string header, int dataBytes, string message)
    {
        WriteRaw(header, new byte[dataBytes]);
        var problem = Assert.Throws<InvalidDataException>(() => new SafeTensorsReader(_file));
        Assert.Contains(message, problem.Message);
        Assert.Contains(_file, problem.Message);
    }

    [Fact]
    public void A_giant_header_length_allocates_nothing()
    {
        var bytes = new byte[16];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, ulong.MaxValue - 3);
        File.WriteAllBytes(_file, bytes);
        Assert.Contains("its header would be", Assert.Throws<InvalidDataException>(() => new SafeTensorsReader(_file)).Message);
    }

    [Fact]
    public void An_empty_file_is_named() =>
        Assert.Contains("it has 0 bytes", Assert.Throws<InvalidDataException>(() => new SafeTensorsReader(_file)).Message);

    [Fact]
    public void No_bytes_make_the_reader_crash()
    {
        SafeTensors.Write(_file, [new NamedArray("weight", [4, 2], new float[8])]);
        var whole = File.ReadAllBytes(_file);
        Gen.Select(Gen.Int[0, whole.Length], Gen.Int[0, whole.Length - 1].Array[0, 6], Gen.Byte.Array[6]).Sample((length, places, values) =>
        {
            var damaged = whole[..length];
            foreach (var (i, place) in places.Index())
                if (place < length)
                    damaged[place] = values[i];
            File.WriteAllBytes(_file, damaged);
            try
            {
                using var reader = new SafeTensorsReader(_file);
                foreach (var tensor in reader.Tensors.Values.Where(t => t.DType is "F32" or "F16" or "BF16"))
                    reader.ReadFloats(tensor.Name);
            }
            catch (InvalidDataException)
            {
                // One clear error is what damage should give.
            }
        }, iter: 3000, threads: 1);
    }

    /// <summary>Bytes changed, inserted, removed and repeated anywhere in a file of several tensors, types and metadata.</summary>
    [Fact]
    public void Whatever_becomes_of_a_file_it_loads_or_is_refused()
    {
        WriteRaw("""{"__metadata__":{"format":"pt"},"a":{"dtype":"F32","shape":[2,2],"data_offsets":[0,16]},"b":{"dtype":"BF16","shape":[3],"data_offsets":[16,22]},"c":{"dtype":"F16","shape":[],"data_offsets":[22,24]}}""", new byte[24]);
        var whole = File.ReadAllBytes(_file);
        var (loaded, refused) = (0, 0);
        Gen.Select(Gen.Int[0, 3], Gen.Int[0, whole.Length - 1], Gen.Int[1, 12],
            Gen.OneOf(Gen.Byte, Gen.Char["0123456789[]{},:\"-e."].Select(c => (byte)c)).Array[12]).Array[1, 3].Sample(mutations =>
        {
            var bytes = whole.ToList();
            foreach (var (kind, place, count, values) in mutations)
            {
                int at = Math.Min(place, bytes.Count), n = Math.Min(count, bytes.Count - at);
                if (kind is 0 or 1)
                    bytes.RemoveRange(at, n);
                if (kind is 1 or 2)
                    bytes.InsertRange(at, values[..count]);
                if (kind == 3)
                    bytes.InsertRange(at, bytes.GetRange(at, n));
            }
            File.WriteAllBytes(_file, [.. bytes]);
            try
            {
                using var reader = new SafeTensorsReader(_file);
                foreach (var tensor in reader.Tensors.Values.Where(t => t.DType is "F32" or "F16" or "BF16"))
                    reader.ReadFloats(tensor.Name);
                loaded++;
            }
            catch (InvalidDataException)
            {
                refused++;
            }
        }, iter: 5000, threads: 1);
        Assert.True(loaded > 50 && refused > 1000, $"{loaded} loaded, {refused} refused: the mutations miss what they are for");
    }

    [Fact]
    public void Rounding_to_bf16_is_to_nearest_and_to_even_in_the_middle()
    {
        float[] values = [1f, 1.00390625f, 1.01171875f, 1.0039063692f, -3.3895314e38f];
        SafeTensors.Write(_file, [new TensorSource("t", [5], (first, target) => values.AsSpan((int)first, target.Length).CopyTo(target))],
            bf16: true);
        using var reader = new SafeTensorsReader(_file);
        Assert.Equal("BF16", reader.Tensors["t"].DType);
        Assert.Equal([1f, 1f, 1.015625f, 1.0078125f, -3.3895314e38f], reader.ReadFloats("t"));
    }

    private void WriteRaw(string header, byte[] data)
    {
        var prefix = new byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(prefix, (ulong)Encoding.UTF8.GetByteCount(header));
        File.WriteAllBytes(_file, [.. prefix, .. Encoding.UTF8.GetBytes(header), .. data]);
    }
}
