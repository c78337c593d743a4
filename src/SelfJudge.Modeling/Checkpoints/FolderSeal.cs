using System.IO.Hashing;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace SelfJudge.Modeling.Checkpoints;

/// <summary>
/// The seal of a folder that was written whole: <c>seal.json</c> holds length and XXH3 hash of every other file, and a hash
/// over these, so that damage is told from what was written, be it in the seal itself. It guards against accidents, not
/// against forgery.
/// </summary>
public static class FolderSeal
{
    public const string FileName = "seal.json";

    private const int Version = 1;

    private static readonly JsonSerializerOptions Json = new()
    {
        WriteIndented = true,
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
        RespectNullableAnnotations = true,
        RespectRequiredConstructorParameters = true
    };

    /// <summary>What a file must be to be trusted.</summary>
    private sealed record FileSeal(long Length, string Hash);

    private sealed record Content(int Version, IReadOnlyDictionary<string, FileSeal> Files, string Hash);

    /// <summary>Seals the files that are in a folder.</summary>
    public static void Write(string folder)
    {
        var files = Directory.GetFiles(folder).Order(StringComparer.Ordinal).ToDictionary(f => Path.GetFileName(f), Of);
        File.WriteAllText(Path.Combine(folder, FileName), JsonSerializer.Serialize(new Content(Version, files, HashOf(files)), Json));
    }

    /// <summary>The hash of a folder's seal, which tells it from every other; null where it has none. Nothing but the seal is looked
    /// at.</summary>
    /// <exception cref="CheckpointException">The seal is damaged.</exception>
    public static string? HashOf(string folder) => File.Exists(Path.Combine(folder, FileName)) ? Read(folder).Hash : null;

    /// <summary>Checks a folder's files against its seal, or those of them whose names are asked for.</summary>
    /// <exception cref="CheckpointException">It has no seal, or is not what was sealed; the message begins with the folder and names the
    /// file.</exception>
    public static void Check(string folder, Func<string, bool>? isAskedFor = null)
    {
        if (!File.Exists(Path.Combine(folder, FileName)))
            throw new CheckpointException($"{folder} is damaged: {FileName} is missing");
        foreach (var (name, seal) in Read(folder).Files.Where(f => isAskedFor?.Invoke(f.Key) ?? true))
        {
            var file = Path.Combine(folder, name);
            if (!File.Exists(file))
                throw new CheckpointException($"{folder} is damaged: {name} is missing");
            if (new FileInfo(file).Length is var length && length != seal.Length)
                throw new CheckpointException($"{folder} is damaged: {name} has {length} bytes instead of {seal.Length}");
            if (Of(file) != seal)
                throw new CheckpointException($"{folder} is damaged: the content of {name} has changed since it was written");
        }
    }

    private static Content Read(string folder)
    {
        Content content;
        try
        {
            content = JsonSerializer.Deserialize<Content>(File.ReadAllText(Path.Combine(folder, FileName)), Json)
                ?? throw new JsonException("it is empty");
        }
        catch (Exception e) when (e is JsonException or IOException or UnauthorizedAccessException)
        {
            throw new CheckpointException($"{folder} is damaged: {FileName}: {e.Message}");
        }
        if (content.Version != Version)
            throw new CheckpointException($"{folder} has a seal of version {content.Version}; this program knows version {Version}");
        if (content.Files.Values.Any(f => f is null) || HashOf(content.Files) != content.Hash)
            throw new CheckpointException($"{folder} is damaged: {FileName} has changed since it was written");
        return content;
    }

    private static string HashOf(IReadOnlyDictionary<string, FileSeal> files) =>
        Text(XxHash3.Hash(Encoding.UTF8.GetBytes(
            string.Concat(files.OrderBy(f => f.Key, StringComparer.Ordinal).Select(f => $"{f.Key}\n{f.Value.Length}\n{f.Value.Hash}\n")))));

    private static FileSeal Of(string path)
    {
        using var file = File.OpenRead(path);
        var hash = new XxHash3();
        hash.Append(file);
        return new FileSeal(file.Length, Text(hash.GetCurrentHash()));
    }

    private static string Text(byte[] hash) => Convert.ToHexStringLower(hash);
}
