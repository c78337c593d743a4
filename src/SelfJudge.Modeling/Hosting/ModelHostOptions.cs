using SelfJudge.Modeling.Kernels;
using SelfJudge.Modeling.Kernels.Cpu;
using SelfJudge.Modeling.Tensors;

namespace SelfJudge.Modeling.Hosting;

/// <summary>The type in which base weights are held that are not trained. What is trained is float32, and its optimizer's state
/// too.</summary>
public enum WeightDtype
{
    /// <summary>float32 on a processor, bfloat16 on a GPU.</summary>
    Auto,

#pragma warning disable CA1720 // The name that users write.
    Float32,
#pragma warning restore CA1720

    /// <summary>Half the memory; weights of other types are rounded when they are read.</summary>
    BFloat16,

    /// <summary>bfloat16 on a processor, and what is multiplied by such weights is rounded to it: results are some 3e-3 off.</summary>
    Rounded,
}

/// <summary>What <see cref="WeightDtype"/> means to whoever chooses one.</summary>
public static class WeightDtypes
{
    /// <summary>For the help of an option.</summary>
    public const string Meaning = "The type of weights that are not trained; auto is float32 on cpu and bfloat16 on a GPU. "
        + "rounded is bfloat16 on a cpu with avx512_bf16, whose products round activations to bfloat16 too: faster, and results differ "
            + "from exact ones by some 3e-3.";

    /// <summary>What is said wherever results come from rounded products.</summary>
    public const string Rounding = "activations rounded to bfloat16 in products (some 3e-3 off)";

    /// <summary>The type of a name as options have it.</summary>
    /// <exception cref="DeviceException">The device cannot compute with it.</exception>
    public static WeightDtype Resolve(string name, string device)
    {
        var dtype = Enum.Parse<WeightDtype>(name, ignoreCase: true);
        if (Problem(dtype, device) is { } problem)
            throw new DeviceException($"dtype {name}: {problem}");
        return dtype;
    }

    internal static string? Problem(WeightDtype dtype, string device) =>
        dtype != WeightDtype.Rounded ? null
        : device != TorchDevices.Cpu ? "it is for a cpu; on a GPU bfloat16 rounds what enters products anyway"
        : RoundedProduct.Problem is { } problem ? $"{problem}; bfloat16 needs nothing of the kind, and its products are exact"
        : null;
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
