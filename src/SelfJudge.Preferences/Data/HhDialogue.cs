using System.Text.RegularExpressions;
using SelfJudge.Preferences.Templates;

namespace SelfJudge.Preferences.Data;

/// <summary>Dialogues as HH-RLHF writes them: <c>\n\nHuman: …\n\nAssistant: …</c>.</summary>
internal static partial class HhDialogue
{
    /// <summary>Its turns up to the last of the assistant; redundant headers at the start of a turn are removed. Null where it is no such
    /// dialogue.</summary>
    public static IReadOnlyList<Turn>? Parse(string text)
    {
        var pieces = Header().Split(text);
        if (!string.IsNullOrWhiteSpace(pieces[0]))
            return null;
        var turns = new List<Turn>();
        for (var i = 1; i + 1 < pieces.Length; i += 2)
            turns.Add(new Turn(pieces[i] == "Human" ? Role.User : Role.Assistant, Redundant().Replace(pieces[i + 1], "").Trim()));
        var last = turns.FindLastIndex(t => t.Role == Role.Assistant);
        return last < 0 ? null : turns[..(last + 1)];
    }

    [GeneratedRegex(@"(?:^|\r?\n\r?\n)(Human|Assistant):")]
    private static partial Regex Header();

    [GeneratedRegex(@"^(?:\s*(?:Human|Assistant):)+")]
    private static partial Regex Redundant();
}
