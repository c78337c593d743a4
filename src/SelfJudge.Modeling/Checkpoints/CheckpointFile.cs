using System.IO.Hashing;
using System.Runtime.InteropServices;
using System.Text.Json;
using System.Text.Json.Serialization;
using SelfJudge.Modeling.Tensors;

namespace SelfJudge.Modeling.Checkpoints;

/// <summary>
/// A checkpoint's file: safetensors with the trained weights by the names that a Hugging Face or PEFT folder gives them,
/// Adam's moments by the same names behind <c>mean.</c> and <c>variance.</c>, and <see cref="CheckpointState"/> in the
/// metadata. Its last tensor is the XXH3 hash of every byte before it, so that damage is told from what was written. It
/// guards against accidents, not against forgery.
/// </summary>
internal static class CheckpointFile
{
    private const string Mean = "mean.", Variance = "variance.", Checksum = "checksum";
    private const string StateKey = "checkpoint", VersionKey = "checkpoint_version", Version = "1";
    private const int ChecksumBytes = 8;
    private const int ReadBuffer = 1 << 20;

    private static readonly JsonSerializerOptions Json = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        RespectNullableAnnotations = true,
        RespectRequiredConstructorParameters = true
    };

    /// <summary>Writes a checkpoint straight from the arrays of its snapshot.</summary>
    public static void Write(Stream file, CheckpointState state, TrainingSnapshot snapshot)
    {
        (string Prefix, IReadOnlyList<NamedArray> Arrays)[] parts =
            [("", snapshot.Weights), (Mean, snapshot.Mean), (Variance, snapshot.Variance)];
        var whole = state with { Version = snapshot.Version, OptimizerSteps = snapshot.OptimizerSteps, Lora = snapshot.Lora };
        var metadata = new Dictionary<string, string> { [VersionKey] = Version, [StateKey] = JsonSerializer.Serialize(whole, Json) };
        var tensors = parts.SelectMany(p => p.Arrays.Select(a =>
            new WrittenTensor(p.Prefix + a.Name, "F32", a.Shape, sizeof(float) * (long)a.Values.Length)));
        var hash = new XxHash3();
        Put(SafeTensors.Head(tensors.Append(new WrittenTensor(Checksum, "U8", [ChecksumBytes], ChecksumBytes)), metadata));
        foreach (var (_, arrays) in parts)
            foreach (var array in arrays)
                Put(MemoryMarshal.AsBytes(array.Values.AsSpan()));
        file.Write(hash.GetCurrentHash());

        void Put(ReadOnlySpan<byte> bytes)
        {
            hash.Append(bytes);
            file.Write(bytes);
        }
    }

    /// <summary>Checks every byte of a checkpoint and reads its state.</summary>
    /// <exception cref="CheckpointException">It is not what was written, or of another version; the message names the file.</exception>
    public static CheckpointState ReadState(string path)
    {
        try
        {
            var (tensors, metadata) = SafeTensors.ReadHeader(path);
            // Only then is it known that what the header says is what was written.
            CheckSum(path, tensors);
            if (metadata.GetValueOrDefault(VersionKey) is var version && version != Version)
                throw new CheckpointException($"checkpoint {path} is of version {version}; this program knows version {Version}");
            return JsonSerializer.Deserialize<CheckpointState>(metadata[StateKey], Json) ?? throw new JsonException("it holds no state");
        }
        catch (InvalidDataException e)
        {
            throw Damaged(path, e.Message.StartsWith(path, StringComparison.Ordinal) ? e.Message[path.Length..].TrimStart(':', ' ')
                : e.Message);
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or UnauthorizedAccessException or IOException
            and not CheckpointException)
        {
            throw Damaged(path, e.Message);
        }
    }

    /// <summary>Reads what training had changed. The file has been checked.</summary>
    public static TrainingSnapshot ReadSnapshot(string path, CheckpointState state)
    {
        using var reader = new SafeTensorsReader(path);
        var all = reader.Tensors.Values.Where(t => t.Name != Checksum).OrderBy(t => t.Start).ToList();
        List<NamedArray> Under(string prefix) =>
            [.. all.Where(t => prefix.Length > 0 ? t.Name.StartsWith(prefix, StringComparison.Ordinal)
                : !t.Name.StartsWith(Mean, StringComparison.Ordinal) && !t.Name.StartsWith(Variance, StringComparison.Ordinal))
                .Select(t => new NamedArray(t.Name[prefix.Length..], t.Shape, reader.ReadFloats(t.Name)))];
        return new TrainingSnapshot(state.Lora, Under(""), Under(Mean), Under(Variance), state.Version, state.OptimizerSteps);
    }

    private static void CheckSum(string path, IReadOnlyDictionary<string, TensorEntry> tensors)
    {
        using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 0);
        if (!tensors.TryGetValue(Checksum, out var entry) || entry.Length != ChecksumBytes || entry.Start + entry.Length != file.Length)
            throw Damaged(path, "its checksum is not at its end");
        var hash = new XxHash3();
        var buffer = new byte[Math.Min(ReadBuffer, entry.Start)];
        for (var left = entry.Start; left > 0;)
        {
            var block = buffer.AsSpan(0, (int)Math.Min(buffer.Length, left));
            file.ReadExactly(block);
            hash.Append(block);
            left -= block.Length;
        }
        var written = new byte[ChecksumBytes];
        file.ReadExactly(written);
        if (!hash.GetCurrentHash().AsSpan().SequenceEqual(written))
            throw Damaged(path, "its content has changed since it was written");
    }

    private static CheckpointException Damaged(string path, string how) => new($"checkpoint {path} is damaged: {how}");
}
