using Microsoft.ML.Tokenizers;
using SelfJudge.Modeling.Files;

namespace SelfJudge.Modeling.Tokenizers;

/// <summary>A SentencePiece <c>tokenizer.model</c>, as Llama 1 and 2 use it.</summary>
/// <remarks>
/// Microsoft.ML.Tokenizers reads the file. Spaces are normalised here, see <see cref="SentencePieceSpaces"/>, the merges of
/// a byte-pair model are made here, see <see cref="BytePairMerges"/>, and so is the text of ids, which has to come byte by byte.
/// </remarks>
public sealed class SentencePieceText : TextTokenizer
{
    private const int LongestPiece = 1024;
    private const long MaxBytes = 64 << 20;

    private readonly TokenizerSettings _settings;
    private readonly SentencePieceSpaces _spaces;
    private readonly string[] _pieceTexts;
    private readonly SentencePieceTokenizer _tokenizer;
    private readonly Dictionary<string, int> _special;
    private readonly Dictionary<int, byte[]> _bytes = [];
    private readonly Dictionary<string, int> _ids;
    private readonly HashSet<int> _allIds;
    private readonly CharacterPieces? _pieces;
    private readonly AddedTokenFinder _added;
    private readonly AddedTokenFinder _userDefined;

    private SentencePieceText(SentencePieceFile file, TokenizerSettings settings, SentencePieceTokenizer tokenizer)
    {
        (_settings, _spaces, _tokenizer) = (settings, file.Spaces, tokenizer);
        var pieces = file.Pieces;
        _pieceTexts = [.. pieces.Select(p => p.Text)];
        _special = new Dictionary<string, int>(StringComparer.Ordinal);
        _ids = new Dictionary<string, int>(StringComparer.Ordinal);
        for (var id = 0; id < pieces.Count; id++)
        {
            var piece = pieces[id];
            if (piece.Text.Length > LongestPiece)
                throw new InvalidDataException($"piece {id} has {piece.Text.Length:N0} characters");
            _ids.TryAdd(piece.Text, id);
            if (piece.Type is PieceType.Control or PieceType.Unknown)
                _special.TryAdd(piece.Text, id);
            else if (piece.Type == PieceType.Byte)
                _bytes[id] = CharacterPieces.ByteOf(piece.Text) is { } value ? [value]
                    : throw new InvalidDataException($"piece {id} is a byte, but is spelled '{piece.Text}'");
            else
                _bytes[id] = CharacterPieces.BytesOf(piece.Text);
        }
        List<(string, int)> plain = [];
        foreach (var token in settings.Added.Where(t => !_special.ContainsKey(t.Content) && !_ids.ContainsKey(t.Content)))
        {
            if (token.IsSpecial)
                _special.Add(token.Content, token.Id);
            else
                plain.Add((token.Content, token.Id));
            _ids.Add(token.Content, token.Id);
            _bytes[token.Id] = token.IsSpecial ? [] : System.Text.Encoding.UTF8.GetBytes(token.Content);
        }
        _allIds = [.. Enumerable.Range(0, pieces.Count), .. settings.Added.Select(t => t.Id)];
        _added = new AddedTokenFinder(plain);
        _userDefined = new AddedTokenFinder(pieces.Index().Where(p => p.Item is { Type: PieceType.UserDefined, Text.Length: > 0 })
            .Select(p => (p.Item.Text, p.Index)).DistinctBy(p => p.Text));
        if (file.IsBytePair)
        {
            var normal = pieces.Index().Where(p => p.Item is { Type: PieceType.Normal, Text.Length: > 0 }).DistinctBy(p => p.Item.Text)
                .ToDictionary(p => p.Item.Text, p => p.Index, StringComparer.Ordinal);
            var bytes = Enumerable.Range(0, 256).Select(b => _ids.GetValueOrDefault(CharacterPieces.SpellingOf(b), -1)).ToArray();
            _pieces = new CharacterPieces(p => normal.TryGetValue(p, out var id) ? id : null,
                tokenizer.ByteFallback && !bytes.Contains(-1) ? bytes : null, tokenizer.UnknownId, fusesUnknown: true,
                new BytePairMerges(Merges(pieces, normal)));
        }
        BosToken = settings.AddBos == false ? null
            : Special(settings.Bos) ?? (settings.Bos is null && settings.BosId is { } bos && _special.ContainsValue(bos) ? bos
                : _special.TryGetValue(tokenizer.BeginningOfSentenceToken, out var own) ? own : null);
        EosToken = settings.FindEos(_special) ?? (settings.EosId is { } eos && _special.ContainsValue(eos) ? eos
            : tokenizer.EndOfSentenceId);
        AddsEos = settings.AddEos == true;
    }

    public override IReadOnlyDictionary<string, int> SpecialTokens => _special;
    public override int? BosToken { get; }
    public override int EosToken { get; }
    public override bool AddsEos { get; }
    public override bool BeginsWithSpace => _spaces is { AddsDummyPrefix: true, IsSuffix: false };

    /// <exception cref="InvalidDataException">The file is not a SentencePiece model, or a file beside it is damaged.</exception>
    public static SentencePieceText Load(string path)
    {
        var settings = TokenizerSettings.Read(Path.GetDirectoryName(Path.GetFullPath(path))!);
        if (new FileInfo(path).Length is > MaxBytes and var length)
            throw new InvalidDataException($"{path} has {length:N0} bytes: no SentencePiece model is that large");
        try
        {
            FileKind.Check(path);
            var bytes = File.ReadAllBytes(path);
            var file = SentencePieceFile.Parse(bytes);
            // Microsoft.ML.Tokenizers 2.0.1 gives the bytes of such models wrong ids.
            if (!file.IsBytePair && file.Pieces.Any(p => p.Type == PieceType.Byte))
                throw new InvalidDataException("it is a Unigram model with byte fallback, which is not supported");
            using var stream = new MemoryStream(bytes);
            return new SentencePieceText(file, settings,
                SentencePieceTokenizer.Create(stream, addBeginningOfSentence: false, addEndOfSentence: false));
        }
#pragma warning disable CA1031 // Whatever the parser stumbles over, the file is not what it should be.
        catch (Exception e)
#pragma warning restore CA1031
        {
            throw new InvalidDataException($"{path} is not a SentencePiece model that is supported: {e.Message}", e);
        }
    }

    public override int[] Encode(string text)
    {
        var ids = new List<int>();
        foreach (var (part, added) in _added.Split(WellFormed(text)))
            if (added is { } token)
                ids.Add(token);
            else if (_pieces is null)
                EncodeUnigram(part, ids);
            else
                foreach (var (piece, userDefined) in _userDefined.Split(_spaces.Normalize(part)))
                    if (userDefined is { } id)
                        ids.Add(id);
                    else
                        _pieces.Encode(piece, ids);
        return [.. ids];
    }

    public override bool Contains(int id) => _allIds.Contains(id);

    public override ReadOnlyMemory<byte> BytesOf(int id) => _bytes.GetValueOrDefault(id);

    public override IEnumerable<TokenEntry> Entries =>
        [.. _pieceTexts.Select((text, id) => new TokenEntry(text, id, "tokenizer.model")), .. _settings.AddedEntries];

    public override int? IdOf(string piece) => _ids.TryGetValue(piece, out var id) ? id : null;

    public override void Save(string folder) => _settings.CopyTo(folder);

    // Neighbouring unknown characters are one token, as they are where pieces are merged.
    private void EncodeUnigram(string text, List<int> ids)
    {
        foreach (var id in _tokenizer.EncodeToIds(text, addBeginningOfSentence: false, addEndOfSentence: false))
            if (id != _tokenizer.UnknownId || ids.Count == 0 || ids[^1] != id)
                ids.Add(id);
    }

    private int? Special(string? spelling) => spelling is not null && _special.TryGetValue(spelling, out var id) ? id : null;

    // A pair may merge where what it spells is a piece; the piece's score is its rank.
    private static Dictionary<(int, int), (int, int)> Merges(IReadOnlyList<SentencePiece> pieces, Dictionary<string, int> normal)
    {
        var ranks = normal.Values.Select(id => pieces[id].Score).Distinct().OrderDescending().Index()
            .ToDictionary(s => s.Item, s => s.Index);
        var find = normal.GetAlternateLookup<ReadOnlySpan<char>>();
        var merges = new Dictionary<(int, int), (int, int)>();
        foreach (var (text, id) in normal)
            for (var cut = 1; cut < text.Length; cut++)
                if (find.TryGetValue(text.AsSpan(0, cut), out var left) && find.TryGetValue(text.AsSpan(cut), out var right))
                    merges[(left, right)] = (ranks[pieces[id].Score], id);
        return merges;
    }
}
