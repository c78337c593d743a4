using System.Text;

namespace SelfJudge.Modeling.Tokenizers;

/// <summary>
/// What a SentencePiece model does with spaces before it looks for pieces (<c>normalizer_spec</c>). A file that leaves a
/// field out means true.
/// </summary>
/// <remarks>Microsoft.ML.Tokenizers 2.0.1 has a normalizer of its own, which makes nothing of a text of one character.</remarks>
/// <param name="AddsDummyPrefix">Whether a text gets a space before it, so that its first word looks like every other.</param>
/// <param name="RemovesExtra">Whether spaces at both ends are dropped, and of several in a row all but one.</param>
/// <param name="Escapes">Whether a space is spelled U+2581.</param>
/// <param name="IsSuffix">Whether the space that is added stands behind the text, not before it.</param>
internal sealed record SentencePieceSpaces(bool AddsDummyPrefix = true, bool RemovesExtra = true, bool Escapes = true,
    bool IsSuffix = false)
{
    private const char Escaped = '▁';

    public string Normalize(string text)
    {
        if (RemovesExtra)
            text = text.TrimStart(' ');
        if (text.Length == 0)
            return "";
        var space = Escapes ? Escaped : ' ';
        var normalized = new StringBuilder(text.Length + 1);
        if (AddsDummyPrefix && !IsSuffix)
            normalized.Append(space);
        var afterSpace = false;
        foreach (var c in text)
        {
            if (c != ' ')
                normalized.Append(c);
            else if (!(RemovesExtra && afterSpace))
                normalized.Append(space);
            afterSpace = c == ' ';
        }
        // What looks like a space of ours goes too, as in the reference.
        while (RemovesExtra && normalized.Length > 0 && normalized[^1] == space)
            normalized.Length--;
        if (AddsDummyPrefix && IsSuffix)
            normalized.Append(space);
        return normalized.ToString();
    }
}
