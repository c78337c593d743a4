using System.Text.Json;
using System.Text.Json.Nodes;
using SelfJudge.Modeling.Tokenizers;

namespace SelfJudge.Modeling.Tests.Tokenizers;

/// <summary>A small byte-level <c>tokenizer.json</c> in a folder of its own: the 256 bytes as ids 0 to 255, the merges asked for from 256
/// on, then added tokens.</summary>
internal sealed class SmallTokenizer : IDisposable
{
    public const string Llama3Pattern =
        @"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

    public string Folder { get; } = Directory.CreateTempSubdirectory().FullName;

    public JsonObject Json { get; }

    public SmallTokenizer(params string[] merges)
    {
        var vocabulary = new JsonObject();
        for (var b = 0; b < 256; b++)
            vocabulary[ByteAlphabet.CharacterOf((byte)b).ToString()] = b;
        for (var i = 0; i < merges.Length; i++)
            vocabulary[merges[i].Replace(" ", "", StringComparison.Ordinal)] = 256 + i;
        Json = new JsonObject
        {
            ["model"] = new JsonObject
            {
                ["type"] = "BPE",
                ["vocab"] = vocabulary,
                ["merges"] = new JsonArray([.. merges.Select(m => (JsonNode)m)])
            },
            ["pre_tokenizer"] = Byte(useRegex: true),
            ["decoder"] = Byte(useRegex: true),
            ["added_tokens"] = new JsonArray(),
        };
        Add(900, "<|begin_of_text|>");
        Add(901, "<|end_of_text|>");
    }

    public static JsonObject Byte(bool useRegex) =>
        new() { ["type"] = "ByteLevel", ["add_prefix_space"] = false, ["use_regex"] = useRegex };

    public static JsonObject Split(string pattern) =>
        new() { ["type"] = "Split", ["pattern"] = new JsonObject { ["Regex"] = pattern }, ["behavior"] = "Isolated", ["invert"] = false };

    public static JsonObject Sequence(string key, params JsonNode[] steps) => new() { ["type"] = "Sequence", [key] = new JsonArray(steps) };

    public static JsonObject Template(params string[] pieces) => new()
    {
        ["type"] = "TemplateProcessing",
        ["single"] = new JsonArray([.. pieces.Select(p => p == "A"
            ? new JsonObject { ["Sequence"] = new JsonObject { ["id"] = "A" } }
            : new JsonObject { ["SpecialToken"] = new JsonObject { ["id"] = p } })]),
    };

    public void Add(int id, string content, bool special = true) =>
        Json["added_tokens"]!.AsArray().Add(new JsonObject { ["id"] = id, ["content"] = content, ["special"] = special });

    public void Write(string file, string json) => File.WriteAllText(Path.Combine(Folder, file), json);

    public TextTokenizer Load()
    {
        Write("tokenizer.json", Json.ToJsonString(new JsonSerializerOptions()));
        return SelfJudge.Modeling.Checkpoints.ModelFolder.ReadTokenizer(Folder);
    }

    public void Dispose() => Directory.Delete(Folder, recursive: true);
}
