using SelfJudge.Modeling.Learning;
using SelfJudge.Modeling.Tokenizers;
using SelfJudge.Preferences.Data;
using SelfJudge.Preferences.Methods;
using SelfJudge.Preferences.Recipes;
using SelfJudge.Preferences.Templates;

namespace SelfJudge.Runs.Planning;

/// <summary>What of a stage's data does not fit: said before its first step.</summary>
/// <param name="IsWarning">Whether it is much.</param>
public sealed record FitNote(string Text, bool IsWarning);

/// <summary>Whether a recipe's stages fit their data: steps larger than the data, and sequences longer than the model takes.</summary>
public static class DataFit
{
    /// <summary>A larger share of cut sequences is a warning.</summary>
    public const double WarnAbove = 0.2;

    // So many show the share to within about 4 %, and take a second or two.
    private const int LookedAt = 500;

    /// <summary>Steps that take more than there is, so that the same comes again within one.</summary>
    public static IReadOnlyList<FitNote> Steps(Recipe recipe, TrainingData data)
    {
        var notes = new List<FitNote>();
        foreach (var stage in recipe.Stages)
        {
            void Compare(string key, int asked, int there, string what)
            {
                if (asked > there && there > 0)
                    notes.Add(new FitNote($"{stage.Name}: a step takes {asked:N0} {what} ({key}), and the data has {there:N0}: the same "
                        + $"come again within a step", true));
            }
            if (stage.Spec.IsRollout)
                Compare("prompts", stage.Prompts, data.PromptCount ?? int.MaxValue, "prompts");
            else if (stage.Spec.Data == StepData.Pairs)
                Compare("prompts", stage.Prompts, data.Pairs.Count, "pairs");
            else
            {
                Compare("policy_examples", stage.PolicyExamples, data.Answers.Count, "answers");
                foreach (var template in stage.JudgePairs == 0 ? [] : recipe.TemplatesOf(stage).Distinct().Select(JudgeTemplate.ByName))
                    Compare("judge_pairs", stage.JudgePairs, data.JudgePairs(template, stage.Rationale).Count,
                        template.Principle is null ? "judge pairs" : $"judge pairs of {template.Principle}");
            }
        }
        return [.. notes.DistinctBy(n => n.Text)];
    }

    /// <summary>How many examples and judge prompts lose text, and where, of those that stages learn from; of large data a sample is looked
    /// at.</summary>
    public static IReadOnlyList<FitNote> Lengths(Recipe recipe, TrainingData data, PromptEncoder encoder)
    {
        var notes = new List<FitNote>();
        var stages = recipe.Stages.Where(s => !s.Spec.IsRollout).ToList();
        if (stages.Any(s => s.Spec.Data == StepData.Pairs || s.PolicyExamples > 0))
        {
            var survey = new LengthSurvey(encoder, null);
            var of = Sample(data.Answers, survey.AddExample);
            var lengths = survey.Examples;
            if (lengths.Truncated > 0)
                notes.Add(new FitNote($"{Share(lengths.Truncated, lengths.Count)} of the examples{of} have more than {lengths.Maximum:N0} "
                    + $"tokens and lose their beginning", lengths.Truncated > WarnAbove * lengths.Count));
        }
        foreach (var (name, rationale) in stages.Where(s => s.JudgePairs > 0)
            .SelectMany(s => recipe.TemplatesOf(s).Select(t => (t, s.Rationale))).Distinct())
        {
            var template = JudgeTemplate.ByName(name);
            var survey = new LengthSurvey(encoder, template);
            var of = Sample(data.JudgePairs(template, rationale), survey.AddJudged);
            var lengths = survey.Judged;
            if (lengths.Truncated > 0)
                notes.Add(new FitNote($"{Share(lengths.Truncated, lengths.Count)} of the judge prompts of {template.Name}{of} do not fit "
                    + $"into {lengths.Maximum:N0} tokens and lose text: of the context {lengths.Cut.Context:N0}, of response A "
                    + $"{lengths.Cut.ResponseA:N0}, of response B {lengths.Cut.ResponseB:N0}",
                    lengths.Truncated > WarnAbove * lengths.Count));
        }
        return notes;
    }

    // Evenly over the data. Returns which were looked at, where it is not all.
    private static string Sample(IReadOnlyList<PreferenceExample> pairs, Action<PreferenceExample> add)
    {
        var count = Math.Min(pairs.Count, LookedAt);
        for (var i = 0L; i < count; i++)
            add(pairs[(int)(i * pairs.Count / count)]);
        return count < pairs.Count ? $" ({count:N0} of {pairs.Count:N0} pairs were looked at)" : "";
    }

    private static string Share(int some, int all) => $"{some:N0} of {all:N0} ({100.0 * some / all:0} %)";
}
