using SelfJudge.Preferences.Templates;

namespace SelfJudge.Modeling.Tokenizers;

/// <summary>The ids of a judge prompt and of the two tokens that may follow it, all taken in context.</summary>
public sealed record EncodedJudgePrompt(int[] Ids, int TokenA, int TokenB);

/// <summary>Rendered templates to token ids: special tokens of the template are single ids, everything else is text.</summary>
public sealed class PromptEncoder
{
    // No token that occurs has more characters: what is so many times the longest sequence away from the end that is kept makes no
    // difference.
    private const int CharactersPerToken = 256;

    // The template without what ends an answer, and the blanks that stand before the token that does.
    private readonly DialogueTemplate _dialogue;
    private readonly string _beforeEnd;

    public PromptEncoder(TextTokenizer tokenizer, DialogueTemplate dialogue, int maxLength)
    {
        if (maxLength < 1)
            throw new ArgumentException($"the longest sequence has at least 1 token, not {maxLength}");
        (Tokenizer, Dialogue, MaxLength) = (tokenizer, dialogue, maxLength);
        var closing = dialogue.AssistantClosing;
        var end = closing.TrimStart();
        var token = tokenizer.SpecialTokens.Keys.Where(t => end.StartsWith(t, StringComparison.Ordinal)).MaxBy(t => t.Length);
        (EosToken, _dialogue, _beforeEnd) = token is null
            ? (tokenizer.EosToken, dialogue, "")
            : (tokenizer.SpecialTokens[token], dialogue with { AssistantClosing = end[token.Length..] }, closing[..^end.Length]);
    }

    public TextTokenizer Tokenizer { get; }
    public DialogueTemplate Dialogue { get; }

    /// <summary>The longest sequence that the model takes, in tokens.</summary>
    public int MaxLength { get; }

    /// <summary>The token that ends an answer: the one that the template has there, such as Llama 3's &lt;|eot_id|&gt;, or else the
    /// tokenizer's.</summary>
    public int EosToken { get; }

    /// <summary>
    /// What the model sees before each of its answers, begin token first; see <see cref="DialogueTemplate.Stretches"/>.
    /// Stretches and answers are tokenized apart, in training as in sampling, so that an answer's ids never depend on
    /// how a boundary falls.
    /// </summary>
    public IReadOnlyList<int[]> EncodeStretches(IReadOnlyList<Turn> turns) =>
        [.. _dialogue.Stretches(turns).Select((parts, i) => Encode(parts, begin: i == 0))];

    /// <summary>The whole prompt for the answer that a dialogue asks for; earlier answers end with the end token.</summary>
    public int[] EncodePrompt(IReadOnlyList<Turn> turns)
    {
        var stretches = EncodeStretches(turns);
        var answers = turns.Where(t => t.Role == Role.Assistant).Select(t => EncodeAnswer(t.Content)).ToList();
        return [.. stretches.SelectMany((s, i) => i < answers.Count ? [.. s, .. answers[i]] : s)];
    }

    /// <summary>
    /// The prompt for an answer of up to <paramref name="newTokens"/>. Where both together are longer than the model takes,
    /// the prompt loses its beginning, as a training example does, but for the begin token; an answer needs no more room
    /// than half of what the model takes.
    /// </summary>
    public int[] EncodePrompt(IReadOnlyList<Turn> turns, int newTokens)
    {
        var ids = EncodePrompt(Ending(turns));
        var longest = LongestPrompt(newTokens);
        if (ids.Length <= longest)
            return ids;
        return Tokenizer.BosToken is { } bos && ids[0] == bos ? [bos, .. ids[^(longest - 1)..]] : ids[^longest..];
    }

    /// <summary>Whether the prompt for an answer of up to <paramref name="newTokens"/> would lose its beginning.</summary>
    public bool IsCut(IReadOnlyList<Turn> turns, int newTokens) => EncodePrompt(Ending(turns)).Length > LongestPrompt(newTokens);

    /// <summary>A dialogue without what is too far from its end to be in a sequence that loses its beginning, so that it need not be
    /// tokenized.</summary>
    public IReadOnlyList<Turn> Ending(IReadOnlyList<Turn> turns)
    {
        if (turns.Sum(t => (long)t.Content.Length) <= MostCharacters)
            return turns;
        var (first, characters) = (turns.Count, 0L);
        while (first > 0 && (characters <= MostCharacters || turns[first].Role != Role.User))
            characters += turns[--first].Content.Length;
        return [.. turns.Skip(first).Select(t => t.Content.Length <= MostCharacters ? t : t with { Content = End(t.Content) })];
    }

    private long MostCharacters => (long)MaxLength * CharactersPerToken;

    private string End(string text) => text.Length <= MostCharacters ? text
        : text[^(char.IsLowSurrogate(text[^(int)MostCharacters]) ? (int)MostCharacters - 1 : (int)MostCharacters)..];

    /// <summary>A text without what is too far from its beginning to be in a sequence that loses its end.</summary>
    public string Beginning(string text) =>
        text.Length <= MostCharacters ? text
            : text[..(char.IsHighSurrogate(text[(int)MostCharacters - 1]) ? (int)MostCharacters - 1 : (int)MostCharacters)];

    private int LongestPrompt(int newTokens) => MaxLength - Math.Min(newTokens, MaxLength / 2);

    /// <summary>An answer and its end token.</summary>
    public int[] EncodeAnswer(string answer) => [.. Tokenizer.Encode(answer + _beforeEnd), EosToken];

    /// <summary>
    /// A judge prompt. The judge tokens' ids are those that follow in context, never those of a bare "A": the text with
    /// "A" and the text with "B" behind it are tokenized, and the prompt is what they share. Where a small vocabulary
    /// spells one of them in several pieces (a space, then the letter), the prompt goes up to the letter, and both
    /// letters follow it. A prompt that is too long loses text from the longest of context and responses, never from the
    /// template.
    /// </summary>
    /// <param name="room">Tokens that are to follow it, the judge token among them.</param>
    /// <exception cref="ArgumentException">The template alone is too long, or the vocabulary has no piece "A" or "B".</exception>
    public EncodedJudgePrompt EncodeJudge(JudgeTemplate template, string context, string responseA, string responseB, int room = 1) =>
        FitJudge(template, context, responseA, responseB, room).Prompt;

    /// <summary><see cref="EncodeJudge"/>, and what it kept of context and responses.</summary>
    public (EncodedJudgePrompt Prompt, string Context, string ResponseA, string ResponseB) FitJudge(JudgeTemplate template, string context,
        string responseA, string responseB, int room = 1)
    {
        string[] contents = [End(context), Beginning(responseA), Beginning(responseB)];
        while (true)
        {
            var prompt = EncodeWhole(template, template.Render(contents[0], contents[1], contents[2]));
            if (prompt.Ids.Length <= MaxLength - room)
                return (prompt, contents[0], contents[1], contents[2]);
            Shorten(contents, prompt.Ids.Length - MaxLength + room, template);
        }
    }

    private EncodedJudgePrompt EncodeWhole(JudgeTemplate template, IReadOnlyList<TemplatePart> parts)
    {
        var withA = Encode([.. parts, new TemplatePart(JudgeTemplate.TokenA, true)], begin: true);
        var withB = Encode([.. parts, new TemplatePart(JudgeTemplate.TokenB, true)], begin: true);
        var shared = withA.AsSpan().CommonPrefixLength(withB);
        if (withA.Length == shared + 1 && withB.Length == shared + 1)
            return new EncodedJudgePrompt(withA[..shared], withA[shared], withB[shared]);
        var spelled = withA.Length >= withB.Length ? withA : withB;
        return Tokenizer.IdOf(JudgeTemplate.TokenA) is { } a && Tokenizer.IdOf(JudgeTemplate.TokenB) is { } b
            && spelled[^1] == (spelled == withA ? a : b)
            ? new EncodedJudgePrompt(spelled[..^1], a, b)
            : throw new ArgumentException(
                $"judge template '{template.Name}': this tokenizer's vocabulary has no single token for {JudgeTemplate.TokenA} and "
                + $"{JudgeTemplate.TokenB}");
    }

    // Cuts characters, not tokens: half a character decodes to something that may take more tokens than it did.
    private void Shorten(string[] contents, int excess, JudgeTemplate template)
    {
        var longest = contents.Index().MaxBy(c => c.Item.Length).Index;
        var text = contents[longest];
        if (text.Length == 0)
            throw new ArgumentException($"judge template '{template.Name}' alone is longer than the model's {MaxLength} tokens");
        var tokens = Math.Max(1, Tokenizer.Encode(text).Length);
        var cut = Math.Clamp((int)((long)text.Length * excess / tokens), 1, (text.Length + 1) / 2);
        // The end of a dialogue and the beginning of a response say most. Whole words go, where there are words.
        if (longest == 0)
        {
            var space = text.IndexOf(' ', cut);
            var from = space >= 0 ? space + 1 : cut;
            contents[longest] = text[(from < text.Length && char.IsLowSurrogate(text[from]) ? from + 1 : from)..];
        }
        else
        {
            var space = text.LastIndexOf(' ', text.Length - cut);
            var to = space > 0 ? space : text.Length - cut;
            contents[longest] = text[..(to > 0 && to < text.Length && char.IsLowSurrogate(text[to]) ? to - 1 : to)];
        }
    }

    /// <summary>Ids of rendered parts. Runs of text between special tokens are tokenized as one.</summary>
    public int[] Encode(IReadOnlyList<TemplatePart> parts, bool begin)
    {
        var ids = new List<int>();
        if (begin && Tokenizer.BosToken is { } bos)
            ids.Add(bos);
        var text = "";
        foreach (var (piece, special) in parts.SelectMany(Split))
        {
            if (special is null)
            {
                text += piece;
                continue;
            }
            ids.AddRange(Tokenizer.Encode(text));
            text = "";
            ids.Add(special.Value);
        }
        ids.AddRange(Tokenizer.Encode(text));
        // A template may spell the begin token itself.
        return begin && ids.Count > 1 && ids[0] == Tokenizer.BosToken && ids[1] == ids[0] ? [.. ids.Skip(1)] : [.. ids];
    }

    // Special tokens are found in control text only.
    private IEnumerable<(string Piece, int? Special)> Split(TemplatePart part)
    {
        var rest = part.Text;
        while (part.IsControl && rest.Length > 0)
        {
            var (at, name, id) = Tokenizer.SpecialTokens.Select(t => (At: rest.IndexOf(t.Key, StringComparison.Ordinal), t.Key, t.Value))
                .Where(t => t.At >= 0).OrderBy(t => t.At).ThenByDescending(t => t.Key.Length).FirstOrDefault((-1, "", 0));
            if (at < 0)
                break;
            if (at > 0)
                yield return (rest[..at], null);
            yield return (name, id);
            rest = rest[(at + name.Length)..];
        }
        if (rest.Length > 0)
            yield return (rest, null);
    }
}
