using SelfJudge.Modeling.Checkpoints;
using SelfJudge.Preferences.Recipes;
using SelfJudge.Runs.Folders;

namespace SelfJudge.Runs.Stages;

/// <summary>Finds where a stage goes on: the checkpoints of a run's stages follow each other in one folder.</summary>
internal static class StageCheckpoint
{
    /// <summary>The newest checkpoint of a stage; null where it has none. What lies ahead of the stage is of an earlier life of the run:
    /// its steps are logged no more, and the models that it came from may be others by now.</summary>
    /// <exception cref="CheckpointException">The newest is of a stage that cannot have come before, or of another model.</exception>
    public static (CheckpointState State, Func<TrainingSnapshot> Load)? NewestOf(string stage, string? startedFrom, Recipe recipe,
        RunFolder folder, CheckpointStore checkpoints, Action<string> warn)
    {
        if (checkpoints.Newest(warn) is not { State: var state } newest)
            return null;
        var names = recipe.Stages.Select(s => s.Name).ToList();
        var remedy = $"put back what is missing, or delete {folder.Checkpoints}: stage {stage} then begins anew";
        if (!names.Contains(state.Stage))
            throw new CheckpointException(
                $"{folder.Checkpoints} holds step {state.RunStep} of a stage '{state.Stage}', "
                + $"which {folder.Recipe} does not have: {remedy}");
        if (names.IndexOf(state.Stage) > names.IndexOf(stage))
            throw new CheckpointException(
                $"{folder.Checkpoints} holds step {state.RunStep} of stage {state.Stage}, but by {folder.StageResults} and "
                + $"{folder.Stages} stage {stage} before it is not finished: {remedy}");
        if (state.Stage != stage)
            return null;
        return state.StartedFrom == startedFrom ? newest
            : throw new CheckpointException(
                $"{folder.Checkpoints} holds step {state.RunStep} of stage {stage}, which was made from another model than stage "
                + $"{recipe.Stages.Single(s => s.Name == stage).From} has left: {remedy}");
    }
}
