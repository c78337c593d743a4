using SelfJudge.Modeling.Decoders;
using SelfJudge.Modeling.Hosting;
using SelfJudge.Modeling.Workers;

namespace SelfJudge.Modeling.Planning;

/// <summary>What a stage of training keeps a host busy with, at its longest.</summary>
public sealed record StageLoad
{
    public required DecoderConfig Config { get; init; }

    /// <summary>The adapter that is trained; null where all weights are.</summary>
    public LoraConfig? Lora { get; init; }

    /// <summary>Bytes of an element of the frozen base weights: 4 for float32, 2 for bfloat16. What is trained is float32.</summary>
    public int FrozenBytes { get; init; } = 4;

    /// <summary>Whether the device is a CPU, which packs the matrices that it generates with.</summary>
    public bool IsCpu { get; init; }

    /// <summary>Workers among which a batch is divided, each with a gradient of its own.</summary>
    public int Workers { get; init; } = 1;

    public bool GradientCheckpointing { get; init; }

    /// <summary>Packed tokens that a worker passes forward and backward at once, unless one item is longer.</summary>
    public int MaxTokensPerBatch { get; init; } = 4096;

    /// <summary>Tokens of everything that the step learns from: of a sequence, or of a pair with its prompt twice.</summary>
    public IReadOnlyList<int> Trained { get; init; } = [];

    /// <summary>Tokens of the prompts that are sampled; none where the stage samples nothing.</summary>
    public IReadOnlyList<int> Prompts { get; init; } = [];

    /// <summary>Samples of each prompt.</summary>
    public int Samples { get; init; }

    /// <summary>The longest answer in tokens.</summary>
    public int MaxNewTokens { get; init; }

    /// <summary>Tokens of the judge prompts of a step.</summary>
    public IReadOnlyList<int> Judged { get; init; } = [];

    /// <summary>As <see cref="ModelHostOptions.MaxForwardTokens"/>.</summary>
    public int MaxForwardTokens { get; init; } = new ModelHostOptions().MaxForwardTokens;

    /// <summary>As <see cref="ModelHostOptions.PrefixCacheBytes"/>.</summary>
    public long PrefixCacheBytes { get; init; } = new ModelHostOptions().PrefixCacheBytes;

    /// <summary>As <see cref="ModelHostOptions.MaxActiveSequences"/>: of each worker.</summary>
    public int MaxActiveSequences { get; init; } = new ModelHostOptions().MaxActiveSequences;

    public long TrainedParameters => Lora is null ? ModelMemory.Parameters(Config) : ModelMemory.Parameters(Config, Lora);
}

/// <summary>Bytes for one purpose.</summary>
/// <param name="OnDevice">Whether they are the device's; those of the host's memory otherwise.</param>
public sealed record MemoryItem(string Role, long Bytes, bool OnDevice = true);

/// <summary>The memory of a stage by role.</summary>
public static class StageMemory
{
    public const string Base = "base weights", Policy = "policy weights", Adapter = "adapter", Gradients = "gradients",
        Optimizer = "optimizer state",
        Cache = "key-value cache", Activations = "activations", Checkpoint = "checkpoint in writing";

    /// <summary>
    /// What is held through the stage: base weights, which are reference and judge too; the policy's own weights, or its
    /// adapter; a gradient for each worker; AdamW's two moments.
    /// </summary>
    public static IReadOnlyList<MemoryItem> Held(StageLoad load)
    {
        var trained = ModelMemory.FloatBytes * load.TrainedParameters;
        return
        [
            new(Base, load.FrozenBytes * ModelMemory.Parameters(load.Config)),
            new(load.Lora is null ? Policy : Adapter, trained),
            new(Gradients, load.Workers * trained),
            new(Optimizer, 2 * trained),
        ];
    }

    /// <summary>
    /// All that the stage takes at its peak: what is held, the key-value cache, which stays once it has grown, the
    /// activations of the largest of training, judging and prefill, which come one after the other (on a CPU packed copies of
    /// the matrices and the keys and values of what was judged stand beside the last two, and are given back before a step), and in the
    /// host's memory the copy of what is trained while a checkpoint is written.
    /// </summary>
    public static IReadOnlyList<MemoryItem> Peak(StageLoad load) =>
    [
        .. Held(load),
        .. load.Prompts.Count == 0 ? [] : new[] { new MemoryItem(Cache, CacheBytes(load)) },
        new(Activations, Math.Max(TrainingBytes(load), ForwardBytes(load) + PackedBytes(load) + PrefixBytes(load))),
        new(Checkpoint, 3 * ModelMemory.FloatBytes * load.TrainedParameters, OnDevice: false),
    ];

    /// <summary>The largest packed batch of each worker, in tokens.</summary>
    public static IReadOnlyList<long> PackedTokens(IReadOnlyList<int> lengths, int workers, int maxTokens) =>
        [.. WorkShares.Balance(lengths, workers)
            .Select(share => WorkShares.Batches(share, i => lengths[i], maxTokens).Max(batch => (long?)batch.Sum(i => (long)lengths[i]))
            ?? 0)];

    /// <summary>
    /// The largest packed batch of each worker, in tokens, of sequences that may share beginnings in any way. What they
    /// share is not computed again, but it is not known beforehand: with nothing shared there is the most to do.
    /// </summary>
    public static IReadOnlyList<long> SharedTokens(IReadOnlyList<int> lengths, int workers, int maxTokens)
    {
        long total = lengths.Sum(n => (long)n), longest = lengths.DefaultIfEmpty().Max();
        var most = Math.Min(Math.Max(maxTokens, longest), total / workers + longest); // see WorkShares.Balance
        return [.. Enumerable.Range(0, workers).Select(i => Math.Clamp(total - i * most, 0, most))];
    }

    /// <summary>Sequences that all workers together generate at once.</summary>
    public static int ActiveSequences(StageLoad load) => Sequences(load).Sum();

    private static long TrainingBytes(StageLoad load) =>
        PackedTokens(load.Trained, load.Workers, load.MaxTokensPerBatch)
            .Sum(t => ModelMemory.Training(load.Config, load.Lora, t, load.GradientCheckpointing));

    private static long ForwardBytes(StageLoad load) =>
        new[] { SharedTokens(load.Judged, load.Workers, load.MaxForwardTokens),
            PackedTokens(load.Prompts, load.Workers, load.MaxForwardTokens) }.Max(batches =>
            batches.Sum(t => ModelMemory.Forward(load.Config, load.Lora, t)));

    private static long PackedBytes(StageLoad load) => load.IsCpu && load.Prompts.Count > 0
        ? ModelMemory.Packed(load.Config, load.Lora, isNarrow: load.Lora is not null && load.FrozenBytes < ModelMemory.FloatBytes) : 0;

    private static long PrefixBytes(StageLoad load) =>
        load.IsCpu ? ModelMemory.PrefixCache(load.Config, load.Judged.Sum(n => (long)n), load.PrefixCacheBytes) : 0;

    private static long CacheBytes(StageLoad load) =>
        Sequences(load).Sum(n =>
            ModelMemory.KeyValueCache(load.Config, ModelMemory.Slots(n, load.Samples),
                ModelMemory.Capacity(load.Config, load.Prompts.Max(), load.MaxNewTokens)));

    private static IEnumerable<int> Sequences(StageLoad load) =>
        WorkShares.Balance(load.Prompts, load.Workers)
            .Select(share => Math.Min(share.Length, Math.Max(1, load.MaxActiveSequences / Math.Max(1, load.Samples))) * load.Samples);
}
