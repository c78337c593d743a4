using System.Security.Cryptography;
using System.Text;
using SelfJudge.Modeling.Tokenizers;

namespace SelfJudge.Modeling.Tests.Tokenizers;

/// <summary>Normalization form C; the hashes are those of Python's <c>unicodedata</c>, Unicode 14, over the same strings.</summary>
public sealed class CanonicalCompositionTests
{
    [Theory]
    [InlineData("plain text, café", "plain text, café")]
    [InlineData("cafe\u0301", "café")]
    [InlineData("\u212B \u2126", "\u00C5 \u03A9")]
    [InlineData("q\u0307\u0323", "q\u0323\u0307")]
    [InlineData("d\u0307\u0323", "\u1E0D\u0307")]
    [InlineData("\u1112\u1161\u11AB\u1100\u1173\u11AF", "한글")]
    [InlineData("\u0958", "\u0915\u093C")]
    [InlineData("\U0001D15E 🙂", "\U0001D157\U0001D165 🙂")]
    [InlineData("\u0301a", "\u0301a")]
    public void Texts_are_composed(string text, string expected) => Assert.Equal(expected, CanonicalComposition.Normalize(text));

    [Fact]
    public void Half_a_pair_stays() => Assert.Equal("\uD83D\u00E9", CanonicalComposition.Normalize("\uD83De\u0301"));

    [Fact]
    public void Every_character_becomes_what_it_does_elsewhere()
    {
        var all = new StringBuilder();
        for (var c = 0; c < 0x110000; c++)
            if (c is < 0xD800 or > 0xDFFF)
                all.Append(CanonicalComposition.Normalize(char.ConvertFromUtf32(c)));
        Assert.Equal("69bda61d948e41e80d5c6b8cb7016f30290aaa5030acb60cba01c0b654f51727", HashOf(all));
    }

    /// <summary>Twenty thousand strings of letters, marks and parts of Hangul, drawn by a linear congruential generator.</summary>
    [Fact]
    public void Strings_become_what_they_do_elsewhere()
    {
        int[] pool =
        [
            .. Enumerable.Range(0x61, 26), .. Enumerable.Range(0x300, 0x70), .. Enumerable.Range(0x5B0, 20),
            .. Enumerable.Range(0x93C, 3),
            .. Enumerable.Range(0x1100, 19), .. Enumerable.Range(0x1161, 21), .. Enumerable.Range(0x11A7, 28),
            .. Enumerable.Range(0xAC00, 60),
            0xC5, 0xF1, 0x1EA5, 0x212B, 0x915, 0x9C7, 0x9BE, 0x1D158, 0x1D165, 0x1D16E,
        ];
        var (state, all) = (1UL, new StringBuilder());
        int Next(int below)
        {
            state = unchecked(state * 6364136223846793005 + 1442695040888963407);
            return (int)((state >> 33) % (ulong)below);
        }
        for (var i = 0; i < 20_000; i++)
        {
            var count = 1 + Next(12);
            var text = string.Concat(Enumerable.Range(0, count).Select(_ => char.ConvertFromUtf32(pool[Next(pool.Length)])));
            all.Append(CanonicalComposition.Normalize(text));
        }
        Assert.Equal("966eb9cb644d4553543f8e1bbd5b366372301214ee3f1121e1bb760ed53fd64f", HashOf(all));
    }

    private static string HashOf(StringBuilder text) =>
        Convert.ToHexStringLower(SHA256.HashData(Encoding.Unicode.GetBytes(text.ToString())));
}
