using System.Buffers;
using System.Text.Json;

namespace SelfJudge.Modeling.Tokenizers;

/// <summary>A token that a tokenizer has beside its vocabulary.</summary>
/// <param name="IsSpecial">Whether it is control, which plain text never becomes.</param>
internal sealed record AddedToken(string Content, int Id, bool IsSpecial)
{
    /// <summary>
    /// An entry of <c>added_tokens</c>. What is written like control is control even where its flag was forgotten, which
    /// several published ChatML models do: a user who writes &lt;|im_end|&gt; must not end a turn.
    /// </summary>
    /// <exception cref="InvalidDataException">It asks for something that is not supported.</exception>
    public static AddedToken Parse(JsonElement json, int id)
    {
        var content = json.GetProperty("content").GetString() is { Length: > 0 } text ? text
            : throw new InvalidDataException($"added token {id} has no content");
        var isSpecial = Flag(json, "special") || content.StartsWith("<|", StringComparison.Ordinal)
            && content.EndsWith("|>", StringComparison.Ordinal);
        foreach (var flag in new[] { "single_word", "lstrip", "rstrip" })
            if (!isSpecial && Flag(json, flag))
                throw new InvalidDataException($"added token '{content}' is not special and has {flag}, which is not supported");
        return new AddedToken(content, id, isSpecial);
    }

    private static bool Flag(JsonElement json, string name) =>
        json.TryGetProperty(name, out var flag) && flag.ValueKind == JsonValueKind.True;
}

/// <summary>Finds the added tokens that plain text does contain: leftmost, and of several at one place the longest.</summary>
internal sealed class AddedTokenFinder
{
    private readonly Dictionary<string, int> _ids;
    private readonly string[] _longestFirst;
    private readonly SearchValues<string>? _any;

    public AddedTokenFinder(IEnumerable<(string Content, int Id)> tokens)
    {
        _ids = tokens.ToDictionary(t => t.Content, t => t.Id, StringComparer.Ordinal);
        _longestFirst = [.. _ids.Keys.OrderByDescending(c => c.Length)];
        _any = _ids.Count == 0 ? null : SearchValues.Create(_longestFirst, StringComparison.Ordinal);
    }

    /// <summary>The text in order: stretches without such a token (id null), and the tokens.</summary>
    public IEnumerable<(string Text, int? Id)> Split(string text)
    {
        var from = 0;
        while (_any is not null && text.AsSpan(from).IndexOfAny(_any) is var offset and >= 0)
        {
            var at = from + offset;
            var token = _longestFirst.First(c => text.AsSpan(at).StartsWith(c, StringComparison.Ordinal));
            if (offset > 0)
                yield return (text[from..at], null);
            yield return (token, _ids[token]);
            from = at + token.Length;
        }
        if (from < text.Length)
            yield return (text[from..], null);
    }
}
