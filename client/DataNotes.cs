using SelfJudge.Modeling.Checkpoints;
using SelfJudge.Preferences.Data;
using SelfJudge.Preferences.Recipes;
using SelfJudge.Preferences.Templates;
using SelfJudge.Runs.Planning;

namespace SelfJudge.Client;

/// <summary>What a run's user is told of its data before the first step.</summary>
internal static class DataNotes
{
    private const int PlacesShown = 5;

    /// <summary>Which rows were left out, and why.</summary>
    public static void PrintSkipped(DataReport report)
    {
        foreach (var (reason, rows) in report.Skipped)
            Console.WriteLine($"  skipped {rows.Count}: {reason}: "
                + $"{string.Join(", ", rows.Places.Take(PlacesShown))}{(rows.Count > PlacesShown ? ", …" : "")}");
        foreach (var problem in report.Problems)
            Console.WriteLine($"    {problem}");
        if (report.Malformed > report.Problems.Count)
            Console.WriteLine($"    and {report.Malformed - report.Problems.Count} more");
    }

    /// <summary>What does not fit: steps larger than the data, and text that is cut.</summary>
    /// <param name="data">Null for the built-in world, whose sentences are short.</param>
    /// <param name="folder">The model's, whose tokenizer measures; null for one of random weights.</param>
    public static void Print(Recipe recipe, FileTrainingData? data, string? folder)
    {
        if (data is null)
            return;
        var notes = DataFit.Steps(recipe, data).ToList();
        if (folder is not null && recipe.Stages.Any(s => !s.Spec.IsRollout))
        {
            var encoder = ModelFolder.ReadEncoder(folder, DialogueTemplate.ByName(recipe.Model.DialogueTemplate), recipe.Model.MaxLength);
            var lengths = DataFit.Lengths(recipe, data, encoder);
            notes.AddRange(lengths);
            if (lengths.Count == 0)
                Console.WriteLine($"lengths: all of the data that was looked at fits into {encoder.MaxLength:N0} tokens");
        }
        foreach (var note in notes)
            if (note.IsWarning)
                Console.Error.WriteLine($"warning: {note.Text}");
            else
                Console.WriteLine($"lengths: {note.Text}");
    }
}
