using System.Globalization;
using System.Text;

namespace SelfJudge.Preferences.Recipes;

/// <summary>Which names can be those of folders.</summary>
internal static class FolderName
{
    // File systems take 255; what is put before and behind a name needs room.
    private const int MaxBytes = 100;

    /// <summary>What is wrong with a name; null where it is one.</summary>
    public static string? FindProblem(string name) =>
        name.Length == 0 ? "is empty"
        : name.IndexOfAny(['/', '\\']) >= 0 ? "a name becomes a folder: leave out slashes"
        : name.Any(c => char.IsControl(c) || char.GetUnicodeCategory(c) is UnicodeCategory.Format or UnicodeCategory.LineSeparator
            or UnicodeCategory.ParagraphSeparator) ? "a name becomes a folder: leave out characters that cannot be seen"
        : name.Trim() != name || name.StartsWith('.') || name.EndsWith('.')
            ? "a name becomes a folder: it cannot begin or end with a dot or a blank"
        : name.EnumerateRunes().Contains(Rune.ReplacementChar) ? "a name becomes a folder: it has characters that are none"
        : Encoding.UTF8.GetByteCount(name) > MaxBytes ? $"a name becomes a folder: it has more than {MaxBytes} bytes"
        : null;
}
