using CsCheck;
using SelfJudge.Modeling.Tokenizers;

namespace SelfJudge.Modeling.Tests.Tokenizers;

/// <summary>decode(encode(x)) = x, at once and as a stream, for texts of which the tokenizers promise it: no half characters, and no
/// U+2581, which is SentencePiece's space.</summary>
internal static class RoundTrips
{
    private static readonly Gen<string> Texts = Gen.OneOf<string>(
        Gen.OneOf("word", " ", "  ", "\n", "\t", "é", "e\u0301", "日本語", "🦙", "😶‍🌫️", "𝓝", "</s>", "<s>", "<0x0A>", "<|endoftext|>",
            "<|eot_id|>", "'ll", "1234", "\0", "\u00a0", "�", "!").Array[0, 30].Select(string.Concat),
        Gen.String[0, 50].Where(s => !s.Any(c => char.IsSurrogate(c) || c == '▁')));

    public static void Hold(TextTokenizer tokenizer) => Texts.Sample(text =>
    {
        var ids = tokenizer.Encode(text);
        Assert.Equal(text, tokenizer.Decode(ids));
        Assert.DoesNotContain(ids, tokenizer.SpecialTokens.Values.Contains);
        var stream = new StreamingDecoder(tokenizer);
        var pieces = ids.Select(stream.Feed).Append(stream.Finish()).ToList();
        Assert.Equal(text, string.Concat(pieces));
        Assert.All(pieces, p => Assert.False(p.Length > 0 && (char.IsLowSurrogate(p[0]) || char.IsHighSurrogate(p[^1]))));
    }, iter: 1000);
}
