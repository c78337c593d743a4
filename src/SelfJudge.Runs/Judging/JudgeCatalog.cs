using SelfJudge.Abstractions;
using SelfJudge.Modeling.Checkpoints;
using SelfJudge.Modeling.Hosting;
using SelfJudge.Preferences.Judging;
using SelfJudge.Preferences.Recipes;
using SelfJudge.Runs.Folders;
using SelfJudge.Runs.Models;
using SelfJudge.World;

namespace SelfJudge.Runs.Judging;

/// <summary>What a judge stands for: one that answers by itself, or models of ours.</summary>
/// <param name="Id">What requests to a model host call it by.</param>
/// <param name="Models">What a host loads to have it, in order, the judge last; none where it is no model, or is loaded.</param>
public sealed record JudgeSource(string Id, IReadOnlyList<ModelReference> Models, JudgeEndpoint? Endpoint = null)
{
    public static JudgeSource Oracle { get; } = new(JudgeRef.Oracle.Word, []);

    public bool IsModel => Endpoint is null && Id != JudgeRef.Oracle.Word;
}

/// <summary>Opens judges: in training, evaluation, comparison and dry run alike.</summary>
public static class JudgeCatalog
{
    /// <summary>What a judge that a run's recipe names stands for.</summary>
    /// <param name="policy">The id of the model in training, where there is one.</param>
    /// <exception cref="CheckpointException">It is an adapter that does not say what it stands on.</exception>
    public static JudgeSource Of(JudgeRef judge, string runId, Recipe recipe, RunFolder folder, string? policy = null) => judge switch
    {
        JudgeRef.Oracle => JudgeSource.Oracle,
        JudgeRef.Endpoint { At: var endpoint } => new JudgeSource($"{runId}/endpoints/{endpoint.Name}", [], endpoint),
        JudgeRef.Policy => new JudgeSource(policy ?? throw new ArgumentException("no policy is in training that could judge"), []),
        JudgeRef.Folder { Path: var path } => OfModels(FolderChain(runId, recipe, path)),
        JudgeRef.Stage { Of: var stage } => OfModels(RunModels.Chain(runId, recipe, folder, stage)),
        _ => OfModels(RunModels.Chain(runId, recipe, folder, null)),
    };

    /// <summary>The last of some models, which stands on the others, as a judge.</summary>
    public static JudgeSource OfModels(IReadOnlyList<ModelReference> chain) => new(chain[^1].Id, chain);

    /// <summary>One that answers by itself, ready to be asked; null for a model.</summary>
    /// <exception cref="ChatEndpointException">The environment variable of an endpoint's key is not set.</exception>
    public static IPairJudge? OpenExternal(JudgeSource source) =>
        source.Endpoint is { } endpoint ? ChatEndpoint.Judge(endpoint) : source.IsModel ? null : OracleJudge.Instance;

    /// <summary>Makes a judge ready to be asked by its id on this process's host. Returns the id.</summary>
    public static async Task<string> Open(JudgeSource source, IModelHost host, ChatJudges externals, Recipe recipe)
    {
        if (source.Endpoint is { } endpoint)
            externals.Open(source.Id, endpoint);
        await RunModels.Load(host, source.Models, recipe);
        return source.Id;
    }

    // Under the run's name, so that it is freed with the run's own models.
    private static IReadOnlyList<ModelReference> FolderChain(string runId, Recipe recipe, string folder)
    {
        string IdOf(string path) => $"{runId}/named/{RecipePaths.Absolute(path)}";
        ModelReference Model(string path, string? on) => new(IdOf(path), path, null, on, recipe.Model.DialogueTemplate);
        if (!AdapterFolder.IsAdapter(folder))
            return [Model(folder, null)];
        var under = AdapterFolder.ReadConfig(folder).BaseModel
            ?? throw new CheckpointException($"the adapter in {folder} does not say what it stands on: write "
                + "base_model_name_or_path into its adapter_config.json");
        return [Model(under, null), Model(folder, IdOf(under))];
    }
}
