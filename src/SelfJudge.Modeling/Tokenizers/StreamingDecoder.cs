using System.Text;

namespace SelfJudge.Modeling.Tokenizers;

/// <summary>
/// Ids to text as they come. A character whose bytes are spread over several tokens comes with the last of them; all
/// texts put together are what <see cref="TextTokenizer.Decode"/> makes of all ids.
/// </summary>
public sealed class StreamingDecoder(TextTokenizer tokenizer)
{
    private readonly Decoder _utf8 = Encoding.UTF8.GetDecoder();
    private bool _hasBegun;

    /// <summary>The characters that an id completes; empty if there are none yet. Special tokens and ids outside the vocabulary have no
    /// text.</summary>
    public string Feed(int id)
    {
        var bytes = tokenizer.BytesOf(id).Span;
        if (bytes.Length == 0)
            return "";
        if (!_hasBegun && tokenizer.BeginsWithSpace && bytes[0] == ' ')
            bytes = bytes[1..];
        _hasBegun = true;
        return Take(bytes, flush: false);
    }

    /// <summary>What is left at the end: U+FFFD for a character that was never completed, or nothing.</summary>
    public string Finish() => Take([], flush: true);

    private string Take(ReadOnlySpan<byte> bytes, bool flush)
    {
        var characters = new char[_utf8.GetCharCount(bytes, flush)];
        return new string(characters, 0, _utf8.GetChars(bytes, characters, flush));
    }
}
