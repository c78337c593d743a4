using SelfJudge.Modeling.Kernels;
using SelfJudge.Modeling.Native;

namespace SelfJudge.Modeling.Hosting;

/// <summary>The type in which base weights are held that are not trained. What is trained is float32, and its optimizer's state too.</summary>
public enum WeightDtype
{
    /// <summary>float32 on a processor, bfloat16 on a GPU.</summary>
    Auto,

#pragma warning disable CA1720 // The name that users write.
    Float32,
#pragma warning restore CA1720

    /// <summary>Half the memory; weights of other types are rounded when they are read.</summary>
    BFloat16,
}

/// <summary>How a model host uses its device.</summary>
public sealed record ModelHostOptions
{
    public string Name { get; init; } = "host-0";

    /// <summary><c>cpu</c>, or <c>cuda:N</c>.</summary>
    public string Device { get; init; } = TorchDevices.Cpu;

    public WeightDtype Dtype { get; init; }

    /// <summary>Other kernels than the device's own, to have a GPU's code run on a processor.</summary>
    internal IKernels? Kernels { get; init; }

    /// <summary>Workers among which a batch is divided on a CPU: its cores. A GPU has one.</summary>
    public int Workers { get; init; } = Environment.ProcessorCount;

    /// <summary>Requests that may wait; one more is refused.</summary>
    public int QueueCapacity { get; init; } = 8192;

    /// <summary>Packed tokens that a worker passes forward at once where no gradient is kept.</summary>
    public int MaxForwardTokens { get; init; } = 8192;

    /// <summary>Memory on a CPU for keys and values of what was read last, from which sequences that begin like it go on.</summary>
    public long PrefixCacheBytes { get; init; } = 64 << 20;

    /// <summary>Sequences that a worker generates at once.</summary>
    public int MaxActiveSequences { get; init; } = 512;

    /// <summary>Tokens by which running generations advance before other requests get their turn.</summary>
    public int SliceTokens { get; init; } = 8;

    /// <summary>How long an idle host waits for further requests after the first, so that they form one batch.</summary>
    public TimeSpan BatchWindow { get; init; } = TimeSpan.FromMilliseconds(2);

    /// <summary>How long the members of a cohort wait for each other.</summary>
    public TimeSpan CohortTimeout { get; init; } = TimeSpan.FromMinutes(2);
}
