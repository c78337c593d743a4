using SelfJudge.Modeling.Hosting;
using SelfJudge.Modeling.Tokenizers;
using SelfJudge.Preferences.Judging;
using SelfJudge.Preferences.Sampling;
using SelfJudge.Preferences.Templates;

namespace SelfJudge.Runs.Judging;

/// <summary>Two responses to one prompt.</summary>
internal readonly record struct Comparison(IReadOnlyList<Turn> Prompt, string First, string Second);

/// <summary>Verdicts from a model host.</summary>
internal static class HostJudge
{
    /// <summary>
    /// Judges every comparison in both orders by every template, as one request. Identical responses are not judged;
    /// they get the verdict on identical responses.
    /// </summary>
    public static async Task<IReadOnlyList<Verdict>> Verdicts(IModelHost host, string model, IReadOnlyList<Comparison> comparisons,
        IReadOnlyList<JudgeTemplate> templates, Cohort? cohort, CancellationToken cancellation)
    {
        var encoder = host.EncoderOf(model);
        var prompts = new List<EncodedJudgePrompt>();
        foreach (var (prompt, first, second) in comparisons.Where(c => c.First != c.Second))
            foreach (var template in templates)
            {
                prompts.Add(encoder.EncodeJudge(template, template.Context(prompt), first, second));
                prompts.Add(encoder.EncodeJudge(template, template.Context(prompt), second, first));
            }
        // A cohort counts its members: the request is made even where nothing is left to judge.
        var probabilities = prompts.Count == 0 && cohort is null ? []
            : await HostCalls.WithBackOff(host.Time, () => host.JudgeAsync(model, prompts, cohort, cancellation), cancellation);
        var judged = new Queue<Verdict>(probabilities.Chunk(2 * templates.Count).Select(chunk =>
            Verdict.Of([.. templates.Select((t, i) => new TemplateJudgment(t.Principle, chunk[2 * i], chunk[2 * i + 1]))])));
        return [.. comparisons.Select(c => c.First == c.Second ? Verdict.Identical : judged.Dequeue())];
    }
}
