using SelfJudge.Abstractions;
using SelfJudge.Grains.Replicas;
using SelfJudge.Grains.Runs;
using SelfJudge.Modeling.Checkpoints;
using SelfJudge.Modeling.Hosting;
using SelfJudge.Preferences.Randomness;
using SelfJudge.Preferences.Recipes;

namespace SelfJudge.Grains.Training;

/// <summary>The models of a run on a host: the one it starts from, and one per stage.</summary>
internal static class RunModels
{
    public static string IdOf(string runId, string? stage) => stage is null ? $"{runId}/start" : $"{runId}/{stage}";

    /// <summary>The model that the run starts from.</summary>
    public static ModelReference StartOf(string runId, Recipe recipe) => new(IdOf(runId, null), recipe.Model.Path,
        recipe.Model.Path is null ? ToSettings(recipe.Model.Init, Seeds.Derive(recipe.Seed, "weights")) : null, null, recipe.Model.DialogueTemplate);

    /// <summary>Loads a finished stage's model, and first, where it is an adapter, the model that it stands on.</summary>
    public static async Task<string> EnsureLoaded(IModelHost host, string runId, Recipe recipe, RunFolder folder, string? stageName)
    {
        var id = IdOf(runId, stageName);
        if (host.Status.Models.Contains(id))
            return id;
        if (stageName is null)
        {
            await host.LoadAsync(id, StartOf(runId, recipe).ToSource(), CancellationToken.None);
            return id;
        }
        var stage = recipe.Stages.Single(s => s.Name == stageName);
        var output = folder.OutputOf(recipe, stage);
        var baseId = AdapterFolder.IsAdapter(output) ? await EnsureLoaded(host, runId, recipe, folder, stage.From) : null;
        await host.LoadAsync(id, new ModelSource(output, null, baseId, recipe.Model.DialogueTemplate), CancellationToken.None);
        return id;
    }

    /// <summary>Frees every model of a run.</summary>
    public static async Task UnloadAll(IModelHost host, string runId)
    {
        foreach (var model in host.Status.Models.Where(m => m.StartsWith(runId + "/", StringComparison.Ordinal)))
            await host.UnloadAsync(model);
    }

    private static InitialModelSettings ToSettings(InitRecipe init, ulong seed) =>
        new(init.HiddenSize, init.IntermediateSize, init.Layers, init.Heads, init.KeyValueHeads, init.MaxPositions, init.InitializerRange, seed);
}
