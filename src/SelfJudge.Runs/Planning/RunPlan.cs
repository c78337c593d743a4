using SelfJudge.Modeling.Planning;

namespace SelfJudge.Runs.Planning;

/// <summary>What a run will need.</summary>
/// <param name="Model">The model's folder; null for one of random weights.</param>
/// <param name="Parameters">Of the model's base weights.</param>
/// <param name="Memory">Bytes of the device, or of those that were asked for; null where unknown.</param>
/// <param name="Data">The data's files; null where lengths are assumed, which <paramref name="Notes"/> say.</param>
/// <param name="MaxLength">The longest sequence in tokens.</param>
/// <param name="Notes">What the figures do not tell.</param>
/// <param name="Seconds">Estimated for all steps of all stages; null where nothing was measured.</param>
public sealed record RunPlan(string Recipe, string? Model, long Parameters, string Device, string Dtype, int Workers, long? Memory,
    string? Data, int MaxLength, IReadOnlyList<StagePlan> Stages, IReadOnlyList<string> Notes, double? Seconds);

/// <summary>What a stage will need.</summary>
/// <param name="Steps">0 where epochs of unknown data are asked for.</param>
/// <param name="Held">Parameters in memory, those trained among them.</param>
/// <param name="CheckpointBytes">Of one checkpoint on disk.</param>
/// <param name="OutputBytes">Of the model or adapter that the stage leaves.</param>
/// <param name="DeviceBytes">Of all the memory that is the device's.</param>
/// <param name="Fits">Whether that is within the device's memory; null where that is unknown.</param>
/// <param name="Remedies">What would make it less, where it does not fit.</param>
/// <param name="Measured">What a dry run took; null where there was none.</param>
public sealed record StagePlan(string Name, string Method, int Steps, double Epochs, long Held, long Trained, BatchPlan Batch,
    IReadOnlyList<MemoryItem> Memory, long DeviceBytes, bool? Fits, IReadOnlyList<Remedy> Remedies, long CheckpointBytes,
    int CheckpointsKept, long OutputBytes, StageMeasurement? Measured);

/// <summary>The shapes of a step's batches, in tokens.</summary>
/// <param name="Sequences">That a step learns from; of a preference loss both responses of every pair.</param>
/// <param name="Longest">The longest of them.</param>
/// <param name="Packed">The largest batch that passes forward and backward at once, all workers together.</param>
/// <param name="TrainedPerStep">Tokens that a typical step learns from; the longest step's where there is no data.</param>
/// <param name="SampledPerStep">At most.</param>
/// <param name="JudgedPerStep">At most.</param>
/// <param name="ActiveSequences">Sequences generated at once.</param>
public sealed record BatchPlan(int Sequences, int Longest, long Packed, long TrainedPerStep, long SampledPerStep, long JudgedPerStep,
    int ActiveSequences);

/// <summary>A setting that makes a stage smaller.</summary>
/// <param name="Setting">What to set.</param>
/// <param name="DeviceBytes">What the stage would take with it alone.</param>
public sealed record Remedy(string Setting, long DeviceBytes);

/// <summary>What a dry run of a stage's longest step took, and a typical step's time.</summary>
/// <param name="PeakBytes">The most of the process's memory that was resident at once.</param>
/// <param name="GrownBytes">By how much that is more than before the first model was loaded.</param>
/// <param name="StepSeconds">Of a typical step: sampling, judging and training.</param>
public sealed record StageMeasurement(long? PeakBytes, long? GrownBytes, double StepSeconds, double SamplingSeconds, double JudgingSeconds,
    double TrainingSeconds);
