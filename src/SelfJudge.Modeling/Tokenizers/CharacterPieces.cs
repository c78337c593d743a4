using System.Text;

namespace SelfJudge.Modeling.Tokenizers;

/// <summary>Byte-pair encoding that begins with characters, as SentencePiece does it: what the vocabulary has no piece for becomes its
/// UTF-8 bytes, or the unknown token.</summary>
/// <param name="pieceOf">The id of a piece that text may become.</param>
/// <param name="byteIds">The ids of the 256 byte pieces; null where there is no byte fallback.</param>
/// <param name="unknown">The unknown token; null leaves such characters out.</param>
/// <param name="fusesUnknown">Whether neighbouring unknown characters become one token.</param>
internal sealed class CharacterPieces(Func<string, int?> pieceOf, int[]? byteIds, int? unknown, bool fusesUnknown, BytePairMerges merges)
{
    public void Encode(string word, List<int> output)
    {
        var symbols = new List<int>(word.Length);
        Span<byte> utf8 = stackalloc byte[4];
        foreach (var rune in word.EnumerateRunes())
        {
            if (pieceOf(rune.ToString()) is { } id)
                symbols.Add(id);
            else if (byteIds is not null)
                foreach (var value in utf8[..rune.EncodeToUtf8(utf8)])
                    symbols.Add(byteIds[value]);
            else if (unknown is { } unk && !(fusesUnknown && symbols.Count > 0 && symbols[^1] == unk))
                symbols.Add(unk);
        }
        merges.Apply(System.Runtime.InteropServices.CollectionsMarshal.AsSpan(symbols), output);
    }

    /// <summary>The spelling of a byte's piece.</summary>
    public static string SpellingOf(int value) => $"<0x{value:X2}>";

    /// <summary>The byte whose piece is spelled so.</summary>
    public static byte? ByteOf(string piece) =>
        piece.Length == 6 && piece.StartsWith("<0x", StringComparison.Ordinal) && piece[5] == '>'
            && byte.TryParse(piece.AsSpan(3, 2), System.Globalization.NumberStyles.AllowHexSpecifier, null, out var value) ? value : null;

    /// <summary>The bytes of a piece that spells spaces as U+2581.</summary>
    public static byte[] BytesOf(string piece) => Encoding.UTF8.GetBytes(piece.Replace('▁', ' '));
}
