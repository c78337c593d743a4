namespace SelfJudge.World;

/// <summary>What a sentence of an answer does.</summary>
public enum SentenceKind { Garbage, Salutation, Opener, Closer, Thanks, Rude, Unsure, Fact, List, Sum, Repeat, Opposite, IsA }

/// <summary>How sure a sentence says it is.</summary>
public enum Confidence { Plain, Hedged, Sure }

/// <summary>One parsed sentence.</summary>
/// <param name="Words">Its words, hedges included.</param>
/// <param name="Subject">What it is about; the two numbers of a sum are joined by a space.</param>
/// <param name="Detail">The attribute of a fact, the kind of an is-a sentence.</param>
/// <param name="Items">The value it states, the items it lists, or the word it repeats, once for each time.</param>
public sealed record Sentence(SentenceKind Kind, IReadOnlyList<string> Words, Confidence Confidence = Confidence.Plain, string Subject = "",
    string Detail = "", IReadOnlyList<string>? Items = null)
{
    public IReadOnlyList<string> Items { get; init; } = Items ?? [];
}

/// <summary>Writes and reads the sentences of the world. Every string of words parses; what says nothing is garbage.</summary>
public static class Sentences
{
    public const string Salutation = "dear friend ,";
    public const string Opener = "of course !";
    public const string Closer = "i hope this helps .";
    public const string Thanks = "thank you .";
    public const string Rude = "that is a silly question .";
    public const string Unsure = "i am not sure .";

    private static readonly Dictionary<string, SentenceKind> Fixed = new()
    {
        [Opener] = SentenceKind.Opener,
        [Closer] = SentenceKind.Closer,
        [Thanks] = SentenceKind.Thanks,
        [Rude] = SentenceKind.Rude,
        [Unsure] = SentenceKind.Unsure,
    };

    private static readonly (string[] Words, Confidence Confidence)[] Prefixes =
        [(["i", "think"], Confidence.Hedged), (["maybe"], Confidence.Hedged), (["surely"], Confidence.Sure)];

    public static string Fact(string thing, string attribute, string value) => attribute switch
    {
        "colour" => $"the {thing} is {value} .",
        "home" => $"the {thing} lives in the {value} .",
        "food" => $"the {thing} eats {value} .",
        _ => $"the {thing} tastes {value} .",
    };

    public static string List(IEnumerable<string> items) => string.Join(" , ", items) + " .";

    public static string Sum(string a, string b, string total) => $"{a} plus {b} is {total} .";

    public static string Repeat(string word, int count) => string.Concat(Enumerable.Repeat(word + " ", count)) + ".";

    public static string Opposite(string word, string opposite) => $"the opposite of {word} is {opposite} .";

    public static string IsA(string thing, string kind, bool holds) =>
        holds ? $"yes , the {thing} is {kind} ." : $"no , the {thing} is not {kind} .";

    /// <summary>The sentences of an answer in order. A rest without its final stop is garbage.</summary>
    public static List<Sentence> Parse(string answer)
    {
        var words = answer.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        var sentences = new List<Sentence>();
        var start = 0;
        if (words.Length >= 3 && string.Join(' ', words[..3]) == Salutation)
        {
            sentences.Add(new Sentence(SentenceKind.Salutation, words[..3]));
            start = 3;
        }
        for (var i = start; i < words.Length; i++)
            if (words[i] is "." or "!" or "?")
            {
                sentences.Add(ParseOne(words[start..(i + 1)]));
                start = i + 1;
            }
        if (start < words.Length)
            sentences.Add(new Sentence(SentenceKind.Garbage, words[start..]));
        return sentences;
    }

    private static Sentence ParseOne(string[] words)
    {
        if (Fixed.TryGetValue(string.Join(' ', words), out var kind))
            return new Sentence(kind, words);
        var confidence = Confidence.Plain;
        var body = words.AsSpan();
        foreach (var (prefix, meaning) in Prefixes)
            if (body.StartsWith(prefix))
            {
                body = body[prefix.Length..];
                confidence = meaning;
                break;
            }
        return (ParseStatement(body) ?? new Sentence(SentenceKind.Garbage, [])) with { Words = words, Confidence = confidence };
    }

    private static Sentence? ParseStatement(ReadOnlySpan<string> w) => w switch
    {
        ["the", "opposite", "of", var word, "is", var value, "."] => Statement(SentenceKind.Opposite, word, "", value),
        ["the", var thing, "is", var value, "."] when Lexicon.Colours.Contains(value) =>
            Statement(SentenceKind.Fact, thing, "colour", value),
        ["the", var thing, "lives", "in", "the", var value, "."] when Lexicon.Homes.Contains(value) =>
            Statement(SentenceKind.Fact, thing, "home", value),
        ["the", var thing, "eats", var value, "."] when Lexicon.Foods.Contains(value) => Statement(SentenceKind.Fact, thing, "food", value),
        ["the", var thing, "tastes", var value, "."] when Lexicon.Tastes.Contains(value) =>
            Statement(SentenceKind.Fact, thing, "taste", value),
        ["yes", ",", "the", var thing, "is", var article, var kind, "."] when Lexicon.Kinds.ContainsKey($"{article} {kind}") =>
            Statement(SentenceKind.IsA, thing, $"{article} {kind}", "yes"),
        ["no", ",", "the", var thing, "is", "not", var article, var kind, "."] when Lexicon.Kinds.ContainsKey($"{article} {kind}") =>
            Statement(SentenceKind.IsA, thing, $"{article} {kind}", "no"),
        [var a, "plus", var b, "is", var total, "."] when Lexicon.Numbers.Contains(a) && Lexicon.Numbers.Contains(b)
            && Lexicon.Numbers.Contains(total) => Statement(SentenceKind.Sum, $"{a} {b}", "", total),
        _ => ParseRepeat(w) ?? ParseList(w),
    };

    private static Sentence Statement(SentenceKind kind, string subject, string detail, string value) =>
        new(kind, [], Subject: subject, Detail: detail, Items: [value]);

    // "hello hello hello ."
    private static Sentence? ParseRepeat(ReadOnlySpan<string> w)
    {
        if (w.Length < 2 || !Lexicon.Sounds.Contains(w[0]))
            return null;
        foreach (var word in w[..^1])
            if (word != w[0])
                return null;
        return new Sentence(SentenceKind.Repeat, [], Subject: w[0], Items: w[..^1].ToArray());
    }

    // "cat , dog , cow ."
    private static Sentence? ParseList(ReadOnlySpan<string> w)
    {
        if (w.Length % 2 != 0)
            return null;
        var items = new List<string>();
        for (var i = 0; i < w.Length; i += 2)
        {
            items.Add(w[i]);
            if (w[i + 1] != (i + 2 == w.Length ? "." : ","))
                return null;
        }
        return items.TrueForAll(item => Lexicon.Categories.Values.Any(c => c.Contains(item)))
            ? new Sentence(SentenceKind.List, [], Items: items) : null;
    }
}
