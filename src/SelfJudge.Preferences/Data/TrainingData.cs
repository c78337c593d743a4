using SelfJudge.Preferences.Methods;
using SelfJudge.Preferences.Recipes;
using SelfJudge.Preferences.Templates;

namespace SelfJudge.Preferences.Data;

/// <summary>A prompt with a preferred and a less preferred response.</summary>
/// <param name="ChosenRationale">What a rationale says of the chosen response, where the data has rationales.</param>
/// <param name="RejectedRationale">What it says of the rejected one.</param>
/// <param name="Principle">The principle by which it was labelled; null for an overall judgment.</param>
/// <param name="PolicySystem">The system message under which the chosen response was made: of the policy's example only, never of a
/// judgment.</param>
public sealed record PreferenceExample(IReadOnlyList<Turn> Prompt, string Chosen, string Rejected, string? ChosenRationale = null,
    string? RejectedRationale = null, string? Principle = null, string? PolicySystem = null);

/// <summary>What a run learns from.</summary>
public abstract class TrainingData
{
    /// <summary>The static preference pairs, labelled overall.</summary>
    public abstract IReadOnlyList<PreferenceExample> Pairs { get; }

    /// <summary>What the policy learns to answer from: the pairs, and answers that no judgment goes with.</summary>
    public virtual IReadOnlyList<PreferenceExample> Answers => Pairs;

    /// <summary>The principles that the data has labels of.</summary>
    public abstract IReadOnlyCollection<string> Principles { get; }

    /// <summary>The pairs that a judge template of a principle learns: labelled by that principle, or the overall ones where it is null;
    /// empty where the data has none of it.</summary>
    public abstract IReadOnlyList<PreferenceExample> PairsFor(string? principle);

    /// <summary>Checks that the data has what a recipe's stages learn from.</summary>
    /// <exception cref="DataException">It has not; the message names stage and judge template.</exception>
    public void Check(Recipe recipe)
    {
        foreach (var stage in recipe.Stages)
        {
            if (stage.Spec.Data != StepData.Prompts && Pairs.Count == 0)
                throw new DataException($"stage '{stage.Name}' learns from pairs, and the data has none but those held out");
            // A template of a principle learns that principle's own labels: the overall ones would teach it something else under its name.
            if (stage.JudgePairs > 0)
                foreach (var template in recipe.TemplatesOf(stage).Select(JudgeTemplate.ByName))
                    if (PairsFor(template.Principle).Count == 0)
                        throw new DataException(
                            $"stage '{stage.Name}': judge template '{template.Name}' judges by the principle {template.Principle}, of "
                            + "which the data has no labels; "
                            + (Principles.Count == 0 ? "it has labels of no principle" : $"it has those of {string.Join(", ", Principles)}")
                            + ": take a template without a principle, or other data");
        }
    }

    /// <summary>The pairs that a template's judge examples are made of. With rationales, pairs that have none are left out, where others
    /// have one (Table 18).</summary>
    public IReadOnlyList<PreferenceExample> JudgePairs(JudgeTemplate template, bool rationale)
    {
        var pairs = PairsFor(template.Principle);
        List<int> explained = rationale ? [.. Enumerable.Range(0, pairs.Count).Where(i => HasRationales(pairs[i]))] : [];
        return explained.Count == 0 ? pairs : new IndexedList<PreferenceExample>(i => pairs[i], explained);
    }

    /// <summary>How many prompts there are before they come again; null where they have no end.</summary>
    public virtual int? PromptCount => null;

    /// <summary>Pairs over prompts that training never sees, to measure the judge with; empty where there are none.</summary>
    public abstract IReadOnlyList<PreferenceExample> HeldOutPairs { get; }

    /// <summary>Held-out pairs labelled by one principle; empty where the data has none of it.</summary>
    public abstract IReadOnlyList<PreferenceExample> HeldOutPairsFor(string principle);

    /// <summary>Prompts that training never sees, to compare policies on; empty where the data holds none out.</summary>
    public abstract IReadOnlyList<IReadOnlyList<Turn>> HeldOutPrompts { get; }

    /// <summary>The n-th prompt of the endless sequence that on-policy stages sample.</summary>
    public abstract IReadOnlyList<Turn> Prompt(long n);

    private static bool HasRationales(PreferenceExample pair) => pair is { ChosenRationale: not null, RejectedRationale: not null };
}

/// <summary>Data that cannot be used. The message names the file, the line, and what to do.</summary>
public sealed class DataException(string message) : Exception(message);
