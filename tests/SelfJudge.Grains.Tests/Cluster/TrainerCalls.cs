using SelfJudge.Grains.Training;

namespace SelfJudge.Grains.Tests.Cluster;

internal static class TrainerCalls
{
    /// <summary>A whole step.</summary>
    public static async Task<StepOutcome> TrainOnTriplets(this ITrainerGrain trainer, int step, int prompts, CancellationToken cancellation)
    {
        await trainer.BeginStep(step, prompts, cancellation);
        return await trainer.FinishStep(step);
    }
}
