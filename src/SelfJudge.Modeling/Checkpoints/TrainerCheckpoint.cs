using System.IO.Hashing;
using System.Text.Json;
using System.Text.Json.Serialization;
using SelfJudge.Modeling.Hosting;
using SelfJudge.Modeling.Llama;

namespace SelfJudge.Modeling.Checkpoints;

/// <summary>Where training stood when a checkpoint was written. All randomness derives from the run's seed and these counters, so no generator's state is needed.</summary>
/// <param name="RunStep">Optimizer steps of the whole run.</param>
/// <param name="Stage">The stage by name.</param>
/// <param name="StageStep">Optimizer steps of that stage; the learning-rate schedule's position.</param>
/// <param name="Epoch">The writer's: a later activation of the trainer has a higher one.</param>
/// <param name="Workers">Among which batches were divided. Another number changes the last bits.</param>
/// <param name="Counters">What else is counted, by name.</param>
public sealed record CheckpointState(long RunStep, string Stage, int StageStep, long Epoch, int Workers, IReadOnlyDictionary<string, double> Counters)
{
    public long Version { get; init; }
    public long OptimizerSteps { get; init; }
    public LoraConfig? Lora { get; init; }

    /// <summary>Length and XXH3 hash of every file, by name.</summary>
    public IReadOnlyDictionary<string, FileSeal> Files { get; init; } = new Dictionary<string, FileSeal>();
}

/// <summary>What a file must be to be trusted.</summary>
public sealed record FileSeal(long Length, string Hash);

/// <summary>Another activation of the trainer has taken over the run; this one must not write.</summary>
public sealed class FencedException(long mine, long current)
    : InvalidOperationException($"this trainer writes under epoch {mine}, but epoch {current} has taken over the run: it must not write");

/// <summary>A checkpoint that cannot be used: damaged, truncated, or of another shape.</summary>
public sealed class CheckpointException(string message) : IOException(message);

/// <summary>
/// The checkpoints of a run, in folders <c>step-N</c>: the trained weights as a Hugging Face or PEFT folder holds them,
/// the optimizer's state, and <c>state.json</c>, which seals them. A checkpoint exists whole or not at all.
/// </summary>
public sealed class CheckpointStore(string folder, int keep)
{
    private const string StateFile = "state.json";
    private const string OptimizerFile = "optimizer.safetensors";
    private const string ModelFile = "model.safetensors";
    private const string AdapterFile = "adapter_model.safetensors";
    private const string EpochFile = "epoch";

    private static readonly JsonSerializerOptions Json = new() { WriteIndented = true, PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower, UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow };

    /// <summary>The epoch that may write; 0 before the first.</summary>
    public long CurrentEpoch()
    {
        var path = Path.Combine(folder, EpochFile);
        return File.Exists(path) ? long.Parse(File.ReadAllText(path)) : 0;
    }

    /// <summary>Takes over the run: returns an epoch higher than any before, which alone may write from now on.</summary>
    public long TakeOver(long atLeast = 0)
    {
        Directory.CreateDirectory(folder);
        AtomicFolder.Clean(folder);
        var epoch = Math.Max(CurrentEpoch(), atLeast) + 1;
        AtomicFolder.WriteFile(Path.Combine(folder, EpochFile), epoch.ToString());
        return epoch;
    }

    /// <summary>Writes a checkpoint and deletes those beyond the kept number.</summary>
    /// <exception cref="FencedException">A later epoch has taken over.</exception>
    public void Write(CheckpointState state, TrainingSnapshot snapshot, string baseModel)
    {
        if (CurrentEpoch() is var current && current != state.Epoch)
            throw new FencedException(state.Epoch, current);
        AtomicFolder.Write(Path.Combine(folder, $"step-{state.RunStep}"), temporary =>
        {
            if (snapshot.Lora is { } lora)
                AdapterFolder.WriteFiles(temporary, lora, baseModel, snapshot.Weights);
            else
                ModelFolder.WriteFiles(temporary, snapshot.Model, snapshot.Weights);
            SafeTensors.Write(Path.Combine(temporary, OptimizerFile), [.. Prefixed("mean.", snapshot.Mean), .. Prefixed("variance.", snapshot.Variance)]);
            var sealedState = state with
            {
                Version = snapshot.Version,
                OptimizerSteps = snapshot.OptimizerSteps,
                Lora = snapshot.Lora,
                Files = Directory.GetFiles(temporary).ToDictionary(f => Path.GetFileName(f), Seal),
            };
            File.WriteAllText(Path.Combine(temporary, StateFile), JsonSerializer.Serialize(sealedState, Json));
        });
        foreach (var (step, path) in Steps().SkipLast(keep))
            if (step < state.RunStep)
                AtomicFolder.Delete(path);
    }

    /// <summary>
    /// The newest checkpoint that is whole, or null if there is none. <paramref name="warn"/> is told of each newer one
    /// that is not.
    /// </summary>
    /// <exception cref="CheckpointException">There are checkpoints, and all are damaged.</exception>
    public (CheckpointState State, Func<LlamaConfig, TrainingSnapshot> Load)? Newest(Action<string> warn)
    {
        var damaged = new List<string>();
        foreach (var (_, path) in Steps().Reverse())
            try
            {
                var state = ReadState(path);
                return (state, config => Read(path, state, config));
            }
            catch (CheckpointException e)
            {
                damaged.Add(e.Message);
                warn($"{e.Message}; falling back to the checkpoint before it");
            }
        if (damaged.Count > 0)
            throw new CheckpointException($"no checkpoint in {folder} can be used: {string.Join("; ", damaged)}");
        return null;
    }

    private (long Step, string Path)[] Steps() => !Directory.Exists(folder) ? [] :
        [.. Directory.GetDirectories(folder, "step-*").Select(p => (Step: long.TryParse(Path.GetFileName(p)[5..], out var step) ? step : -1, p)).Where(s => s.Step >= 0).OrderBy(s => s.Step)];

    private static CheckpointState ReadState(string path)
    {
        CheckpointState state;
        try
        {
            state = JsonSerializer.Deserialize<CheckpointState>(File.ReadAllText(Path.Combine(path, StateFile)), Json) ?? throw new JsonException("empty");
        }
        catch (Exception e) when (e is JsonException or IOException)
        {
            throw new CheckpointException($"checkpoint {path} is damaged: {StateFile}: {e.Message}");
        }
        foreach (var (name, seal) in state.Files)
        {
            var file = Path.Combine(path, name);
            if (!File.Exists(file))
                throw new CheckpointException($"checkpoint {path} is damaged: {name} is missing");
            if (new FileInfo(file).Length is var length && length != seal.Length)
                throw new CheckpointException($"checkpoint {path} is damaged: {name} has {length} bytes instead of {seal.Length}");
            if (Seal(file) != seal)
                throw new CheckpointException($"checkpoint {path} is damaged: the content of {name} has changed since it was written");
        }
        return state;
    }

    private static TrainingSnapshot Read(string path, CheckpointState state, LlamaConfig config)
    {
        using var weights = new SafeTensorsReader(Path.Combine(path, state.Lora is null ? ModelFile : AdapterFile));
        using var optimizer = new SafeTensorsReader(Path.Combine(path, OptimizerFile));
        List<NamedArray> Under(SafeTensorsReader reader, string prefix) =>
            [.. reader.Tensors.Values.Where(t => t.Name.StartsWith(prefix, StringComparison.Ordinal)).Select(t => new NamedArray(t.Name[prefix.Length..], t.Shape, reader.ReadFloats(t.Name)))];
        return new TrainingSnapshot(config, state.Lora, Under(weights, ""), Under(optimizer, "mean."), Under(optimizer, "variance."), state.Version, state.OptimizerSteps);
    }

    private static IEnumerable<NamedArray> Prefixed(string prefix, IReadOnlyList<NamedArray> arrays) => arrays.Select(a => a with { Name = prefix + a.Name });

    private static FileSeal Seal(string path)
    {
        using var file = File.OpenRead(path);
        var hash = new XxHash3();
        hash.Append(file);
        return new FileSeal(file.Length, Convert.ToHexStringLower(hash.GetCurrentHash()));
    }
}
