using SelfJudge.Modeling.Learning;
using SelfJudge.Modeling.Tokenizers;
using SelfJudge.Preferences.Data;
using SelfJudge.Preferences.Learning;
using SelfJudge.Preferences.Methods;
using SelfJudge.Preferences.Recipes;
using SelfJudge.Preferences.Templates;
using SelfJudge.Runs.Stages;

namespace SelfJudge.Runs.Planning;

/// <summary>
/// The step of a stage that takes most: the longest of its data together in one. Longest are those of most characters,
/// so that only they have to be tokenized.
/// </summary>
internal sealed class LongestStep(Recipe recipe, StageRecipe stage, TrainingData data, PromptEncoder encoder)
{
    // The built-in world's prompts have no end; so many show how long they get.
    private const int PromptsLookedAt = 2000;

    private static readonly bool[] BothOrders = [false, true];

    public PromptEncoder Encoder => encoder;

    public bool IsOnPrompts => stage.Spec.IsRollout;

    /// <summary>Of a stage that does not sample.</summary>
    public StepMaterial Material() =>
        stage.Spec.Data == StepData.Pairs ? new StepMaterial { Pairs = Offline() } : new StepMaterial { Examples = Supervised() };

    private IReadOnlyList<SupervisedExample> Supervised() =>
    [
        .. Longest(stage.PolicyExamples == 0 ? [] : data.Answers, p => Characters(p.Prompt) + p.Chosen.Length, stage.PolicyExamples)
            .Select(p => ExampleBuilder.Policy(encoder, p)),
        .. (stage.JudgePairs == 0 ? [] : recipe.TemplatesOf(stage).Select(JudgeTemplate.ByName)).SelectMany(t =>
            Longest(data.JudgePairs(t, stage.Rationale), p =>
                Characters(p.Prompt) + p.Chosen.Length + p.Rejected.Length
                    + (stage.Rationale ? (p.ChosenRationale?.Length ?? 0) + (p.RejectedRationale?.Length ?? 0) : 0), stage.JudgePairs)
                .SelectMany(p => BothOrders.Select(swapped => ExampleBuilder.Judge(encoder, t, p, swapped, stage.Rationale)))),
    ];

    private IReadOnlyList<PreferencePair> Offline() =>
        [.. Longest(data.Pairs, p => 2 * Characters(p.Prompt) + p.Chosen.Length + p.Rejected.Length, stage.Prompts)
            .Select(p => ExampleBuilder.Pair(encoder, p))];

    /// <summary>The prompts of a stage that samples.</summary>
    public IReadOnlyList<IReadOnlyList<Turn>> Prompts() =>
        Longest(Enumerable.Range(0, Math.Min(data.PromptCount ?? PromptsLookedAt, 1_000_000)).Select(n => data.Prompt(n)), Characters,
            stage.Prompts);

    /// <summary>A step as it comes.</summary>
    public StageBatches Typical { get; } = new(recipe, stage, data, encoder);

    // Goes through the items once and holds no more than it returns: of equally long ones the first, longest first.
    internal static List<T> Longest<T>(IEnumerable<T> items, Func<T, int> characters, int count)
    {
        var kept = new PriorityQueue<T, (int Characters, int Earlier)>();
        foreach (var (i, item) in items.Index())
        {
            kept.Enqueue(item, (characters(item), -i));
            if (kept.Count > count)
                kept.Dequeue();
        }
        List<T> longest = [.. kept.UnorderedItems.OrderByDescending(k => k.Priority).Select(k => k.Element)];
        // Less data than a step takes comes again within it.
        return longest.Count == 0 ? [] : [.. Enumerable.Range(0, count).Select(i => longest[i % longest.Count])];
    }

    private static int Characters(IReadOnlyList<Turn> turns) => turns.Sum(t => t.Content.Length);
}
