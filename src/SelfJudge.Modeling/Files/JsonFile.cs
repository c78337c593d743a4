using System.Text.Json;
using System.Text.Json.Nodes;

namespace SelfJudge.Modeling.Files;

/// <summary>The small JSON files of a model or adapter folder, which others wrote: read with limits, and every error names file and
/// key.</summary>
internal static class JsonFile
{
    private const long MaxLength = 64 << 20; // an index of a very large model has a few megabytes

    private static readonly JsonDocumentOptions Strict = new() { AllowDuplicateProperties = false };

    /// <summary>Reads an object and makes something of it.</summary>
    /// <exception cref="InvalidDataException">It is no JSON object, names a key twice, or <paramref name="read"/> finds it wanting; the
    /// message begins with the path.</exception>
    public static T Read<T>(string path, Func<JsonObject, T> read)
    {
        try
        {
            if (new FileInfo(path).Length is var length and > MaxLength)
                throw new InvalidDataException($"{length} bytes are more than such a file has");
            FileKind.Check(path);
            return read(JsonNode.Parse(File.ReadAllText(path), null, Strict) as JsonObject
                ?? throw new InvalidDataException("not a JSON object"));
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or FormatException or InvalidDataException
            or ArgumentException)
        {
            throw new InvalidDataException($"{path}: {e.Message}", e);
        }
    }

    /// <summary>A number or truth value; null where the key is absent or null.</summary>
    public static T? Value<T>(this JsonObject json, string key)
        where T : struct => json[key] switch
        {
            null => null,
            JsonValue value when value.TryGetValue<T>(out var found) => found,
            var other => throw new InvalidDataException($"{key} is {Shown(other)}, which is no {Named<T>()}"),
        };

    /// <summary>A string; null where the key is absent or null.</summary>
    public static string? Text(this JsonObject json, string key) => json[key] switch
    {
        null => null,
        JsonValue value when value.TryGetValue<string>(out var found) => found,
        var other => throw new InvalidDataException($"{key} is {Shown(other)}, which is no text"),
    };

    /// <summary>Whether a key says anything: it is there, and not null, false, 0 or empty.</summary>
    public static bool IsSet(JsonNode? value) => value switch
    {
        null => false,
        JsonArray list => list.Count > 0,
        JsonObject map => map.Count > 0,
        JsonValue v when v.TryGetValue<bool>(out var on) => on,
        JsonValue v when v.TryGetValue<double>(out var number) => number != 0,
        JsonValue v when v.TryGetValue<string>(out var text) => text.Length > 0,
        _ => true,
    };

    public static string Shown(JsonNode node) => node.ToJsonString() is { Length: > 60 } text ? text[..60] + "…" : node.ToJsonString();

    private static string Named<T>() => typeof(T) == typeof(bool) ? "truth value" : typeof(T) == typeof(int) ? "integer of 32 bits"
        : "number";
}
