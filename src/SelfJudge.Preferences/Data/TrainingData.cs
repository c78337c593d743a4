using SelfJudge.Preferences.Recipes;
using SelfJudge.Preferences.Templates;

namespace SelfJudge.Preferences.Data;

/// <summary>A prompt with a preferred and a less preferred response.</summary>
/// <param name="ChosenRationale">What a rationale says of the chosen response, where the data has rationales.</param>
/// <param name="RejectedRationale">What it says of the rejected one.</param>
/// <param name="Principle">The principle by which it was labelled; null for an overall judgment.</param>
/// <param name="PolicySystem">The system message under which the chosen response was made: of the policy's example only, never of a judgment.</param>
public sealed record PreferenceExample(IReadOnlyList<Turn> Prompt, string Chosen, string Rejected, string? ChosenRationale = null, string? RejectedRationale = null, string? Principle = null, string? PolicySystem = null);

/// <summary>What a run learns from.</summary>
public abstract class TrainingData
{
    /// <summary>The static preference pairs, labelled overall.</summary>
    public abstract IReadOnlyList<PreferenceExample> Pairs { get; }

    /// <summary>The pairs that a judge template of a principle learns: labelled by that principle, or the overall ones where the data has none of it.</summary>
    public virtual IReadOnlyList<PreferenceExample> PairsFor(string? principle) => Pairs;

    /// <summary>Pairs over prompts that training never sees, to measure the judge with; empty where there are none.</summary>
    public abstract IReadOnlyList<PreferenceExample> HeldOutPairs { get; }

    /// <summary>Held-out pairs labelled by one principle; empty where the data has none of it.</summary>
    public abstract IReadOnlyList<PreferenceExample> HeldOutPairsFor(string principle);

    /// <summary>Prompts that training never sees, to compare policies on; empty where the data holds none out.</summary>
    public abstract IReadOnlyList<IReadOnlyList<Turn>> HeldOutPrompts { get; }

    /// <summary>The n-th prompt of the endless sequence that on-policy stages sample.</summary>
    public abstract IReadOnlyList<Turn> Prompt(long n);

    /// <summary>Loads what a recipe names.</summary>
    /// <exception cref="DataException">A file is missing or damaged; the message names file and line.</exception>
    public static TrainingData Load(DataRecipe recipe, ulong seed) => recipe.WorldPairs > 0 ? new WorldTrainingData(recipe.WorldPairs, seed) : new FileTrainingData(recipe, seed);
}

/// <summary>Data that cannot be used. The message names the file, the line, and what to do.</summary>
public sealed class DataException(string message) : Exception(message);
