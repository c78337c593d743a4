using System.Security.Cryptography;
using System.Text;
using SelfJudge.Preferences.Recipes;

namespace SelfJudge.World.Reproduction;

/// <summary>
/// One stage of a recipe as a run of its own. Recipes of many methods begin with the same stages; taken apart, a stage that
/// several of them name is trained once. Its folder is named by what it is: the same stage on the same stages before it has
/// the same folder, and another setting anywhere gives another one.
/// </summary>
/// <param name="Stage">The stage by name.</param>
/// <param name="Folder">Within the folder that holds all of them.</param>
/// <param name="Recipe">The run, with absolute paths to the models that other runs leave; it samples nothing when it has trained, and
/// measures no judge before that.</param>
public sealed record StageRun(string Stage, string Folder, Recipe Recipe)
{
    /// <summary>The runs that a stage needs, each after those that it needs itself, the stage's own last.</summary>
    /// <param name="root">The folder that holds their folders.</param>
    /// <exception cref="RecipeException">A stage cannot stand alone: it leaves an adapter.</exception>
    public static IReadOnlyList<StageRun> Of(Recipe recipe, string stage, string root)
    {
        var runs = new List<StageRun>();
        Add(stage);
        return runs;

        StageRun Add(string name)
        {
            if (runs.Find(r => r.Stage == name) is { } there)
                return there;
            var own = recipe.Stages.Single(s => s.Name == name);
            if (own.Adapter is not null)
                throw new RecipeException($"stage {name} trains an adapter; runs of one stage each start from whole weights");
            string? ModelOf(string? named) => named is not null && recipe.Stages.Any(s => s.Name == named)
                ? Path.Combine(root, Add(named).Folder, "final") : named;
            var alone = own with
            {
                From = null,
                Judge = ModelOf(own.Judge),
                Reward = ModelOf(own.Reward),
                JudgeTemplates = recipe.TemplatesOf(own),
                MeasureEvery = 0
            };
            var model = recipe.Model with { Path = own.From is null ? recipe.Model.Path : ModelOf(own.From) };
            var whole = recipe with
            {
                Name = name,
                Model = model,
                Judge = recipe.Judge with { Templates = alone.JudgeTemplates },
                Stages = [alone],
                Evaluation = null
            };
            var run = new StageRun(name,
                $"{FolderName(name)}-{Identity(RecipeFile.Render(whole with { Name = "" }).Replace(root, "", StringComparison.Ordinal))}",
                whole);
            runs.Add(run);
            return run;
        }
    }

    // What a recipe says, wherever its folder lies.
    private static string Identity(string recipe) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(recipe)))[..8];

    private static string FolderName(string stage) =>
        string.Concat(stage.ToLowerInvariant().Select(c => char.IsAsciiLetterOrDigit(c) ? c : '-'));
}
