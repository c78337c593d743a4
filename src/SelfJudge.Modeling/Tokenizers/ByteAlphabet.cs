using System.Text;

namespace SelfJudge.Modeling.Tokenizers;

/// <summary>GPT-2's alphabet of 256 printable characters, one for each byte: byte-level vocabularies are spelled in it.</summary>
internal static class ByteAlphabet
{
    private static readonly char[] Characters = Build();
    private static readonly Dictionary<char, byte> Bytes = Characters.Select((c, b) => (c, b)).ToDictionary(p => p.c, p => (byte)p.b);

    public static char CharacterOf(byte value) => Characters[value];

    /// <summary>The bytes that a piece spells; what is not of the alphabet stands for itself.</summary>
    public static byte[] BytesOf(string piece) => piece.All(Bytes.ContainsKey)
        ? Array.ConvertAll(piece.ToCharArray(), c => Bytes[c])
        : Encoding.UTF8.GetBytes(piece);

    // Printable Latin-1 stands for itself; the rest follows from U+0100 on.
    private static char[] Build()
    {
        var characters = new char[256];
        var spare = 0x100;
        for (var b = 0; b < 256; b++)
            characters[b] = b is >= '!' and <= '~' or >= 0xA1 and <= 0xAC or >= 0xAE ? (char)b : (char)spare++;
        return characters;
    }
}
