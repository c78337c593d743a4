using SelfJudge.Modeling.Tokenizers;
using SelfJudge.Preferences.Data;
using SelfJudge.Preferences.Learning;
using SelfJudge.Preferences.Templates;

namespace SelfJudge.Modeling.Learning;

/// <summary>Preference examples as training sequences (stage 1: section 3.1).</summary>
public static class ExampleBuilder
{
    /// <summary>dialogue(x) → y⁺: every answer of the assistant is learned, earlier ones included, and nothing else. Cut from the left to
    /// the model's length.</summary>
    public static SupervisedExample Policy(PromptEncoder encoder, PreferenceExample example)
    {
        // The message that the chosen response was made under (UltraFeedback), unless the dialogue has its own.
        var system = example.PolicySystem is { } own && example.Prompt is not [{ Role: Role.System }, ..]
            ? new[] { new Turn(Role.System, own) } : [];
        var turns = encoder.Ending([.. system, .. example.Prompt, new Turn(Role.Assistant, example.Chosen)]);
        var answers = turns.Where(t => t.Role == Role.Assistant).Select(t => encoder.EncodeAnswer(t.Content));
        var (tokens, parts) = (new List<int>(), new List<TokenPart>());
        foreach (var (stretch, answer) in encoder.EncodeStretches(turns).Zip(answers))
        {
            tokens.AddRange([.. stretch, .. answer]);
            parts.AddRange([.. Enumerable.Repeat(TokenPart.Context, stretch.Length),
                .. Enumerable.Repeat(TokenPart.Response, answer.Length)]);
        }
        var excess = Math.Max(0, tokens.Count - encoder.MaxLength);
        return new SupervisedExample([.. tokens.Skip(excess)], [.. parts.Skip(excess)]);
    }

    /// <summary>
    /// template(x, y⁺, y⁻) → A, or swapped template(x, y⁻, y⁺) → B, then the rationale where one is asked for, then the end
    /// token. Where that is longer than the model takes, what follows the judge token has a quarter of the room for sure,
    /// or what the prompt leaves, and loses its end.
    /// </summary>
    public static SupervisedExample Judge(PromptEncoder encoder, JudgeTemplate template, PreferenceExample example, bool swapped,
        bool rationale)
    {
        var (a, b) = swapped ? (example.Rejected, example.Chosen) : (example.Chosen, example.Rejected);
        var (aboutA, aboutB) = swapped ? (example.RejectedRationale, example.ChosenRationale)
            : (example.ChosenRationale, example.RejectedRationale);
        int[] tail = [.. rationale && aboutA is not null && aboutB is not null
            ? encoder.Tokenizer.Encode(template.Rationale(aboutA, aboutB)) : [], encoder.EosToken];
        var prompt = encoder.EncodeJudge(template, template.Context(example.Prompt), a, b,
            room: 1 + Math.Min(tail.Length, encoder.MaxLength / 4));
        tail = tail[..Math.Min(tail.Length, encoder.MaxLength - prompt.Ids.Length - 1)];
        return new SupervisedExample(
            [.. prompt.Ids, swapped ? prompt.TokenB : prompt.TokenA, .. tail],
            [.. Enumerable.Repeat(TokenPart.JudgePrompt, prompt.Ids.Length), TokenPart.JudgeToken,
                .. Enumerable.Repeat(TokenPart.Rationale, tail.Length)]);
    }

    /// <summary>
    /// The ids of a static pair, for offline learning. Responses end with the end token. Where it is longer than the
    /// model takes, the prompt loses its beginning, down to half of what the model takes, and a response its end.
    /// </summary>
    public static PreferencePair Pair(PromptEncoder encoder, PreferenceExample example)
    {
        int[] chosen = encoder.EncodeAnswer(encoder.Beginning(example.Chosen)),
            rejected = encoder.EncodeAnswer(encoder.Beginning(example.Rejected));
        var prompt = encoder.EncodePrompt(example.Prompt, Math.Max(chosen.Length, rejected.Length));
        int[] Fit(int[] answer) => answer[..Math.Min(answer.Length, encoder.MaxLength - prompt.Length)];
        return new PreferencePair(prompt, Fit(chosen), Fit(rejected));
    }

    /// <summary>A prompt and its response as the policy sampled it, to be learned as it stands.</summary>
    public static SupervisedExample Sampled(int[] prompt, int[] response) =>
        new([.. prompt, .. response], [.. Enumerable.Repeat(TokenPart.Context, prompt.Length),
            .. Enumerable.Repeat(TokenPart.Response, response.Length)]);
}
