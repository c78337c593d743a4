namespace SelfJudge.Modeling.Hosting;

/// <summary>How a model host uses its device.</summary>
public sealed record ModelHostOptions
{
    public string Name { get; init; } = "host-0";

    /// <summary>Workers among which a batch is divided on a CPU: its cores.</summary>
    public int Workers { get; init; } = Environment.ProcessorCount;

    /// <summary>Requests that may wait; one more is refused.</summary>
    public int QueueCapacity { get; init; } = 8192;

    /// <summary>Packed tokens that a worker passes forward at once where no gradient is kept.</summary>
    public int MaxForwardTokens { get; init; } = 8192;

    /// <summary>Sequences that a worker generates at once.</summary>
    public int MaxActiveSequences { get; init; } = 512;

    /// <summary>Tokens by which running generations advance before other requests get their turn.</summary>
    public int SliceTokens { get; init; } = 8;

    /// <summary>How long an idle host waits for further requests after the first, so that they form one batch.</summary>
    public TimeSpan BatchWindow { get; init; } = TimeSpan.FromMilliseconds(2);

    /// <summary>How long the members of a cohort wait for each other.</summary>
    public TimeSpan CohortTimeout { get; init; } = TimeSpan.FromMinutes(2);
}
