using SelfJudge.Preferences.Templates;

namespace SelfJudge.Preferences.Recipes;

/// <summary>The files and folders that a recipe names.</summary>
public static class RecipePaths
{
    /// <summary>Every one with its key, as it is written.</summary>
    public static IEnumerable<(string Key, string Path)> Of(Recipe recipe)
    {
        var data = recipe.Data;
        (string Key, string? Path)[] named =
        [
            ("model.path", recipe.Model.Path),
            ("model.dialogue_template", DialogueTemplate.IsFile(recipe.Model.DialogueTemplate) ? recipe.Model.DialogueTemplate : null),
            ("data.pairs", data.Pairs), ("data.prompts", data.Prompts), ("data.extra_answers", data.ExtraAnswers),
            .. data.Sources.Select((s, i) => ($"data.sources[{i}].path", (string?)s.Path)),
            .. Templates("judge.templates", recipe.Judge.Templates),
            .. recipe.Judge.Endpoints.SelectMany((e, i) => Templates($"judge.endpoints[{i}].templates", e.Templates)),
            .. recipe.Stages.SelectMany((s, i) => Templates($"stages[{i}].judge_templates", s.JudgeTemplates ?? [])),
            .. recipe.Stages.SelectMany((s, i) => new[] { Judge($"stages[{i}].judge", s.Judge), Judge($"stages[{i}].reward", s.Reward) }),
            Judge("evaluation.judge", recipe.Evaluation?.Judge),
        ];
        return named.Where(n => n.Path is not null).Select(n => (n.Key, n.Path!));

        (string, string?) Judge(string key, string? judge) =>
            (key, judge is not null && JudgeRef.Parse(judge, recipe) is JudgeRef.Folder folder ? folder.Path : null);
    }

    /// <summary>The first that is not absolute, and so means something else to every process; null where all are.</summary>
    public static (string Key, string Path)? FindRelative(Recipe recipe) =>
        Of(recipe).Where(p => !Path.IsPathFullyQualified(p.Path)).Select(p => ((string, string)?)p).FirstOrDefault();

    /// <summary>The one spelling of a path: absolute, and without a separator at its end.</summary>
    public static string Absolute(string path) => Path.TrimEndingDirectorySeparator(Path.GetFullPath(path));

    private static IEnumerable<(string, string?)> Templates(string key, IReadOnlyList<string> templates) =>
        templates.Where(JudgeTemplate.IsFile).Select(t => (key, (string?)t));
}
