using System.Buffers.Binary;
using System.Text;

namespace SelfJudge.Modeling.Native;

/// <summary>Edits the symbol-version requirements (<c>.gnu.version_r</c>) of a 64-bit little-endian ELF file held in memory.</summary>
public static class ElfVersionNeeds
{
    private const uint SectionGnuVersionNeeds = 0x6ffffffe; // SHT_GNU_verneed
    private const ushort FlagWeak = 0x2;                    // VER_FLG_WEAK

    /// <summary>
    /// Marks every requirement for <paramref name="version"/> as weak, so that the dynamic linker no longer refuses
    /// the file where the version is missing. Returns how many requirements were changed; 0 if there was none.
    /// </summary>
    /// <exception cref="InvalidDataException">The bytes are not a 64-bit little-endian ELF file, or are truncated.</exception>
    public static int MakeWeak(Span<byte> elf, string version)
    {
        if (elf.Length < 64 || !elf[..6].SequenceEqual<byte>([0x7f, (byte)'E', (byte)'L', (byte)'F', 2, 1]))
            throw new InvalidDataException("not a 64-bit little-endian ELF file");
        try
        {
            return MakeWeakInSections(elf, Encoding.ASCII.GetBytes(version));
        }
        catch (ArgumentOutOfRangeException)
        {
            throw new InvalidDataException("the ELF file is truncated: a section lies beyond its end");
        }
    }

    private static int MakeWeakInSections(Span<byte> elf, ReadOnlySpan<byte> version)
    {
        var sectionTable = (int)BinaryPrimitives.ReadInt64LittleEndian(elf[0x28..]);
        int entrySize = BinaryPrimitives.ReadUInt16LittleEndian(elf[0x3A..]);
        int count = BinaryPrimitives.ReadUInt16LittleEndian(elf[0x3C..]);
        var changed = 0;
        for (var i = 0; i < count; i++)
        {
            var section = elf[(sectionTable + i * entrySize)..];
            if (BinaryPrimitives.ReadUInt32LittleEndian(section[4..]) != SectionGnuVersionNeeds)
                continue;
            var needs = (int)BinaryPrimitives.ReadInt64LittleEndian(section[0x18..]);
            var linked = BinaryPrimitives.ReadInt32LittleEndian(section[0x28..]);
            var names = (int)BinaryPrimitives.ReadInt64LittleEndian(elf[(sectionTable + linked * entrySize + 0x18)..]);
            changed += MakeWeakInNeeds(elf, needs, names, version);
        }
        return changed;
    }

    // A list of Verneed records (one per library), each with a list of Vernaux records (one per version of it).
    private static int MakeWeakInNeeds(Span<byte> elf, int need, int names, ReadOnlySpan<byte> version)
    {
        var changed = 0;
        while (true)
        {
            var auxiliary = need + BinaryPrimitives.ReadInt32LittleEndian(elf[(need + 8)..]);
            for (int left = BinaryPrimitives.ReadUInt16LittleEndian(elf[(need + 2)..]); left > 0; left--)
            {
                var name = elf[(names + BinaryPrimitives.ReadInt32LittleEndian(elf[(auxiliary + 8)..]))..];
                if (name.StartsWith(version) && name[version.Length] == 0)
                {
                    var flags = elf[(auxiliary + 4)..];
                    BinaryPrimitives.WriteUInt16LittleEndian(flags, (ushort)(BinaryPrimitives.ReadUInt16LittleEndian(flags) | FlagWeak));
                    changed++;
                }
                auxiliary += BinaryPrimitives.ReadInt32LittleEndian(elf[(auxiliary + 12)..]);
            }
            var next = BinaryPrimitives.ReadInt32LittleEndian(elf[(need + 12)..]);
            if (next == 0)
                return changed;
            need += next;
        }
    }
}
