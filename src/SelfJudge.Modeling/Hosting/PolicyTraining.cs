using SelfJudge.Modeling.Checkpoints;
using SelfJudge.Modeling.Decoders;
using SelfJudge.Modeling.Learning;

namespace SelfJudge.Modeling.Hosting;

/// <summary>Training on a <see cref="ModelHost"/>: each call is one exclusive piece of work of the device thread.</summary>
/// <param name="referenceWeights">Those of the reference, in use until the training is disposed; null without one.</param>
internal sealed class PolicyTraining(ModelHost host, HostedModel policy, SharedWeights? referenceWeights, PolicyTrainer trainer,
    LoraConfig? lora) : IPolicyTraining
{
    private bool _isDisposed;

    public string Policy => policy.Id;

    public Task<StepReport> StepAsync(Objective objective, double learningRate) => host.RunExclusive(policy.Id, () =>
    {
        if (objective.Head != ScalarHead.None && objective.Head == ScalarHead.Value != policy.HasValueHead)
            throw new InvalidOperationException(
                $"the objective trains a scalar head as {objective.Head}, and the training was opened with another");
        var report = trainer.Step(objective, learningRate);
        policy.Version++;
        host.Meter.AddTrained(report.Tokens);
        return report;
    }, isTraining: true);

    public Task<TrainingSnapshot> SnapshotAsync(TrainingSnapshot? into = null) => host.RunExclusive(policy.Id, () => new TrainingSnapshot(
        lora, trainer.Trained.ToArrays(into?.Weights), trainer.Mean.ToArrays(into?.Mean), trainer.Variance.ToArrays(into?.Variance),
            policy.Version, trainer.Steps));

    public Task RestoreAsync(TrainingSnapshot snapshot) => host.RunExclusive(policy.Id, () =>
    {
        trainer.Trained.CopyFrom(snapshot.Weights);
        trainer.Mean.CopyFrom(snapshot.Mean);
        trainer.Variance.CopyFrom(snapshot.Variance);
        trainer.Steps = snapshot.OptimizerSteps;
        policy.Version = snapshot.Version;
        return true;
    });

    public async ValueTask DisposeAsync() => await host.RunExclusive(policy.Id, () =>
    {
        if (_isDisposed)
            return true;
        _isDisposed = true;
        trainer.Dispose();
        referenceWeights?.Release();
        host.Store.Freeze(policy);
        return true;
    });
}
