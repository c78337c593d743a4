using System.Text.Json;
using System.Text.RegularExpressions;

namespace SelfJudge.Modeling.Tokenizers;

/// <summary>Reads a <c>tokenizer.json</c> of type BPE. What it asks for and is not supported is refused by name, never passed
/// over.</summary>
internal static class TokenizerJson
{
    private static readonly string[] Silent = ["Fuse", "ByteFallback"];

    /// <summary>The type of a file's model; files of before 2021 do not say that they are BPE.</summary>
    public static string TypeOf(JsonElement root)
    {
        var model = Object(root, "model") ?? throw new InvalidDataException("it has no model");
        return String(model, "type") ?? (model.TryGetProperty("merges", out _) ? "BPE"
            : throw new InvalidDataException("model.type is missing"));
    }

    public static BytePairParts Parse(JsonElement root)
    {
        if (TypeOf(root) is var type and not "BPE")
            throw new InvalidDataException($"model.type is {type}; supported are BPE and WordLevel");
        var model = root.GetProperty("model");
        foreach (var affix in new[] { "continuing_subword_prefix", "end_of_word_suffix" })
            if (String(model, affix) is { Length: > 0 })
                throw new InvalidDataException($"model.{affix} is not supported");
        var vocabulary = Vocabulary(Object(model, "vocab") ?? throw new InvalidDataException("it has no model.vocab"));
        var preTokenizers = Steps(root, "pre_tokenizer", "pretokenizers");
        var decoders = Steps(root, "decoder", "decoders");
        var added = Array(root, "added_tokens").Select(t => AddedToken.Parse(t, AddedId(t))).DistinctBy(t => t.Content).ToList();
        var (bos, eos, hasTemplate) = Template(root, added, vocabulary);
        return new BytePairParts
        {
            Vocabulary = vocabulary,
            Merges = new BytePairMerges(Merges(model, vocabulary)),
            Added = added,
            Normalizers = [.. Steps(root, "normalizer", "normalizers").Select(Normalizer)],
            PreTokenizers = [.. preTokenizers.Select(PreTokenizer)],
            IsByteLevel = preTokenizers.Concat(decoders).Any(s => String(s, "type") == "ByteLevel"),
            HasByteFallback = Flag(model, "byte_fallback") ?? false,
            IgnoresMerges = Flag(model, "ignore_merges") ?? false,
            Unknown = String(model, "unk_token") is not { } unknown ? null
                : vocabulary.TryGetValue(unknown, out var unk) ? unk
                    : throw new InvalidDataException($"model.unk_token '{unknown}' is not in model.vocab"),
            FusesUnknown = Flag(model, "fuse_unk") ?? false,
            BeginsWithSpace = decoders.Select(StripsSpace).Aggregate(false, (any, strips) => any || strips),
            TemplateBos = bos,
            TemplateEos = eos,
            HasTemplate = hasTemplate,
        };
    }

    private static int AddedId(JsonElement token) =>
        token.GetProperty("id").GetInt32() is >= 0 and var id ? id : throw new InvalidDataException("added_tokens has a negative id");

    private static Dictionary<string, int> Vocabulary(JsonElement json)
    {
        var vocabulary = new Dictionary<string, int>(StringComparer.Ordinal);
        var pieces = new Dictionary<int, string>();
        foreach (var entry in json.EnumerateObject())
        {
            var id = entry.Value.GetInt32();
            if (id < 0 || !pieces.TryAdd(id, entry.Name))
                throw new InvalidDataException(id < 0 ? $"model.vocab: '{entry.Name}' has the id {id}"
                    : $"model.vocab: '{entry.Name}' and '{pieces[id]}' both have the id {id}");
            vocabulary.Add(entry.Name, id);
        }
        return vocabulary;
    }

    private static Dictionary<(int, int), (int, int)> Merges(JsonElement model, Dictionary<string, int> vocabulary)
    {
        var merges = new Dictionary<(int, int), (int, int)>();
        foreach (var (rank, entry) in Array(model, "merges").Index())
        {
            // "left right" in older files, ["left", "right"] in newer ones.
            var pair = entry.ValueKind == JsonValueKind.Array ? [.. entry.EnumerateArray().Select(p => p.GetString() ?? "")]
                : entry.GetString()?.Split(' ') ?? [];
            if (pair is not [var left, var right])
                throw new InvalidDataException($"model.merges[{rank}] is not a pair");
            int Id(string piece) => vocabulary.TryGetValue(piece, out var id) ? id
                : throw new InvalidDataException($"model.merges[{rank}]: '{piece}' is not in model.vocab");
            merges[(Id(left), Id(right))] = (rank, Id(left + right));
        }
        return merges;
    }

    private static Func<string, string> Normalizer(JsonElement step)
    {
        switch (String(step, "type"))
        {
            case "NFC":
                return CanonicalComposition.Normalize;
            case "Prepend":
                var prefix = String(step, "prepend") ?? "";
                return text => text.Length == 0 ? text : prefix + text;
            case "Replace":
                var (pattern, content) = (Pattern(step), String(step, "content") ?? "");
                var replace = new Regex(pattern, RegexOptions.CultureInvariant, TimeSpan.FromSeconds(10));
                return text =>
                {
                    try
                    {
                        return replace.Replace(text, _ => content);
                    }
                    catch (RegexMatchTimeoutException e)
                    {
                        throw new InvalidDataException(
                            $"the normalizer's pattern {pattern} took more than {replace.MatchTimeout.TotalSeconds} seconds on a text", e);
                    }
                };
            case var other:
                throw new InvalidDataException(
                    $"the normalizer {other} is not supported; supported are NFC, Prepend, Replace and Sequence");
        }
    }

    private static Func<string, bool, IEnumerable<string>> PreTokenizer(JsonElement step)
    {
        switch (String(step, "type"))
        {
            case "ByteLevel":
                var splitter = Flag(step, "use_regex") ?? true ? new WordSplitter(WordSplitter.Gpt2Pattern) : null;
                var addsSpace = Flag(step, "add_prefix_space") ?? true;
                return (text, _) =>
                {
                    var word = addsSpace && !text.StartsWith(' ') ? " " + text : text;
                    return splitter is null ? [word] : splitter.Split(word);
                };
            case "Split":
                var behavior = String(step, "behavior");
                // Matches alone are kept by "Removed" inverted; where the pattern covers all text, as it is used, that is the same.
                if (behavior != "Isolated" && !(behavior == "Removed" && Flag(step, "invert") == true))
                    throw new InvalidDataException(
                        $"the pre-tokenizer Split with behavior {behavior ?? "missing"} is not supported; supported is Isolated");
                var split = new WordSplitter(Pattern(step));
                return (text, _) => split.Split(text);
            case "Digits":
                var digits = new WordSplitter(Flag(step, "individual_digits") == true ? @"\p{N}" : @"\p{N}+");
                return (text, _) => digits.Split(text);
            case "Metaspace":
                var scheme = String(step, "prepend_scheme") ?? (Flag(step, "add_prefix_space") == false ? "never" : "always");
                if ((String(step, "replacement") ?? "▁") != "▁" || scheme is not ("always" or "first" or "never"))
                    throw new InvalidDataException(
                        $"the pre-tokenizer Metaspace with replacement {String(step, "replacement")} and prepend_scheme {scheme} is not "
                        + $"supported");
                var cut = Flag(step, "split") ?? true ? new WordSplitter("▁?[^▁]*") : null;
                return (text, isFirst) =>
                {
                    var word = text.Replace(' ', '▁');
                    if ((scheme == "always" || scheme == "first" && isFirst) && !word.StartsWith('▁'))
                        word = '▁' + word;
                    return cut is null ? [word] : cut.Split(word);
                };
            case var other:
                throw new InvalidDataException(
                    $"the pre-tokenizer {other} is not supported; supported are ByteLevel, Split, Digits, Metaspace and Sequence");
        }
    }

    // Whether a decoder takes the first space away; and a look at whether it is one that is known.
    private static bool StripsSpace(JsonElement step)
    {
        switch (String(step, "type"))
        {
            case "ByteLevel":
                return false;
            case "Metaspace":
                return (String(step, "prepend_scheme") ?? (Flag(step, "add_prefix_space") == false ? "never" : "always")) != "never";
            case "Replace" when Pattern(step) == "▁" && String(step, "content") == " ":
                return false;
            case "Strip" when String(step, "content") == " " && Number(step, "stop") == 0 && Number(step, "start") is 0 or 1:
                return Number(step, "start") == 1;
            case var type when Silent.Contains(type):
                return false;
            case var other:
                throw new InvalidDataException(
                    $"the decoder {other} is not supported as it stands here; supported are ByteLevel, Metaspace, and Replace, "
                    + $"ByteFallback, Fuse and Strip as Llama 2 has them");
        }
    }

    // What TemplateProcessing puts around a single sequence. ByteLevel as a post-processor changes offsets only.
    private static (int? Bos, int? Eos, bool HasTemplate) Template(JsonElement root, List<AddedToken> added,
        Dictionary<string, int> vocabulary)
    {
        (int?, int?, bool) found = (null, null, false);
        foreach (var step in Steps(root, "post_processor", "processors"))
        {
            if (String(step, "type") == "ByteLevel")
                continue;
            if (String(step, "type") is var type and not "TemplateProcessing")
                throw new InvalidDataException(
                    $"the post-processor {type} is not supported; supported are TemplateProcessing, ByteLevel and Sequence");
            var single = Array(step, "single").ToList();
            var sequence = single.FindIndex(p => p.TryGetProperty("Sequence", out _));
            int? IdOf(JsonElement piece)
            {
                var name = piece.GetProperty("SpecialToken").GetProperty("id").GetString()!;
                return added.FirstOrDefault(t => t.Content == name)?.Id
                    ?? (vocabulary.TryGetValue(name, out var id) ? id
                    : throw new InvalidDataException($"post_processor: the token '{name}' is in neither added_tokens nor model.vocab"));
            }
            if (sequence is < 0 or > 1 || single.Count > sequence + 2)
                throw new InvalidDataException(
                    "post_processor: supported is a template of one sequence with at most one token before and one behind it");
            found = (sequence == 1 ? IdOf(single[0]) : null, single.Count == sequence + 2 ? IdOf(single[^1]) : null, true);
        }
        return found;
    }

    // A step, or the steps of a Sequence, or none.
    private static List<JsonElement> Steps(JsonElement parent, string key, string inner) =>
        Object(parent, key) is not { } step ? [] : String(step, "type") == "Sequence" ? [.. Array(step, inner)] : [step];

    private static string Pattern(JsonElement step)
    {
        var pattern = Object(step, "pattern") ?? throw new InvalidDataException($"{String(step, "type")} has no pattern");
        return String(pattern, "Regex") ?? (String(pattern, "String") is { Length: > 0 } text ? text == "▁" ? text : Regex.Escape(text)
            : throw new InvalidDataException($"{String(step, "type")} has a pattern that is neither Regex nor String"));
    }

    private static JsonElement? Object(JsonElement parent, string key) =>
        !parent.TryGetProperty(key, out var value) || value.ValueKind == JsonValueKind.Null ? null
        : value.ValueKind == JsonValueKind.Object ? value : throw new InvalidDataException($"{key} is not an object");

    private static JsonElement.ArrayEnumerator Array(JsonElement parent, string key) =>
        !parent.TryGetProperty(key, out var value) || value.ValueKind == JsonValueKind.Null ? default
        : value.ValueKind == JsonValueKind.Array ? value.EnumerateArray() : throw new InvalidDataException($"{key} is not a list");

    private static string? String(JsonElement parent, string key) =>
        !parent.TryGetProperty(key, out var value) || value.ValueKind == JsonValueKind.Null ? null
        : value.ValueKind == JsonValueKind.String ? value.GetString() : throw new InvalidDataException($"{key} is not a string");

    private static bool? Flag(JsonElement parent, string key) =>
        !parent.TryGetProperty(key, out var value) || value.ValueKind == JsonValueKind.Null ? null : value.GetBoolean();

    private static int Number(JsonElement parent, string key) => parent.TryGetProperty(key, out var value) ? value.GetInt32() : 0;
}
