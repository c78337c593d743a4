using SelfJudge.Preferences.Recipes;

namespace SelfJudge.Runs.Judging;

/// <summary>Who compares a run's policies, by its recipe, and what is to be said of it.</summary>
/// <param name="Description">How reports call it.</param>
/// <param name="IsIndependent">Whether it had no part in training the policies.</param>
internal sealed record EvaluationJudge(JudgeRef Judge, string Name, string Description, bool IsIndependent)
{
    public bool IsOracle => Judge is JudgeRef.Oracle;

    public static EvaluationJudge Of(Recipe recipe)
    {
        var judge = recipe.EvaluationJudge();
        var trains = recipe.Stages.Any(s => s.Spec.IsRollout && recipe.JudgeOf(s) == judge);
        var too = trains ? ", which judged in training too; not independent" : "";
        EvaluationJudge Say(string name, string description, bool isIndependent) => new(judge, name, description, isIndependent);
        return judge switch
        {
            JudgeRef.Oracle => Say(judge.Name, $"the world's gold oracle{(trains ? too : ", which training never asks")}", !trains),
            JudgeRef.Endpoint { At: var endpoint } => Say(judge.Name, $"{endpoint.Model} at {endpoint.Address}{too}", !trains),
            JudgeRef.Folder => Say(judge.Name, $"{judge.Name}{too}", !trains),
            // Whatever stage it is, its policies descend from the same model, or were trained by its verdicts.
            JudgeRef.Stage => Say(judge.Name, $"{judge.Name}, the model's own judge; not independent", false),
            _ => Say(recipe.Model.Path ?? judge.Name, $"{judge.Called}, the model's own judge; not independent", false),
        };
    }
}
