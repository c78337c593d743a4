using SelfJudge.Modeling.Learning;
using SelfJudge.Modeling.Tokenizers;
using SelfJudge.Preferences.Data;
using SelfJudge.Preferences.Learning;
using SelfJudge.Preferences.Methods;
using SelfJudge.Preferences.Randomness;
using SelfJudge.Preferences.Recipes;
using SelfJudge.Preferences.Templates;

namespace SelfJudge.Runs.Stages;

/// <summary>What each step of a supervised or offline stage learns from: a function of recipe, data and step. The data is gone through in
/// an order of the stage's own, again and again.</summary>
internal sealed class StageBatches(Recipe recipe, StageRecipe stage, TrainingData data, PromptEncoder encoder)
{
    private readonly JudgeTemplate[] _templates = [.. recipe.TemplatesOf(stage).Select(JudgeTemplate.ByName)];
    private readonly int[] _answerOrder = CounterRandom.Permutation(data.Answers.Count,
        Seeds.Derive(recipe.Seed, $"{stage.Name}/policy order"));
    private readonly int[] _pairOrder = CounterRandom.Permutation(data.Pairs.Count,
        Seeds.Derive(recipe.Seed, $"{stage.Name}/policy order"));
    // A template of a principle learns that principle's own pairs.
    private readonly Dictionary<string, (IReadOnlyList<PreferenceExample> Pairs, int[] Order)> _judged = recipe.TemplatesOf(stage)
        .Distinct().Select(JudgeTemplate.ByName).DistinctBy(t => t.Name).ToDictionary(t => t.Name, t =>
    {
        var pairs = data.JudgePairs(t, stage.Rationale);
        return (pairs, CounterRandom.Permutation(pairs.Count, Seeds.Derive(recipe.Seed, $"{stage.Name}/judge order")));
    });

    /// <summary>All that a step learns from.</summary>
    public StepMaterial Material(int step) =>
        stage.Spec.Data == StepData.Pairs ? new StepMaterial { Pairs = Offline(step) } : new StepMaterial { Examples = Supervised(step) };

    /// <summary>Examples: chosen responses, and pairs in both orders, by every template.</summary>
    public IReadOnlyList<SupervisedExample> Supervised(int step)
    {
        var examples = new List<SupervisedExample>();
        for (var i = 0; i < stage.PolicyExamples; i++)
            examples.Add(ExampleBuilder.Policy(encoder,
                data.Answers[_answerOrder[((long)step * stage.PolicyExamples + i) % _answerOrder.Length]]));
        for (var i = 0; i < stage.JudgePairs; i++)
            foreach (var template in _templates)
            {
                var (pairs, order) = _judged[template.Name];
                var pair = pairs[order[((long)step * stage.JudgePairs + i) % order.Length]];
                examples.Add(ExampleBuilder.Judge(encoder, template, pair, swapped: false, stage.Rationale));
                examples.Add(ExampleBuilder.Judge(encoder, template, pair, swapped: true, stage.Rationale));
            }
        return examples;
    }

    /// <summary>Static pairs.</summary>
    public IReadOnlyList<PreferencePair> Offline(int step) => [.. OfflineExamples(step).Select(e => ExampleBuilder.Pair(encoder, e))];

    /// <summary>The pairs of a step as the data has them.</summary>
    public IEnumerable<PreferenceExample> OfflineExamples(int step) =>
        Enumerable.Range(0, stage.Prompts).Select(i => data.Pairs[_pairOrder[((long)step * stage.Prompts + i) % _pairOrder.Length]]);
}
