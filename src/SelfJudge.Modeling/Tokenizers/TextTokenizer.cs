using System.Security.Cryptography;
using System.Text;

namespace SelfJudge.Modeling.Tokenizers;

/// <summary>A token of a tokenizer.</summary>
/// <param name="File">The name of the file that gives it its id.</param>
public sealed record TokenEntry(string Piece, int Id, string File);

/// <summary>Text to token ids and back, as a checkpoint's own tokenizer does it.</summary>
public abstract class TextTokenizer
{
    private string? _fingerprint;

    /// <summary>Tokens that mean something to the model and never come from plain text.</summary>
    public abstract IReadOnlyDictionary<string, int> SpecialTokens { get; }

    /// <summary>The token that begins every sequence, where the model has one.</summary>
    public abstract int? BosToken { get; }

    /// <summary>The token that ends a response in training data.</summary>
    public abstract int EosToken { get; }

    /// <summary>Whether the model's configuration asks for the end token behind every sequence, not responses only.</summary>
    public virtual bool AddsEos => false;

    /// <summary>Ids of plain text; the spelling of a special token in it is text like any other. Adds no begin or end token.</summary>
    public abstract int[] Encode(string text);

    /// <summary>Ids of plain text with the begin and end tokens that the model's configuration asks for.</summary>
    public int[] EncodeWithSpecial(string text) =>
        [.. BosToken is { } bos ? [bos] : Array.Empty<int>(), .. Encode(text), .. AddsEos ? [EosToken] : Array.Empty<int>()];

    /// <summary>The text of ids; special tokens and ids outside the vocabulary left out, bytes that are no UTF-8 as U+FFFD.</summary>
    public string Decode(IEnumerable<int> ids)
    {
        var decoder = new StreamingDecoder(this);
        var text = new StringBuilder();
        foreach (var id in ids)
            text.Append(decoder.Feed(id));
        return text.Append(decoder.Finish()).ToString();
    }

    /// <summary>Everything that has an id, added tokens too.</summary>
    public abstract IEnumerable<TokenEntry> Entries { get; }

    /// <summary>The same for tokenizers whose ids mean the same.</summary>
    public string Fingerprint => _fingerprint ??= Convert.ToHexString(SHA256.HashData(Encoding.UTF8.GetBytes(
        string.Join('\n', Entries.Select(t => $"{t.Id} {t.Piece}").Distinct().Order(StringComparer.Ordinal)))));

    /// <summary>Whether an id is of the vocabulary.</summary>
    public abstract bool Contains(int id);

    /// <summary>The UTF-8 bytes that an id stands for, which may be part of a character; none for special tokens and ids outside the
    /// vocabulary.</summary>
    public abstract ReadOnlyMemory<byte> BytesOf(int id);

    /// <summary>Whether encoding puts a space before the text, which decoding takes away again.</summary>
    public abstract bool BeginsWithSpace { get; }

    /// <summary>The id of an entry of the vocabulary as it is spelled there; null if there is none.</summary>
    public abstract int? IdOf(string piece);

    /// <summary>Writes the files from which a Hugging Face tokenizer is loaded.</summary>
    public abstract void Save(string folder);

    /// <summary>Text that UTF-8 can hold: halves of surrogate pairs become U+FFFD, as in every other implementation.</summary>
    protected static string WellFormed(string text) =>
        text.AsSpan().IndexOfAnyInRange('\ud800', '\udfff') < 0 ? text : Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(text));
}
