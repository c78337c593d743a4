using System.Text.Json;
using SelfJudge.Modeling.Files;

namespace SelfJudge.Modeling.Tokenizers;

/// <summary>
/// What the files beside a tokenizer say about its begin and end tokens: <c>tokenizer_config.json</c>, then
/// <c>special_tokens_map.json</c>, then <c>config.json</c>, then <c>generation_config.json</c>.
/// </summary>
internal sealed record TokenizerSettings
{
    private const long MaxTemplateBytes = 4 << 20;

    private static readonly JsonDocumentOptions Strict = new() { AllowDuplicateProperties = false };

    /// <summary>Every file of a Hugging Face tokenizer.</summary>
    public static IReadOnlyList<string> Files { get; } = ["tokenizer.model", "tokenizer.json", "tokenizer_config.json",
        "special_tokens_map.json", "added_tokens.json", "chat_template.jinja"];

    /// <summary>Where they lie.</summary>
    public required string Folder { get; init; }

    /// <summary>Spellings, where one of the two tokenizer files names them.</summary>
    public string? Bos { get; private init; }
    public string? Eos { get; private init; }

    /// <summary>Ids, where one of the two model files names them; the first where there are several.</summary>
    public int? BosId { get; private init; }
    public int? EosId { get; private init; }

    /// <summary>Whether sequences begin and end with them, where the configuration says it.</summary>
    public bool? AddBos { get; private init; }
    public bool? AddEos { get; private init; }

    /// <summary>Whether there is a <c>tokenizer_config.json</c>, whose silence then means something.</summary>
    public bool IsConfigured { get; private init; }

    /// <summary>The Jinja template of dialogues.</summary>
    public string? ChatTemplate { get; private init; }

    /// <summary>Tokens beside the vocabulary.</summary>
    public IReadOnlyList<AddedToken> Added { get; private init; } = [];

    /// <summary>The same, with the file that names them.</summary>
    public IEnumerable<TokenEntry> AddedEntries => Added.Select(t => new TokenEntry(t.Content, t.Id, AddedFile));

    private string AddedFile { get; init; } = "tokenizer_config.json";

    /// <exception cref="InvalidDataException">A file is damaged; the message names it.</exception>
    public static TokenizerSettings Read(string folder)
    {
        var settings = new TokenizerSettings { Folder = folder };
        settings = With(settings, "tokenizer_config.json", (s, json) => s with
        {
            IsConfigured = true,
            Bos = Spelling(json, "bos_token"),
            Eos = Spelling(json, "eos_token"),
            AddBos = Flag(json, "add_bos_token"),
            AddEos = Flag(json, "add_eos_token"),
            ChatTemplate = ChatTemplateOf(json),
            Added = AddedOf(json),
        });
        settings = With(settings, "special_tokens_map.json", (s, json) =>
            s with { Bos = s.Bos ?? Spelling(json, "bos_token"), Eos = s.Eos ?? Spelling(json, "eos_token") });
        if (settings.Added.Count == 0)
            settings = With(settings, "added_tokens.json", (s, json) =>
                s with
                {
                    AddedFile = "added_tokens.json",
                    Added = [.. json.EnumerateObject().Select(t => new AddedToken(t.Name, Id(t.Value.GetRawText()), true))]
                });
        foreach (var file in new[] { "config.json", "generation_config.json" })
            settings = With(settings, file, (s, json) =>
                s with { BosId = s.BosId ?? FirstId(json, "bos_token_id"), EosId = s.EosId ?? FirstId(json, "eos_token_id") });
        var jinja = Path.Combine(folder, "chat_template.jinja");
        if (File.Exists(jinja) && new FileInfo(jinja).Length is > MaxTemplateBytes and var length)
            throw new InvalidDataException($"{jinja} has {length:N0} bytes: no template is that large");
        return File.Exists(jinja) ? settings with { ChatTemplate = File.ReadAllText(jinja) } : settings;
    }

    /// <summary>The id of the end token that a tokenizer's file names; null where none does.</summary>
    /// <exception cref="InvalidDataException">The named token is none of the tokenizer's control tokens.</exception>
    public int? FindEos(IReadOnlyDictionary<string, int> special) => Eos is null ? null : special.TryGetValue(Eos, out var id) ? id
        : throw new InvalidDataException(
            $"eos_token is '{Eos}', which is no control token of the tokenizer in {Folder}: name one that it has in tokenizer_config.json "
            + $"or special_tokens_map.json");

    /// <summary>Reads a JSON file whose root is an object. Duplicate keys are errors, and so is whatever the reader stumbles
    /// over.</summary>
    /// <exception cref="InvalidDataException">It is damaged; the message begins with its path.</exception>
    public static T ReadJson<T>(string path, Func<JsonElement, T> read)
    {
        const long MaxBytes = 256L << 20;
        if (new FileInfo(path).Length is > MaxBytes and var length)
            throw new InvalidDataException($"{path} has {length:N0} bytes: no tokenizer or configuration file is that large");
        try
        {
            FileKind.Check(path);
            using var document = JsonDocument.Parse(File.ReadAllBytes(path), Strict);
            return document.RootElement.ValueKind == JsonValueKind.Object ? read(document.RootElement)
                : throw new InvalidDataException("not a JSON object");
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or FormatException or KeyNotFoundException
            or ArgumentException or OverflowException or InvalidDataException)
        {
            throw new InvalidDataException($"{path}: {e.Message}", e);
        }
    }

    /// <summary>Copies all that makes the tokenizer.</summary>
    public void CopyTo(string folder)
    {
        foreach (var file in Files.Select(f => (From: Path.Combine(Folder, f), To: Path.Combine(folder, f)))
            .Where(f => File.Exists(f.From)))
            File.Copy(file.From, file.To, overwrite: true);
    }

    private static TokenizerSettings With(TokenizerSettings settings, string file,
        Func<TokenizerSettings, JsonElement, TokenizerSettings> read)
    {
        var path = Path.Combine(settings.Folder, file);
        return File.Exists(path) ? ReadJson(path, json => read(settings, json)) : settings;
    }

    // A token is a string, or an object with its content.
    private static string? Spelling(JsonElement json, string key) =>
        !json.TryGetProperty(key, out var token) ? null : token.ValueKind switch
        {
            JsonValueKind.String => token.GetString(),
            JsonValueKind.Object => token.GetProperty("content").GetString(),
            JsonValueKind.Null => null,
            _ => throw new InvalidDataException($"{key} is neither a string nor an object with its content"),
        };

    private static bool? Flag(JsonElement json, string key) => !json.TryGetProperty(key, out var flag) ? null : flag.ValueKind switch
    {
        JsonValueKind.True => true,
        JsonValueKind.False => false,
        JsonValueKind.Null => null,
        _ => throw new InvalidDataException($"{key} is neither true nor false"),
    };

    private static IReadOnlyList<AddedToken> AddedOf(JsonElement json) =>
        !json.TryGetProperty("added_tokens_decoder", out var added) ? [] : added.ValueKind switch
        {
            JsonValueKind.Object =>
                [.. added.EnumerateObject().Select(t => t.Value.ValueKind == JsonValueKind.Object ? AddedToken.Parse(t.Value, Id(t.Name))
            : throw new InvalidDataException($"added token {t.Name} is no object with its content"))],
            JsonValueKind.Null => [],
            _ => throw new InvalidDataException("added_tokens_decoder is no object of tokens by their ids"),
        };

    private static int? FirstId(JsonElement json, string key) => !json.TryGetProperty(key, out var id) ? null : id.ValueKind switch
    {
        JsonValueKind.Number => id.GetInt32(),
        JsonValueKind.Array => id.GetArrayLength() == 0 ? null : id[0].GetInt32(),
        JsonValueKind.Null => null,
        _ => throw new InvalidDataException($"{key} is neither a number nor a list of numbers"),
    };

    private static string? ChatTemplateOf(JsonElement json) =>
        !json.TryGetProperty("chat_template", out var template) ? null : template.ValueKind switch
        {
            JsonValueKind.String => template.GetString(),
            // Several by name: the one called default.
            JsonValueKind.Array => template.EnumerateArray().Where(t => t.GetProperty("name").GetString() == "default")
                .Select(t => t.GetProperty("template").GetString()).FirstOrDefault(),
            _ => null,
        };

    private static int Id(string text) => int.TryParse(text, out var id) ? Id(id)
        : throw new InvalidDataException($"'{text}' is not a token id");

    private static int Id(int id) => id >= 0 ? id : throw new InvalidDataException($"{id} is not a token id");
}
