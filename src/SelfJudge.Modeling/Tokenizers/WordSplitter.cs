using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace SelfJudge.Modeling.Tokenizers;

/// <summary>One step of a pre-tokenizer: cuts text at the matches of a pattern, which become words of their own.</summary>
internal sealed class WordSplitter
{
    /// <summary>What ByteLevel uses where it names no pattern of its own: GPT-2's.</summary>
    public const string Gpt2Pattern = @"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";

    private static readonly TimeSpan MatchLimit = TimeSpan.FromSeconds(10);
    private static readonly Dictionary<UnicodeCategory, char> StandIns = Enumerable.Range(0x80, 0xFFFF - 0x80).Select(c => (char)c)
        .Where(c => !char.IsSurrogate(c)).GroupBy(char.GetUnicodeCategory).ToDictionary(g => g.Key, g => g.First());

    private readonly Regex _pattern;

    /// <exception cref="InvalidDataException">.NET cannot read the pattern.</exception>
    public WordSplitter(string pattern)
    {
        try
        {
            _pattern = new Regex(pattern, RegexOptions.CultureInvariant, MatchLimit);
        }
        catch (ArgumentException e)
        {
            throw new InvalidDataException($"the pre-tokenizer's pattern {pattern} is not supported: {e.Message}", e);
        }
    }

    /// <summary>The words in order; put together they are the text.</summary>
    /// <exception cref="InvalidDataException">The pattern takes exponential time on this text.</exception>
    public IEnumerable<string> Split(string text)
    {
        var (matched, starts) = OnePerCharacter(text);
        int Start(int index) => starts is null ? index : starts[index];
        var from = 0;
        for (var match = Guard(() => _pattern.Match(matched)); match.Success; match = Guard(match.NextMatch))
        {
            if (match.Length == 0)
                continue;
            if (match.Index > from)
                yield return text[Start(from)..Start(match.Index)];
            from = match.Index + match.Length;
            yield return text[Start(match.Index)..Start(from)];
        }
        if (from < matched.Length)
            yield return text[Start(from)..];
    }

    private Match Guard(Func<Match> match)
    {
        try
        {
            return match();
        }
        catch (RegexMatchTimeoutException e)
        {
            throw new InvalidDataException(
                $"the pre-tokenizer's pattern {_pattern} took more than {MatchLimit.TotalSeconds} seconds on a text", e);
        }
    }

    // .NET's patterns see the halves of a surrogate pair, which are neither letters nor numbers, where others see one
    // character. So each such character is matched as another of its category, and the cuts are carried over.
    private static (string Matched, int[]? Starts) OnePerCharacter(string text)
    {
        if (text.AsSpan().IndexOfAnyInRange('\ud800', '\udfff') < 0)
            return (text, null);
        var (matched, starts, at) = (new StringBuilder(text.Length), new List<int>(text.Length + 1), 0);
        foreach (var rune in text.EnumerateRunes())
        {
            matched.Append(rune.IsBmp ? (char)rune.Value : StandIns.GetValueOrDefault(Rune.GetUnicodeCategory(rune), '§'));
            starts.Add(at);
            at += rune.Utf16SequenceLength;
        }
        starts.Add(at);
        return (matched.ToString(), [.. starts]);
    }
}
