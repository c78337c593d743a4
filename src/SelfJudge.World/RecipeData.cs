using SelfJudge.Preferences.Data;
using SelfJudge.Preferences.Recipes;

namespace SelfJudge.World;

/// <summary>The data that a recipe names: the built-in world, or files.</summary>
public static class RecipeData
{
    /// <summary>Loads it.</summary>
    /// <param name="split">Whose held-out pairs judges are measured on, in the built-in world.</param>
    /// <exception cref="DataException">A file is missing or damaged; the message names file and line.</exception>
    public static TrainingData Load(DataRecipe recipe, ulong seed, HeldOutSplit split = HeldOutSplit.Test) =>
        recipe.WorldPairs > 0 ? new WorldTrainingData(recipe.WorldPairs, seed, recipe.WorldExtraAnswers, split)
            : new FileTrainingData(recipe, seed);
}
