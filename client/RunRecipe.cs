using SelfJudge.Client.Commands;
using SelfJudge.Modeling.Checkpoints;
using SelfJudge.Preferences.Data;
using SelfJudge.Preferences.Recipes;
using SelfJudge.Preferences.Templates;
using SelfJudge.World;

namespace SelfJudge.Client;

/// <summary>A recipe as it is to be run: settings applied, names resolved, and everything that it names looked at before there is a
/// run.</summary>
internal static class RunRecipe
{
    /// <summary>The recipe with its settings. Paths are absolute, since a run may be resumed from anywhere.</summary>
    /// <param name="model">In place of the recipe's model: a Hugging Face folder, or a run, whose result is meant.</param>
    /// <param name="data">In place of the recipe's data: files or folders of pairs.</param>
    /// <param name="judgeTemplates">In place of the recipe's.</param>
    /// <exception cref="UserError">A file or folder that it names is not there, or cannot be started from.</exception>
    /// <exception cref="DataException">A file of prompts or pairs has a row that cannot be read, or lacks what a stage learns
    /// from.</exception>
    /// <exception cref="InvalidDataException">The model folder is not one that can be used.</exception>
    public static (Recipe Recipe, FileTrainingData? Data) Load(string path, string? model, IReadOnlyList<string> data,
        IReadOnlyList<string> judgeTemplates, IEnumerable<string> settings)
    {
        CheckData(data);
        foreach (var template in judgeTemplates)
            _ = CommonOptions.ParseJudgeTemplate(template, "--judge-template");
        var recipe = Resolve(Read(path, model, data, judgeTemplates, settings), isPlan: false);
        var folder = recipe.Model.Path;
        if (recipe.Evaluation is { Judge: { } judge } evaluation && JudgeRef.Parse(judge, recipe) is JudgeRef.Folder elsewhere)
        {
            recipe = recipe with { Evaluation = evaluation with { Judge = Existing(elsewhere.Path, "evaluation.judge") } };
            CheckJudge("evaluation.judge", recipe.Evaluation.Judge!, recipe.Judge.Templates);
        }
        else if (recipe is { Evaluation: not null, Data.WorldPairs: 0, Model.Path: { } start })
            CheckJudge("model.path", start, recipe.Judge.Templates);
        var read = recipe.Data.WorldPairs > 0 ? null : new FileTrainingData(recipe.Data, recipe.Seed);
        if (read is not null)
        {
            Console.WriteLine($"data: {read.Report.Read} rows read, {read.Report.Kept} kept");
            DataNotes.PrintSkipped(read.Report);
        }
        read?.Check(recipe);
        foreach (var used in JudgeFolders(recipe).Concat(folder is null ? [] : [folder]).Distinct())
            ModelFolder.Check(used);
        DataNotes.Print(recipe, read, folder);
        return (recipe.Stages.All(s => s.Epochs == 0) ? recipe
            : EpochSteps.Resolve(recipe, read ?? RecipeData.Load(recipe.Data, recipe.Seed)), read);
    }

    /// <summary>The recipe as <see cref="Load"/> has it, of which model and data may be at hand in part only: what is not is planned
    /// without. The data is null where it is not there.</summary>
    /// <exception cref="UserError">There is no model folder, or a name means nothing.</exception>
    /// <exception cref="DataException">A row cannot be read.</exception>
    public static (Recipe Recipe, TrainingData? Data) LoadForPlan(string path, string? model, IReadOnlyList<string> data,
        IEnumerable<string> settings)
    {
        CheckData(data);
        var recipe = Resolve(Read(path, model, data, [], settings), isPlan: true);
        foreach (var used in JudgeFolders(recipe).Where(ModelFolder.HasTokenizer))
            _ = ModelFolder.ReadTokenizer(used, ModelFolder.ReadConfig(used));
        var named = new[] { recipe.Data.Pairs, recipe.Data.Prompts,
            recipe.Data.ExtraAnswers }.Concat(recipe.Data.Sources.Select(s => s.Path)).OfType<string>();
        if (named.Any(p => !Path.Exists(p)))
            return (recipe, null);
        var read = RecipeData.Load(recipe.Data, recipe.Seed);
        return (EpochSteps.Resolve(recipe, read), read);
    }

    /// <summary>The recipe with a model, data and judge templates in place of its own, and with its settings; nothing that it names is
    /// looked at.</summary>
    /// <exception cref="RecipeException">The file or a setting is wrong.</exception>
    public static Recipe Read(string path, string? model, IReadOnlyList<string> data, IReadOnlyList<string> judgeTemplates,
        IEnumerable<string> settings) =>
        RecipeFile.Load(ShippedRecipes.Named(path), [.. Named(model, data, judgeTemplates), .. settings]);

    private static void CheckData(IReadOnlyList<string> data)
    {
        if (data.FirstOrDefault(d => !Path.Exists(d)) is { } missing)
            throw new UserError($"--data: there is no {Path.GetFullPath(missing)}");
    }

    // The models of others by which stages judge and reward.
    private static IEnumerable<string> JudgeFolders(Recipe recipe) =>
        recipe.Stages.Select(recipe.JudgeOf).OfType<JudgeRef.Folder>().Select(f => f.Path).Distinct();

    // Names become what they mean, paths absolute.
    private static Recipe Resolve(Recipe recipe, bool isPlan)
    {
        var folder = recipe.Model.Path is { } named ? ModelFolderOf(named) : null;
        // What cannot be read is said here, before there is a run; a configuration is enough to plan one.
        if (folder is not null)
        {
            _ = ModelFolder.ReadConfig(folder);
            if (!isPlan)
                _ = ModelFolder.ReadTokenizer(folder);
        }
        var template = recipe.Model.DialogueTemplate;
        if (template == DialogueTemplate.Auto)
            template = folder is null ? DialogueTemplate.World.Name
                : isPlan && !ModelFolder.HasTokenizer(folder) ? DialogueTemplate.Paper.Name
                : DialogueTemplates.Of(folder, "in a recipe: model.dialogue_template");
        string? There(string? path, string key) => path is null ? null : isPlan ? RecipePaths.Absolute(path) : Existing(path, key);
        recipe = recipe with
        {
            Model = recipe.Model with { Path = folder, DialogueTemplate = DialogueTemplate.Absolute(template) },
            Data = recipe.Data with
            {
                Pairs = There(recipe.Data.Pairs, "data.pairs"),
                Prompts = There(recipe.Data.Prompts, "data.prompts"),
                ExtraAnswers = There(recipe.Data.ExtraAnswers, "data.extra_answers"),
                Sources = [.. recipe.Data.Sources.Select(s => s with { Path = There(s.Path, "data.sources")! })]
            },
            Stages = [.. recipe.Stages.Select(s =>
                s with { Judge = NamedModel(recipe, s.Judge, "judge"), Reward = NamedModel(recipe, s.Reward, "reward"),
                    JudgeTemplates = s.JudgeTemplates is { } own ? TemplatesOf(own) : null })],
            Judge = recipe.Judge with
            {
                Templates = TemplatesOf(recipe.Judge.Templates),
                Endpoints = [.. recipe.Judge.Endpoints.Select(e => e with { Templates = TemplatesOf(e.Templates) })]
            },
        };
        // Figures go by the templates' names: two of one name would be one.
        var templates = recipe.Judge.Templates.Concat(recipe.Judge.Endpoints.SelectMany(e => e.Templates))
            .Concat(recipe.Stages.SelectMany(s => s.JudgeTemplates ?? [])).Distinct().ToList();
        if (templates.GroupBy(t => JudgeTemplate.ByName(CommonOptions.ParseJudgeTemplate(t, null)).Name)
            .FirstOrDefault(g => g.Count() > 1) is { } same)
            throw new UserError($"judge.templates: {string.Join(" and ", same)} have the same name, '{same.Key}'; "
                + "give one of them another");
        return recipe;
    }

    // It is asked at the end of the run only: whether it can judge at all is found out before.
    private static void CheckJudge(string key, string folder, IReadOnlyList<string> templates)
    {
        if (AdapterFolder.IsAdapter(folder))
            folder = AdapterFolder.ReadConfig(folder).BaseModel is { } named && Directory.Exists(named) ? named
                : throw new UserError(
                $"{key}: the adapter in {folder} names no base model that is here; correct base_model_name_or_path in its "
                + $"adapter_config.json");
        var encoder = ModelFolder.ReadEncoder(folder, DialogueTemplate.Paper);
        foreach (var template in templates.Select(t => JudgeTemplate.ByName(CommonOptions.ParseJudgeTemplate(t, null))))
            try
            {
                _ = encoder.EncodeJudge(template, "x", "x", "y");
            }
            catch (ArgumentException e)
            {
                throw new UserError($"{key} {folder} cannot judge: {e.Message}");
            }
    }

    private static IEnumerable<string> Named(string? model, IReadOnlyList<string> data, IReadOnlyList<string> judgeTemplates)
    {
        if (model is not null)
            yield return $"model.path={Scalar(model)}";
        if (data.Count > 0)
        {
            yield return "data.world_pairs=0";
            yield return "data.prompts=null";
            yield return data.Count == 1 ? $"data.pairs={Scalar(data[0])}" : "data.pairs=null";
            yield return data.Count == 1 ? "data.sources=[]"
                : $"data.sources=[{string.Join(", ", data.Select(d => $"{{path: {Quoted(d)}}}"))}]";
        }
        if (judgeTemplates.Count > 0)
            yield return $"judge.templates=[{string.Join(", ", judgeTemplates.Select(Quoted))}]";
    }

    // A path that YAML would read as something else is quoted; others stay as their user wrote them.
    private static string Scalar(string text) =>
        text.All(c => char.IsAsciiLetterOrDigit(c) || c is '/' or '_' or '-' or '.') ? text : Quoted(text);

    private static string Quoted(string text) => $"'{text.Replace("'", "''", StringComparison.Ordinal)}'";

    private static List<string> TemplatesOf(IReadOnlyList<string> named) =>
        [.. named.Select(t => JudgeTemplate.IsFile(t) ? Existing(t, "judge.templates")! : t)];

    private static string? Existing(string? named, string key) => named is null ? null
        : Path.Exists(named) ? RecipePaths.Absolute(named) : throw new UserError($"{key}: there is no {Path.GetFullPath(named)}");

    private static string? NamedModel(Recipe recipe, string? named, string key) =>
        named is not null && JudgeRef.Parse(named, recipe) is JudgeRef.Folder folder ? ModelFolderOf(folder.Path, key) : named;

    // Training starts from whole weights: an adapter on top of them has to be merged first.
    private static string ModelFolderOf(string named, string key = "model.path")
    {
        var folder = named;
        if (!File.Exists(Path.Combine(named, "config.json")) && RunNames.TryFind(named) is { } run)
        {
            var recipe = RecipeFile.LoadOfRun(run.Recipe);
            folder = run.OutputOf(recipe, recipe.Stages[^1]);
            if (!Directory.Exists(folder))
                throw new UserError($"{key}: the run in {run.Path} has no model yet: {folder} is not there; go on with it by 'resume "
                    + $"{run.Path}', or name one of {run.Path}/stages");
        }
        if (AdapterFolder.IsAdapter(folder))
            throw new UserError($"{key}: {folder} is an adapter, and a run starts from whole weights; merge it first: convert --model "
                + $"{named} --merge --out DIR");
        return Existing(folder, key)!;
    }

}
