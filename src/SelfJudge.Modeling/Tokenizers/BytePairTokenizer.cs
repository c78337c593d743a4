using System.Text;

namespace SelfJudge.Modeling.Tokenizers;

/// <summary>The parts of a <c>tokenizer.json</c> of type BPE.</summary>
internal sealed record BytePairParts
{
    public required Dictionary<string, int> Vocabulary { get; init; }
    public required BytePairMerges Merges { get; init; }
    public required IReadOnlyList<AddedToken> Added { get; init; }

    /// <summary>Applied one after another to text.</summary>
    public required IReadOnlyList<Func<string, string>> Normalizers { get; init; }

    /// <summary>Applied one after another to words; the flag is whether a word begins the text.</summary>
    public required IReadOnlyList<Func<string, bool, IEnumerable<string>>> PreTokenizers { get; init; }

    public required bool IsByteLevel { get; init; }
    public required bool HasByteFallback { get; init; }

    /// <summary>Whether a word that is in the vocabulary is one token, whatever the merges would make of it.</summary>
    public required bool IgnoresMerges { get; init; }
    public required int? Unknown { get; init; }
    public required bool FusesUnknown { get; init; }
    public required bool BeginsWithSpace { get; init; }

    /// <summary>What the post-processor puts before and behind a sequence; null where it is silent.</summary>
    public required int? TemplateBos { get; init; }
    public required int? TemplateEos { get; init; }
    public required bool HasTemplate { get; init; }
}

/// <summary>Byte-pair encoding as a Hugging Face <c>tokenizer.json</c> describes it: byte-level as GPT-2 and Llama 3 have it, or on
/// characters with byte fallback as SentencePiece models are converted.</summary>
public sealed class BytePairTokenizer : TextTokenizer
{
    private readonly BytePairParts _parts;
    private readonly TokenizerSettings _settings;
    private readonly Dictionary<string, int> _special;
    private readonly Dictionary<string, int> _ids;
    private readonly Dictionary<int, byte[]> _bytes = [];
    private readonly HashSet<int> _allIds;
    private readonly AddedTokenFinder _added;
    private readonly int[] _byteIds;
    private readonly CharacterPieces? _pieces;

    private BytePairTokenizer(BytePairParts parts, TokenizerSettings settings)
    {
        (_parts, _settings) = (parts, settings);
        var added = parts.Added.Concat(settings.Added).DistinctBy(t => t.Content).ToList();
        _special = added.Where(t => t.IsSpecial || t.Content == settings.Bos || t.Content == settings.Eos)
            .ToDictionary(t => t.Content, t => t.Id, StringComparer.Ordinal);
        // What the configuration names is control even where it is a plain entry of the vocabulary.
        foreach (var named in new[] { settings.Bos, settings.Eos })
            if (named is not null && parts.Vocabulary.TryGetValue(named, out var id))
                _special.TryAdd(named, id);
        _ids = new Dictionary<string, int>(parts.Vocabulary, StringComparer.Ordinal);
        foreach (var (piece, id) in parts.Vocabulary)
            _bytes[id] = parts.IsByteLevel ? ByteAlphabet.BytesOf(piece)
                : parts.HasByteFallback && CharacterPieces.ByteOf(piece) is { } value ? [value]
                : CharacterPieces.BytesOf(piece);
        foreach (var token in added)
        {
            _ids[token.Content] = token.Id;
            _bytes[token.Id] = Encoding.UTF8.GetBytes(token.Content);
        }
        _allIds = [.. _bytes.Keys];
        foreach (var id in _special.Values)
            _bytes[id] = [];
        _added = new AddedTokenFinder(added.Where(t => !_special.ContainsKey(t.Content)).Select(t => (t.Content, t.Id)));
        var unknown = parts.Unknown;
        _byteIds = [.. Enumerable.Range(0, 256).Select(b =>
            PlainId(parts.IsByteLevel ? ByteAlphabet.CharacterOf((byte)b).ToString() : CharacterPieces.SpellingOf(b)) ?? -1)];
        if (!parts.IsByteLevel)
            _pieces = new CharacterPieces(PlainId, parts.HasByteFallback && !_byteIds.Contains(-1) ? _byteIds : null, unknown,
                parts.FusesUnknown, parts.Merges);
        BosToken = FindBos();
        EosToken = settings.FindEos(_special) ?? FindSpecial(settings.EosId) ?? parts.TemplateEos
            ?? FindSpecial("<|end_of_text|>") ?? FindSpecial("<|endoftext|>") ?? FindSpecial("</s>")
            ?? throw new InvalidDataException(
                "which token ends a text is said nowhere: name eos_token in tokenizer_config.json or special_tokens_map.json, or "
                + "eos_token_id in config.json");
        AddsEos = settings.AddEos ?? parts.TemplateEos is not null;
    }

    public override IReadOnlyDictionary<string, int> SpecialTokens => _special;
    public override int? BosToken { get; }
    public override int EosToken { get; }
    public override bool AddsEos { get; }
    public override bool BeginsWithSpace => _parts.BeginsWithSpace;

    /// <exception cref="InvalidDataException">The file is damaged or asks for what is not supported; the message names it.</exception>
    public static BytePairTokenizer Load(string path)
    {
        var settings = TokenizerSettings.Read(Path.GetDirectoryName(Path.GetFullPath(path))!);
        return TokenizerSettings.ReadJson(path, json => new BytePairTokenizer(TokenizerJson.Parse(json), settings));
    }

    public override int[] Encode(string text)
    {
        var ids = new List<int>();
        var isFirst = true;
        foreach (var (part, token) in _added.Split(WellFormed(text)))
        {
            if (token is { } added)
                ids.Add(added);
            else
                EncodePart(part, isFirst, ids);
            isFirst = false;
        }
        return [.. ids];
    }

    public override bool Contains(int id) => _allIds.Contains(id);

    public override ReadOnlyMemory<byte> BytesOf(int id) => _bytes.GetValueOrDefault(id);

    public override IEnumerable<TokenEntry> Entries =>
        [.. _parts.Vocabulary.Select(p => new TokenEntry(p.Key, p.Value, "tokenizer.json")),
            .. _parts.Added.Select(t => new TokenEntry(t.Content, t.Id, "tokenizer.json")), .. _settings.AddedEntries];

    public override int? IdOf(string piece) => _ids.TryGetValue(piece, out var id) ? id : null;

    public override void Save(string folder) => _settings.CopyTo(folder);

    private void EncodePart(string text, bool isFirst, List<int> ids)
    {
        text = _parts.Normalizers.Aggregate(text, (t, normalize) => normalize(t));
        IEnumerable<(string Text, bool IsFirst)> words = [(text, isFirst)];
        foreach (var split in _parts.PreTokenizers)
            words = words.SelectMany(w => split(w.Text, w.IsFirst).Select((t, i) => (t, w.IsFirst && i == 0)));
        foreach (var (word, _) in words)
            if (_pieces is null)
                EncodeBytes(word, ids);
            else if (_parts.IgnoresMerges && PlainId(word) is { } whole)
                ids.Add(whole);
            else
                _pieces.Encode(word, ids);
    }

    private void EncodeBytes(string word, List<int> ids)
    {
        var bytes = Encoding.UTF8.GetBytes(word);
        if (_parts.IgnoresMerges
            && PlainId(string.Create(bytes.Length, bytes, (piece, b) =>
            { for (var i = 0; i < b.Length; i++) piece[i] = ByteAlphabet.CharacterOf(b[i]); })) is { } whole)
        {
            ids.Add(whole);
            return;
        }
        var symbols = new List<int>(bytes.Length);
        foreach (var id in bytes.Select(b => _byteIds[b] >= 0 ? _byteIds[b] : _parts.Unknown ?? -1))
            if (id >= 0)
                symbols.Add(id);
        _parts.Merges.Apply(System.Runtime.InteropServices.CollectionsMarshal.AsSpan(symbols), ids);
    }

    // Text never becomes a special token, even where the vocabulary has its spelling.
    private int? PlainId(string piece) => _parts.Vocabulary.TryGetValue(piece, out var id) && !_special.ContainsKey(piece) ? id : null;

    private int? FindSpecial(string? spelling) => spelling is not null && _special.TryGetValue(spelling, out var id) ? id : null;

    private int? FindSpecial(int? id) => id is { } known && _special.ContainsValue(known) ? known : null;

    // The configuration decides, then the post-processor. Where neither is there, a model that names a begin token means it.
    private int? FindBos()
    {
        var named = FindSpecial(_settings.Bos) ?? FindSpecial(_settings.BosId);
        return _settings.AddBos switch
        {
            true => named ?? _parts.TemplateBos,
            false => null,
            null => _parts.TemplateBos ?? (_parts.HasTemplate || _settings.IsConfigured ? null : named),
        };
    }
}
