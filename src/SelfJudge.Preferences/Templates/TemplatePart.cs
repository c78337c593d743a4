using System.Text;

namespace SelfJudge.Preferences.Templates;

/// <summary>A stretch of rendered text.</summary>
/// <param name="IsControl">Whether it comes from the template. Only there do special tokens mean anything; in what a user or a model wrote,
/// their spelling is text.</param>
public readonly record struct TemplatePart(string Text, bool IsControl)
{
    /// <summary>Splits a format at its placeholders and puts content in their place; what stands between is control text.</summary>
    /// <param name="format">Text with placeholders such as <c>{context}</c>. Other braces stand for themselves.</param>
    /// <param name="contents">The content of each placeholder by name, without braces.</param>
    public static List<TemplatePart> Fill(string format, IReadOnlyDictionary<string, string> contents)
    {
        var parts = new List<TemplatePart>();
        var literal = new StringBuilder();
        for (var i = 0; i < format.Length; i++)
        {
            if (format[i] != '{' || contents.FirstOrDefault(c => StandsAt(i, c.Key)) is not { Key: { } name, Value: var content })
            {
                literal.Append(format[i]);
                continue;
            }
            if (literal.Length > 0)
                parts.Add(new TemplatePart(literal.ToString(), true));
            literal.Clear();
            parts.Add(new TemplatePart(content, false));
            i += name.Length + 1;
        }
        if (literal.Length > 0)
            parts.Add(new TemplatePart(literal.ToString(), true));
        return parts;

        bool StandsAt(int place, string name) =>
            string.CompareOrdinal(format, place + 1, name, 0, name.Length) == 0
                && format.AsSpan(Math.Min(place + 1 + name.Length, format.Length)).StartsWith('}');
    }
}
