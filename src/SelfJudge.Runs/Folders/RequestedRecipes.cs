using SelfJudge.Abstractions;
using SelfJudge.Preferences.Recipes;

namespace SelfJudge.Runs.Folders;

/// <summary>The recipes of the runs that this process was asked for last, each parsed once.</summary>
internal static class RequestedRecipes
{
    private const int Kept = 16;

    private static readonly Lock Lock = new();
    private static readonly List<(string Text, Recipe Recipe)> Parsed = [];

    /// <summary>The recipe of a run that is being executed, parsed where this process has not met it yet.</summary>
    /// <exception cref="RecipeException">It is wrong.</exception>
    public static Recipe Of(RunRequest request)
    {
        lock (Lock)
            if (Parsed.Find(p => p.Text == request.Recipe).Recipe is { } known)
                return known;
        return Check(request);
    }

    /// <summary>The recipe of a run that is to begin, parsed and checked anew: what it names may be another thing by now.</summary>
    /// <exception cref="RecipeException">It is wrong, or names something by a path that means something else in every process.</exception>
    public static Recipe Check(RunRequest request)
    {
        var recipe = RecipeFile.Parse(request.Recipe, "recipe");
        if (RecipePaths.FindRelative(recipe) is var (key, path))
            throw new RecipeException(
                $"recipe: {key}: '{path}' depends on the current directory, which a silo has of its own: write an absolute path");
        lock (Lock)
        {
            Parsed.RemoveAll(p => p.Text == request.Recipe);
            Parsed.Insert(0, (request.Recipe, recipe));
            if (Parsed.Count > Kept)
                Parsed.RemoveAt(Kept);
        }
        return recipe;
    }
}
