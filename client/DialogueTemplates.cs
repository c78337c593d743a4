using SelfJudge.Modeling.Checkpoints;
using SelfJudge.Modeling.Tokenizers;
using SelfJudge.Preferences.Recipes;
using SelfJudge.Preferences.Templates;
using SelfJudge.Runs.Folders;

namespace SelfJudge.Client;

/// <summary>How a model folder's prompts are put where nobody says.</summary>
internal static class DialogueTemplates
{
    /// <summary>
    /// The template of the run that the folder is a result of; else the built-in world's for its tokenizer, else what the
    /// folder's <c>chat_template</c> shows, else the paper's, which is said.
    /// </summary>
    /// <param name="option">Where another can be named.</param>
    /// <exception cref="InvalidDataException">The folder's own is not a known one, or its tokenizer cannot be used.</exception>
    public static string Of(string folder, string option)
    {
        if (OfRun(folder) is { } trained)
            return trained;
        // The built-in world's tokenizer knows the world's words only.
        if (ModelFolder.ReadTokenizer(folder) is WordLevelTokenizer)
            return DialogueTemplate.World.Name;
        if (ModelFolder.ReadDialogueTemplate(folder) is { } own)
            return own.Name;
        Console.Error.WriteLine(
            $"note: {folder} has no chat_template, so its prompts are put by the dialogue template '{DialogueTemplate.Paper.Name}'; "
            + $"{option} names another: {DialogueTemplate.Known}");
        return DialogueTemplate.Paper.Name;
    }

    // RUN/final and RUN/stages/NAME: the model was taught by the run's template.
    private static string? OfRun(string folder)
    {
        var parent = Path.GetDirectoryName(Path.GetFullPath(folder).TrimEnd(Path.DirectorySeparatorChar));
        var run = parent is null ? null : new RunFolder(Path.GetFileName(parent) == "stages" ? Path.GetDirectoryName(parent)! : parent);
        return run is not null && File.Exists(run.Recipe) ? RecipeFile.LoadOfRun(run.Recipe).Model.DialogueTemplate : null;
    }
}
