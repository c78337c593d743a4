namespace SelfJudge.Modeling.Hosting;

/// <summary>Something that the device thread does without a break.</summary>
internal abstract record HostStep;

/// <summary>Samples of a model begin: a cohort's together, or a single request's. Slices compute them.</summary>
internal sealed record Admission(string Model, IReadOnlyList<GenerateWork> Work) : HostStep;

/// <summary>A batch of readings of one kind from one model.</summary>
internal sealed record Reading(IReadOnlyList<ReadWork> Work) : HostStep;

/// <summary>All that generates advances by some tokens.</summary>
internal sealed record GenerationSlice : HostStep;

/// <summary>Something runs alone.</summary>
internal sealed record ExclusiveStep(ExclusiveWork Work) : HostStep;
