using System.Text;
using System.Text.RegularExpressions;

namespace SelfJudge.Fuzz.Mutations;

/// <summary>Changes that know what a text is made of: numbers, words, quoted strings, brackets, lines.</summary>
internal static partial class TextMutation
{
    private static readonly (string Open, string Close)[] Nests =
        [("[", "]"), ("{\"a\":", "}"), ("{a: ", "}"), ("[[[[", "]]]]"), ("- ", ""), ("? ", ""), ("\n- ", ""), ("(", ")"), ("!!seq [", "]")];

    /// <summary>The words of texts: what keys and names are made of.</summary>
    public static string[] Words(IEnumerable<string> texts) =>
        [.. texts.SelectMany(t => Word().Matches(t).Select(m => m.Value)).Distinct(StringComparer.Ordinal)];

    /// <param name="other">What a splice takes its second part from.</param>
    public static byte[] Mutate(Random random, string text, string other, string[] words)
    {
        for (var changes = 1 << random.Next(3); changes > 0 && text.Length < Mutation.Longest; changes--)
            text = random.Next(3) == 0 ? ChangeLines(random, text, other) : ChangeTokens(random, text, other, words);
        return Encode(random, text);
    }

    private static string ChangeTokens(Random random, string text, string other, string[] words)
    {
        var tokens = Token().Matches(text);
        if (tokens.Count == 0)
            return other;
        var chosen = tokens[random.Next(tokens.Count)];
        // A number rather than punctuation: that is where ranges are.
        if (random.Next(3) == 0 && tokens.Where(t => char.IsAsciiDigit(t.Value[0]) || t.Value[0] == '-').ToList() is { Count: > 0 } numbers)
            chosen = numbers[random.Next(numbers.Count)];
        string Put(string value) => $"{text[..chosen.Index]}{value}{text[(chosen.Index + chosen.Length)..]}";
        return random.Next(10) switch
        {
            0 or 1 or 2 => Put(OddValues.Number(random)),
            3 => Put(chosen.Value.StartsWith('"') ? $"\"{OddValues.Text(random)}\"" : OddValues.Text(random)),
            4 => Put(""),
            5 => Put(chosen.Value + chosen.Value),
            6 => Put(tokens[random.Next(tokens.Count)].Value),
            7 => Put(words.Length == 0 ? "" : words[random.Next(words.Length)]),
            8 => Put(Nested(random, chosen.Value)),
            _ => random.Next(2) == 0 ? text[..chosen.Index]
                : text[..chosen.Index] + (Token().Matches(other) is { Count: > 0 } others ? other[others[random.Next(others.Count)].Index..]
                : ""),
        };
    }

    private static string ChangeLines(Random random, string text, string other)
    {
        var lines = text.Split('\n').ToList();
        var at = random.Next(lines.Count);
        switch (random.Next(7))
        {
            case 0:
                lines.RemoveAt(at);
                break;
            case 1:
                lines.Insert(at, lines[random.Next(lines.Count)]);
                break;
            case 2:
                lines[at] = " " + lines[at];
                break;
            case 3:
                lines[at] = lines[at].TrimStart();
                break;
            case 4:
                lines[at] = lines[at].Split(':')[0] + ":";
                break;
            case 5:
                lines.InsertRange(at, other.Split('\n'));
                break;
            default:
                lines.InsertRange(at, Enumerable.Repeat(lines[at], lines[at].Length < 100 && random.Next(10) == 0 ? 5_000 : 20));
                break;
        }
        return string.Join('\n', lines);
    }

    private static string Nested(Random random, string value)
    {
        var (open, close) = Nests[random.Next(Nests.Length)];
        var depth = OddValues.Depth(random);
        return string.Concat(Enumerable.Repeat(open, depth)) + value
            + string.Concat(Enumerable.Repeat(close, random.Next(4) == 0 ? depth - 1 : depth));
    }

    private static byte[] Encode(Random random, string text) => random.Next(24) switch
    {
        0 => [.. Encoding.UTF8.Preamble, .. Encoding.UTF8.GetBytes(text)],
        1 => [.. Encoding.Unicode.Preamble, .. Encoding.Unicode.GetBytes(text)],
        2 => [.. Encoding.BigEndianUnicode.Preamble, .. Encoding.BigEndianUnicode.GetBytes(text)],
        3 => Encoding.Latin1.GetBytes(text),
        4 => Encoding.UTF8.GetBytes(text.Replace("\n", "\r\n", StringComparison.Ordinal)),
        5 => Encoding.UTF8.GetBytes(text.Replace('\n', '\r')),
        _ => Encoding.UTF8.GetBytes(text),
    };

    [GeneratedRegex(@"-?\d[\d.eE+-]*|""(?:[^""\\\n]|\\.)*""|'[^'\n]*'|\w+|[^\w\s]")]
    private static partial Regex Token();

    [GeneratedRegex(@"[\p{L}_][\w-]*")]
    private static partial Regex Word();
}
