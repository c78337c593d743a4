namespace SelfJudge.Preferences.Recipes;

/// <summary>A recipe that cannot be used. The message names the file, the line, the key, and what to do.</summary>
public sealed class RecipeException(string message) : Exception(message);
