using SelfJudge.Abstractions;
using SelfJudge.Modeling.Checkpoints;
using SelfJudge.Modeling.Hosting;
using SelfJudge.Preferences.Randomness;
using SelfJudge.Preferences.Recipes;
using SelfJudge.Runs.Folders;
using SelfJudge.Runs.Judging;

namespace SelfJudge.Runs.Models;

/// <summary>The models of a run on a host: the one it starts from, and one per stage.</summary>
public static class RunModels
{
    // No stage has an empty name: what the run itself has cannot be taken for one's.
    public static string IdOf(string runId, string? stage) => stage is null ? $"{runId}//start" : $"{runId}/{stage}";

    /// <summary>What a host loads to have a stage's model, in order: first, where it is an adapter, the model that it stands on. The model
    /// that the run starts from where <paramref name="stageName"/> is null.</summary>
    public static IReadOnlyList<ModelReference> Chain(string runId, Recipe recipe, RunFolder folder, string? stageName)
    {
        var id = IdOf(runId, stageName);
        if (stageName is null)
            return [new ModelReference(id, recipe.Model.Path,
                recipe.Model.Path is null ? ToSettings(recipe.Model.Init, Seeds.Derive(recipe.Seed, "weights")) : null, null,
                recipe.Model.DialogueTemplate, recipe.Model.MaxLength, recipe.Model.MaxActiveSequences)];
        var stage = recipe.Stages.Single(s => s.Name == stageName);
        var output = folder.OutputOf(recipe, stage);
        return AdapterFolder.IsAdapter(output)
            ? [.. Chain(runId, recipe, folder, recipe.BaseOf(stage)),
                new ModelReference(id, output, null, IdOf(runId, recipe.BaseOf(stage)), recipe.Model.DialogueTemplate,
                recipe.Model.MaxLength, recipe.Model.MaxActiveSequences)]
            : [new ModelReference(id, output, null, null, recipe.Model.DialogueTemplate, recipe.Model.MaxLength,
                recipe.Model.MaxActiveSequences)];
    }

    /// <summary>Loads a finished stage's model, and first, where it is an adapter, the model that it stands on. Returns its id.</summary>
    /// <exception cref="CheckpointException">One of them is not as the stage left it.</exception>
    public static async Task<string> EnsureLoaded(IModelHost host, string runId, Recipe recipe, RunFolder folder, string? stageName)
    {
        var id = IdOf(runId, stageName);
        if (!host.Status.Models.Contains(id))
            await Load(host, Chain(runId, recipe, folder, stageName), recipe);
        return id;
    }

    /// <summary>Loads models in order, each of which may stand on those before it.</summary>
    /// <exception cref="CheckpointException">One of them is not as the stage that wrote it left it.</exception>
    public static async Task Load(IModelHost host, IReadOnlyList<ModelReference> models, Recipe recipe)
    {
        foreach (var model in models.Where(m => !host.Status.Models.Contains(m.Id)))
        {
            if (model.Folder is { } own && own != recipe.Model.Path && FolderSeal.HashOf(own) is not null)
                FolderSeal.Check(own);
            await host.LoadAsync(model.Id, model.ToSource(), CancellationToken.None);
        }
    }

    /// <summary>Frees every model of a run.</summary>
    public static async Task UnloadAll(IModelHost host, string runId)
    {
        foreach (var model in host.Status.Models.Where(m => m.StartsWith(runId + "/", StringComparison.Ordinal)))
            await host.UnloadAsync(model);
    }

    private static InitialModelSettings ToSettings(InitRecipe init, ulong seed) =>
        new(init.HiddenSize, init.IntermediateSize, init.Layers, init.Heads, init.KeyValueHeads, init.MaxPositions, init.InitializerRange,
            seed);
}
