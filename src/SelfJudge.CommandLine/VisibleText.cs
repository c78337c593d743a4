using System.Buffers;
using System.Text;

namespace SelfJudge.CommandLine;

/// <summary>Text that others wrote, made safe to show: what a terminal would obey instead of showing is spelled out.</summary>
public static class VisibleText
{
    // C0 but line end and tab, DEL, C1, and what turns the direction of writing.
    private static readonly SearchValues<char> Obeyed = SearchValues.Create(
        [.. Enumerable.Range(0, 0x20).Where(c => c is not ('\n' or '\t')).Concat(Enumerable.Range(0x7F, 0x21))
        .Concat(Enumerable.Range(0x202A, 5)).Concat(Enumerable.Range(0x2066, 4)).Select(c => (char)c)]);

    /// <summary>The text with such characters as <c>\u001b</c>: inside a JSON string they mean what they meant.</summary>
    public static string Of(string text) => text.AsSpan().ContainsAny(Obeyed) ? Spelled(text) : text;

    private static string Spelled(string text)
    {
        var spelled = new StringBuilder(text.Length + 16);
        foreach (var c in text)
            if (Obeyed.Contains(c))
                spelled.Append($"\\u{(int)c:x4}");
            else
                spelled.Append(c);
        return spelled.ToString();
    }
}
