using SelfJudge.Preferences.Recipes;

namespace SelfJudge.Runs.Judging;

/// <summary>Who compares a run's policies, by its recipe.</summary>
/// <param name="Description">How reports call it.</param>
/// <param name="IsIndependent">Whether it had no part in training the policies.</param>
/// <param name="Stage">The stage whose model it is; null for the model that the run starts from.</param>
/// <param name="Folder">A model from elsewhere.</param>
/// <param name="Endpoint">One that is no model of ours.</param>
internal sealed record EvaluationJudge(string Name, string Description, bool IsIndependent, bool IsOracle, string? Stage, string? Folder, JudgeEndpoint? Endpoint = null)
{
    public static EvaluationJudge Of(Recipe recipe, EvaluationRecipe evaluation)
    {
        var named = evaluation.Judge ?? (recipe.Data.WorldPairs > 0 ? EvaluationRecipe.Oracle : recipe.Stages.FirstOrDefault(s => s.Spec.TeachesJudging)?.Name);
        var trains = recipe.Stages.Any(s => named is not null && s.Judge == named);
        if (named == EvaluationRecipe.Oracle)
            return new EvaluationJudge(named, trains ? "the world's gold oracle, which judged in training too; not independent" : "the world's gold oracle, which training never asks", !trains, true, null, null);
        if (recipe.Judge.EndpointOf(named) is { } endpoint)
            return new EvaluationJudge(named!, $"{endpoint.Model} at {endpoint.Address}{(trains ? ", which judged in training too; not independent" : "")}", !trains, false, null, null, endpoint);
        // Whatever stage it is, its policies descend from the same model, or were trained by its verdicts.
        if (recipe.Stages.Any(s => s.Name == named))
            return new EvaluationJudge(named!, $"{named}, the model's own judge; not independent", false, false, named, null);
        return named is null or EvaluationRecipe.Start || recipe.Model.Path is { } start && Path.GetFullPath(start) == Path.GetFullPath(named)
            ? new EvaluationJudge(recipe.Model.Path ?? "start", $"{EvaluationRecipe.Called(EvaluationRecipe.Start)}, the model's own judge; not independent", false, false, null, null)
            : new EvaluationJudge(named, named, true, false, null, named);
    }
}
