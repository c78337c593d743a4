using SelfJudge.Preferences.Data;
using SelfJudge.Preferences.Templates;

namespace SelfJudge.Client;

/// <summary>One side of a comparison: a model that is to answer, or a file of answers.</summary>
internal sealed record ComparedPolicy(string Name, SubmittedModel? Model, IReadOnlyList<GivenAnswer> Answers)
{
    /// <param name="named">A run, a model or adapter folder, or a file of answers.</param>
    /// <exception cref="UserError">There is none such.</exception>
    /// <exception cref="DataException">A row of the file is no answer.</exception>
    public static ComparedPolicy Resolve(string named, string? template)
    {
        if (File.Exists(named))
            return new ComparedPolicy(Path.GetFullPath(named), null, PreferenceFiles.ReadAnswers(named));
        var model = SubmittedModel.Resolve(named, template, null, option: null);
        return new ComparedPolicy(model.Name, model, []);
    }

    /// <summary>The file's answers to the given prompts. Of several rows with one prompt, each is taken once, in their order, and then the
    /// last again.</summary>
    /// <exception cref="UserError">It has no answer to one of them.</exception>
    public IReadOnlyList<GivenAnswer> AnswersTo(IReadOnlyList<IReadOnlyList<Turn>> prompts)
    {
        var byPrompt = Answers.GroupBy(a => Key(a.Prompt)).ToDictionary(g => g.Key, g => new Queue<GivenAnswer>(g));
        return [.. prompts.Select((prompt, i) =>
            !byPrompt.TryGetValue(Key(prompt), out var rows)
                ? throw new UserError(
                $"{Name} has no answer to prompt {i + 1}, '{Shortened(prompt[^1].Content)}': both sides must answer the same prompts")
            : rows.Count > 1 ? rows.Dequeue() : rows.Peek())];
    }

    private static string Key(IReadOnlyList<Turn> prompt) => string.Join('\0', prompt.Select(t => $"{t.Role}\0{t.Content}"));

    private static string Shortened(string text) => text.Length <= 60 ? text : text[..60] + "…";
}

/// <summary>What the answers of one side are like.</summary>
/// <param name="MeanTokens">Null where a file does not say how many there are.</param>
/// <param name="Repetition">Mean share of three-word sequences that occurred earlier in the same answer.</param>
internal sealed record AnswerStyle(string Name, double MeanWords, double? MeanTokens, double Repetition)
{
    public static AnswerStyle Of(string name, IReadOnlyList<string> answers, IReadOnlyList<int?> tokens) => new(
        name, answers.Average(a => a.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries).Length),
            tokens.All(t => t is not null) ? tokens.Average(t => (double)t!) : null,
            answers.Average(a => Preferences.Statistics.Repetition.Of(a)));
}
