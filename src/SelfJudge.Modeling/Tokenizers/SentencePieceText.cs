using Microsoft.ML.Tokenizers;

namespace SelfJudge.Modeling.Tokenizers;

/// <summary>A SentencePiece <c>tokenizer.model</c>, as Llama 1 and 2 use it.</summary>
public sealed class SentencePieceText : TextTokenizer
{
    private readonly string _path;
    private readonly SentencePieceTokenizer _tokenizer;

    private SentencePieceText(string path, SentencePieceTokenizer tokenizer)
    {
        (_path, _tokenizer) = (path, tokenizer);
        SpecialTokens = new Dictionary<string, int>
        {
            [tokenizer.UnknownToken] = tokenizer.UnknownId,
            [tokenizer.BeginningOfSentenceToken] = tokenizer.BeginningOfSentenceId,
            [tokenizer.EndOfSentenceToken] = tokenizer.EndOfSentenceId,
        };
    }

    public override IReadOnlyDictionary<string, int> SpecialTokens { get; }
    public override int? BosToken => _tokenizer.BeginningOfSentenceId;
    public override int EosToken => _tokenizer.EndOfSentenceId;

    /// <exception cref="InvalidDataException">The file is not a SentencePiece model.</exception>
    public static SentencePieceText Load(string path)
    {
        using var stream = new MemoryStream(File.ReadAllBytes(path));
        try
        {
            return new SentencePieceText(path, SentencePieceTokenizer.Create(stream, addBeginningOfSentence: false, addEndOfSentence: false));
        }
#pragma warning disable CA1031 // Whatever the parser stumbles over, the file is not what it should be.
        catch (Exception e)
#pragma warning restore CA1031
        {
            throw new InvalidDataException($"{path} is not a SentencePiece model: {e.Message}", e);
        }
    }

    public override int[] Encode(string text) => text.Length == 0 ? [] : [.. _tokenizer.EncodeToIds(text, addBeginningOfSentence: false, addEndOfSentence: false)];

    public override string Decode(IEnumerable<int> ids) => _tokenizer.Decode(ids.Where(id => !SpecialTokens.Values.Contains(id)), considerSpecialTokens: false);

    public override int? IdOf(string piece) => _tokenizer.Vocabulary.TryGetValue(piece, out var id) ? id : null;

    public override void Save(string folder) => File.Copy(_path, Path.Combine(folder, "tokenizer.model"), overwrite: true);
}
