using System.IO.Hashing;
using System.Text;
using SelfJudge.Abstractions;
using SelfJudge.Client.Commands;
using SelfJudge.Modeling.Checkpoints;
using SelfJudge.Modeling.Tokenizers;
using SelfJudge.Preferences.Judging;
using SelfJudge.Preferences.Recipes;
using SelfJudge.Preferences.Sampling;
using SelfJudge.Preferences.Templates;
using SelfJudge.Runs.Folders;
using SelfJudge.Runs.Models;

namespace SelfJudge.Client;

/// <summary>A model that prompts are submitted to: what a host must load, in order, and how to talk to it. The last one loaded is the
/// model.</summary>
internal sealed record SubmittedModel(string Name, IReadOnlyList<ModelReference> Chain, IReadOnlyList<string> JudgeTemplates,
    SamplingOptions Sampling)
{
    /// <summary>What a run's evaluation has likelihood count in tournaments.</summary>
    public MatchPrior Prior { get; init; } = new();

    /// <summary>What the last stage of a run started from, as <see cref="Chain"/> has the model; empty for what is no run.</summary>
    public IReadOnlyList<ModelReference> Reference { get; init; } = [];

    public string Id => Chain[^1].Id;

    /// <summary>The model without its adapter; itself where it has none.</summary>
    public string BaseId => Chain[^1].BaseId ?? Id;

    /// <summary>A run's result, or a model or adapter folder. Of a run, templates and sampling are its recipe's unless named
    /// here.</summary>
    /// <param name="named">A run or a folder; the newest completed run where null.</param>
    /// <param name="adapter">The folder of an adapter to put onto it.</param>
    /// <param name="option">Where it is named; null for an argument.</param>
    /// <exception cref="UserError">There is no such model or adapter, or a template has no such name.</exception>
    /// <exception cref="InvalidDataException">A model or adapter folder is damaged, is not supported, or the two do not fit each
    /// other.</exception>
    public static SubmittedModel Resolve(string? named, string? dialogueTemplate, string? judgeTemplate, string? adapter = null,
        string? option = "--model")
    {
        var model = ResolveModel(named, dialogueTemplate, judgeTemplate, option);
        if (adapter is not null)
        {
            if (model.Chain[^1].BaseId is not null)
                throw new UserError($"--model {named ?? model.Name} has an adapter already: "
                    + $"name its base model to use --adapter {adapter}");
            var folder = RecipePaths.Absolute(adapter);
            model = model with
            {
                Name = folder,
                Chain =
                [.. model.Chain, new ModelReference($"submit/{folder}", folder, null, model.Id, model.Chain[^1].DialogueTemplate)]
            };
        }
        // What cannot be loaded is said here, before a silo is started.
        foreach (var part in model.Chain)
            if (part.Folder is { } folder)
                if (part.BaseId is null)
                    ModelFolder.Check(folder);
                else if (model.Chain.FirstOrDefault(p => p.BaseId is null)?.Folder is { } baseFolder)
                    AdapterFolder.Check(folder, ModelFolder.ReadConfig(baseFolder));
        return model with { Chain = WithContent(model.Chain), Reference = WithContent(model.Reference) };
    }

    /// <summary>What is said of a name that is neither a run's nor a folder's of a model or an adapter.</summary>
    public static UserError Unknown(string named, string? option) =>
        new($"{(option is null ? "" : $"{option} ")}{named}: " + (Directory.Exists(named)
        ? "the folder holds no model (config.json), no adapter (adapter_config.json) and no run (recipe.yaml)"
        : $"{(File.Exists(named) ? "is a file" : "there is no such folder or run")}; name the folder of a model, of an adapter or of a "
            + $"run, or a run under {RunNames.Root}/, which 'runs' lists"));

    // A host loads nothing under an id that it knows. So an id says what is behind it: folders are written anew, and put by
    // other templates, while a host lives.
    private static IReadOnlyList<ModelReference> WithContent(IReadOnlyList<ModelReference> chain)
    {
        var ids = new Dictionary<string, string>();
        return [.. chain.Select(c =>
            c with { Id = ids[c.Id] = $"{c.Id}#{ContentOf(c)}", BaseId = c.BaseId is null ? null : ids[c.BaseId] })];

        static string ContentOf(ModelReference model)
        {
            var weights = model.Folder is null ? model.Initial!.ToString() : ModelFingerprint.Of(model.Folder);
            var template = File.Exists(model.DialogueTemplate) ? File.ReadAllText(model.DialogueTemplate) : model.DialogueTemplate;
            var content = $"{weights}\n{template}\n{model.MaxLength}\n{model.MaxActiveSequences}";
            return Convert.ToHexStringLower(XxHash64.Hash(Encoding.UTF8.GetBytes(content)));
        }
    }

    private static SubmittedModel ResolveModel(string? named, string? dialogueTemplate, string? judgeTemplate, string? option)
    {
        dialogueTemplate = CommonOptions.ParseTemplate(dialogueTemplate);
        judgeTemplate = judgeTemplate is null ? null : CommonOptions.ParseJudgeTemplate(judgeTemplate, "--judge-template");
        var path = named ?? RunNames.All().LastOrDefault(r => File.Exists(new RunFolder(r).Result))
            ?? throw new UserError("there is no completed run under runs/: name a model with --model RUN or --model DIR");
        return File.Exists(Path.Combine(path, "config.json")) || AdapterFolder.IsAdapter(path)
            ? OfFolder(RecipePaths.Absolute(path), dialogueTemplate, judgeTemplate)
            : OfRun(RunNames.TryFind(path) ?? throw Unknown(path, option), dialogueTemplate, judgeTemplate);
    }

    private static SubmittedModel OfRun(RunFolder folder, string? dialogueTemplate, string? judgeTemplate)
    {
        var recipe = RecipeFile.LoadOfRun(folder.Recipe);
        if (dialogueTemplate is not null)
            recipe = recipe with { Model = recipe.Model with { DialogueTemplate = dialogueTemplate } };
        var output = folder.OutputOf(recipe, recipe.Stages[^1]);
        if (!Directory.Exists(output))
            throw new UserError($"run {folder.Name} has no model yet: {output} is not there; go on with it by 'resume {folder.Path}', or "
                + $"name one of {folder.Path}/stages");
        return new SubmittedModel(output, RunModels.Chain($"submit/{folder.Path}", recipe, folder, recipe.Stages[^1].Name),
            judgeTemplate is null ? recipe.Judge.Templates : [judgeTemplate], recipe.Sampling)
        {
            Prior = recipe.Evaluation?.Prior ?? new(),
            Reference = RunModels.Chain($"submit/{folder.Path}", recipe, folder, recipe.Stages[^1].From),
        };
    }

    private static SubmittedModel OfFolder(string folder, string? dialogueTemplate, string? judgeTemplate)
    {
        var baseModel = AdapterFolder.IsAdapter(folder) ? AdapterFolder.ReadConfig(folder).BaseModel : null;
        if (AdapterFolder.IsAdapter(folder) && (baseModel is null || !Directory.Exists(baseModel)))
            throw new UserError($"the adapter in {folder} stands on {baseModel ?? "a model that it does not name"}, which is no folder "
                + $"here; correct base_model_name_or_path in its adapter_config.json");
        var template = dialogueTemplate ?? DialogueTemplates.Of(baseModel ?? folder, "--template");
        List<ModelReference> chain = [];
        if (baseModel is not null)
            chain.Add(new ModelReference($"submit/{RecipePaths.Absolute(baseModel)}", RecipePaths.Absolute(baseModel), null, null,
                template));
        chain.Add(new ModelReference($"submit/{folder}", folder, null, baseModel is null ? null : chain[0].Id, template));
        return new SubmittedModel(folder, chain,
            [judgeTemplate ?? (ModelFolder.ReadTokenizer(baseModel ?? folder) is WordLevelTokenizer ? JudgeTemplate.World
            : JudgeTemplate.HhHelpful).Name], new SamplingOptions());
    }
}
