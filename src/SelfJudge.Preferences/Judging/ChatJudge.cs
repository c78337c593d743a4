using System.Text;
using System.Text.RegularExpressions;
using Microsoft.Extensions.AI;
using SelfJudge.Preferences.Templates;

namespace SelfJudge.Preferences.Judging;

/// <summary>
/// A chat model as a judge. It gives letters, not probabilities: its answer counts as probability 1 of that letter, so
/// that two orders that disagree are a tie. A template without an answer in both orders gives no judgment.
/// </summary>
/// <param name="concurrency">Requests that are under way at once, at most.</param>
public sealed partial class ChatJudge(IChatClient client, IReadOnlyList<JudgeTemplate> templates, int concurrency) : IPairJudge, IDisposable
{
    private const string Request = "Answer with one letter, A or B, and nothing else.";

    // Room for a model that thinks before it answers, and an end for one that does not stop.
    private static readonly ChatOptions Options = new() { Temperature = 0, MaxOutputTokens = 1024 };

    // So much of an answer that names no letter is kept to be shown.
    private const int UnreadableShown = 2000;

    private readonly SemaphoreSlim _slots = new(concurrency);

    public async Task<PairJudgment> Judge(IReadOnlyList<Turn> prompt, string first, string second, CancellationToken cancellation)
    {
        if (first == second)
            return new PairJudgment(Verdict.Identical);
        var answers = await Task.WhenAll(templates.SelectMany(t =>
            new[] { Ask(Messages(t, prompt, first, second), cancellation), Ask(Messages(t, prompt, second, first), cancellation) }));
        var letters = answers.Select(ParseAnswer).ToList();
        var judgments = templates.Index().Where(t => letters[2 * t.Index] is not null && letters[2 * t.Index + 1] is not null)
            .Select(t => new TemplateJudgment(t.Item.Principle, Probabilities(letters[2 * t.Index]),
                Probabilities(letters[2 * t.Index + 1]))).ToList();
        return new PairJudgment(judgments.Count == 0 ? null : Verdict.Of(judgments),
            [.. answers.Where((_, i) => letters[i] is null).Select(a => a.Length > UnreadableShown ? a[..UnreadableShown] + "…" : a)]);
    }

    /// <summary>
    /// A template's text as messages: what stands under its role marks &lt;|system|&gt; and &lt;|user|&gt;, or else all of it as
    /// one user's message. How the template opens the assistant's answer is left out; the letter is asked for instead.
    /// </summary>
    public static IReadOnlyList<ChatMessage> Messages(JudgeTemplate template, IReadOnlyList<Turn> prompt, string responseA,
        string responseB)
    {
        var turns = new List<(ChatRole Role, StringBuilder Text)> { (ChatRole.User, new StringBuilder()) };
        foreach (var part in template.Render(template.Context(prompt), responseA, responseB))
        {
            var at = 0;
            foreach (var mark in RoleMark().Matches(part.Text).Where(_ => part.IsControl))
            {
                turns[^1].Text.Append(part.Text, at, mark.Index - at);
                turns.Add((new ChatRole(mark.Groups[1].Value), new StringBuilder()));
                at = mark.Index + mark.Length;
            }
            turns[^1].Text.Append(part.Text, at, part.Text.Length - at);
        }
        var messages = turns.Where(t => t.Role != ChatRole.Assistant).Select(t => new ChatMessage(t.Role, t.Text.ToString().Trim()))
            .Where(m => m.Text.Length > 0).ToList();
        messages[^1] = new ChatMessage(messages[^1].Role, $"{messages[^1].Text}\n{Request}");
        return messages;
    }

    /// <summary>
    /// The letter that an answer begins with, alone, marked up (**A**, [[A]]) or named (Response A, Answer: A), and with
    /// nothing behind it on its line but punctuation. Null where it begins otherwise: "A better answer is B" names none.
    /// </summary>
    public static char? ParseAnswer(string answer) => Letter().Match(answer) is { Success: true } match ? match.Groups[1].Value[0] : null;

    public void Dispose() => _slots.Dispose();

    private async Task<string> Ask(IReadOnlyList<ChatMessage> messages, CancellationToken cancellation)
    {
        await _slots.WaitAsync(cancellation);
        try
        {
            return (await client.GetResponseAsync(messages, Options, cancellation)).Text;
        }
        finally
        {
            _slots.Release();
        }
    }

    private static JudgeProbabilities Probabilities(char? letter) => letter == 'A' ? new(1, 0) : new(0, 1);

    [GeneratedRegex(@"<\|(system|user|assistant)\|>")]
    private static partial Regex RoleMark();

    // Nothing that was read is read again, so that an answer of any length takes time in proportion to it.
    [GeneratedRegex(@"^(?>[\s""'*_`(\[]*)(?>(?:(?:[Aa]nswer|[Rr]esponse|[Aa]ssistant|[Oo]ption|[Dd]ecision|[Vv]erdict)[\s:*_]+)*)"
        + @"(?>[\s""'*_`(\[]*)([AB])[""'*_`)\].,;:!]*\s*(?:\n|$)")]
    private static partial Regex Letter();
}
