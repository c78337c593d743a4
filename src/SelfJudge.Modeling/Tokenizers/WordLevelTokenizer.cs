using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using SelfJudge.Modeling.Files;

namespace SelfJudge.Modeling.Tokenizers;

/// <summary>Words separated by spaces, one id each: the tokenizer of the built-in world, read from and written as a Hugging Face
/// <c>tokenizer.json</c> of type WordLevel.</summary>
public sealed class WordLevelTokenizer : TextTokenizer
{
    public const string EndOfText = "</s>";
    public const string Unknown = "<unk>";

    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };

    private readonly Dictionary<string, int> _ids;
    private readonly string[] _words;
    private readonly Dictionary<string, int> _special;
    private readonly HashSet<int> _specialIds;

    /// <param name="words">The vocabulary in the order of its ids; it holds <see cref="EndOfText"/>, <see cref="Unknown"/> and every
    /// special token.</param>
    public WordLevelTokenizer(IReadOnlyList<string> words, IEnumerable<string> specialTokens)
    {
        _words = [.. words];
        _ids = _words.Select((word, id) => (word, id)).ToDictionary(p => p.word, p => p.id, StringComparer.Ordinal);
        _special = specialTokens.Append(EndOfText).Append(Unknown).Distinct().ToDictionary(t => t, t => _ids[t], StringComparer.Ordinal);
        _specialIds = [.. _special.Values];
    }

    public int VocabSize => _words.Length;
    public override IReadOnlyDictionary<string, int> SpecialTokens => _special;
    public override int? BosToken => null;
    public override int EosToken => _ids[EndOfText];

    public override int[] Encode(string text) =>
        [.. text.Split(' ', StringSplitOptions.RemoveEmptyEntries)
            .Select(w => _ids.TryGetValue(w, out var id) && !_specialIds.Contains(id) ? id : _ids[Unknown])];

    // Words stand apart by a space, which the first of a text has not.
    public override bool BeginsWithSpace => true;

    public override bool Contains(int id) => id >= 0 && id < _words.Length;

    public override ReadOnlyMemory<byte> BytesOf(int id) =>
        Contains(id) && !_specialIds.Contains(id) ? Encoding.UTF8.GetBytes(' ' + _words[id]) : default;

    public override IEnumerable<TokenEntry> Entries => _words.Select((word, id) => new TokenEntry(word, id, "tokenizer.json"));

    public override int? IdOf(string piece) => _ids.TryGetValue(piece, out var id) ? id : null;

    /// <exception cref="InvalidDataException">The file is not a WordLevel tokenizer, or lacks a token that ours needs.</exception>
    public static WordLevelTokenizer Load(string path)
    {
        try
        {
            FileKind.Check(path);
            var root = JsonNode.Parse(File.ReadAllText(path), null, new JsonDocumentOptions { AllowDuplicateProperties = false });
            if ((string?)root?["model"]?["type"] is var type and not "WordLevel")
                throw new InvalidDataException($"model.type is {type ?? "missing"}; supported is WordLevel");
            var vocab = root["model"]!["vocab"] as JsonObject ?? throw new InvalidDataException("no model.vocab");
            var words = vocab.OrderBy(p => (int)p.Value!).Select(p => p.Key).ToList();
            if (words.Index().FirstOrDefault(w => (int)vocab[w.Item]! != w.Index) is { Item: { } displaced })
                throw new InvalidDataException(
                    $"model.vocab: '{displaced}' has the id {vocab[displaced]}; the ids of words are 0 to {words.Count - 1}, each once");
            var special = (root["added_tokens"] as JsonArray ?? []).Where(t => (bool)t!["special"]!).Select(t => (string)t!["content"]!)
                .ToList();
            if (special.Append(EndOfText).Append(Unknown).FirstOrDefault(t => !vocab.ContainsKey(t)) is { } missing)
                throw new InvalidDataException($"the token {missing} is missing from model.vocab");
            return new WordLevelTokenizer(words, special);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or FormatException or NullReferenceException
            or ArgumentException or OverflowException or InvalidDataException)
        {
            throw new InvalidDataException($"{path}: {e.Message}", e);
        }
    }

    public override void Save(string folder)
    {
        var tokenizer = new JsonObject
        {
            ["version"] = "1.0",
            ["truncation"] = null,
            ["padding"] = null,
            ["added_tokens"] = new JsonArray([.. _special.OrderBy(p => p.Value).Select(p => new JsonObject
            {
                ["id"] = p.Value,
                ["content"] = p.Key,
                ["single_word"] = false,
                ["lstrip"] = false,
                ["rstrip"] = false,
                ["normalized"] = false,
                ["special"] = true,
            })]),
            ["normalizer"] = null,
            ["pre_tokenizer"] = new JsonObject { ["type"] = "WhitespaceSplit" },
            ["post_processor"] = null,
            ["decoder"] = null,
            ["model"] = new JsonObject
            {
                ["type"] = "WordLevel",
                ["vocab"] = new JsonObject(_words.Select((word, id) => KeyValuePair.Create(word, (JsonNode?)id))),
                ["unk_token"] = Unknown,
            },
        };
        var config = new JsonObject
        {
            ["tokenizer_class"] = "PreTrainedTokenizerFast",
            ["eos_token"] = EndOfText,
            ["unk_token"] = Unknown,
            ["clean_up_tokenization_spaces"] = false,
        };
        File.WriteAllText(Path.Combine(folder, "tokenizer.json"), tokenizer.ToJsonString(Indented));
        File.WriteAllText(Path.Combine(folder, "tokenizer_config.json"), config.ToJsonString(Indented));
    }
}
