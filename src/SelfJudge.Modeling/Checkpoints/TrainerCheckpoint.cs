using System.Globalization;
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

    /// <summary>The hash of the seal on the model that the stage started from; null where that is none of the run's own.</summary>
    public string? StartedFrom { get; init; }

    /// <summary>Where an earlier version of this program wrote the checkpoint: its seal, which stood here.</summary>
    public IReadOnlyDictionary<string, FileSeal>? Files { get; init; }
}

/// <summary>Another activation of the trainer has taken over the run; this one must not write.</summary>
public sealed class FencedException(long mine, long current)
    : InvalidOperationException($"this trainer writes under epoch {mine}, but epoch {current} has taken over the run: it must not write");

/// <summary>A checkpoint, or a model that a run wrote, that cannot be used: damaged, truncated, or of another shape.</summary>
public sealed class CheckpointException(string message) : IOException(message);

/// <summary>
/// The checkpoints of a run, in folders <c>step-N</c>: the trained weights as a Hugging Face or PEFT folder holds them,
/// the optimizer's state, and <c>state.json</c>, under one <see cref="FolderSeal"/>. A checkpoint exists whole or not at all.
/// </summary>
public sealed class CheckpointStore(string folder, int keep)
{
    private const string StateFile = "state.json";
    private const string OptimizerFile = "optimizer.safetensors";
    private const string ModelFile = "model.safetensors";
    private const string AdapterFile = "adapter_model.safetensors";
    private const string EpochFile = "epoch";

    private static readonly JsonSerializerOptions Json = new() { WriteIndented = true, PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower, UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull, RespectNullableAnnotations = true, RespectRequiredConstructorParameters = true };

    /// <summary>The epoch that may write; null before the first.</summary>
    /// <exception cref="CheckpointException">The file that says it is damaged.</exception>
    public long? CurrentEpoch()
    {
        var path = Path.Combine(folder, EpochFile);
        if (!File.Exists(path))
            return null;
        return long.TryParse(File.ReadAllText(path), NumberStyles.None, CultureInfo.InvariantCulture, out var epoch) ? epoch
            : throw new CheckpointException($"{path} is damaged: it holds no number. Delete it, once no process executes the run: the run then goes on from its newest checkpoint");
    }

    /// <summary>Takes over the run: returns an epoch higher than any before, which alone may write from now on.</summary>
    public long TakeOver(long atLeast = 0)
    {
        Directory.CreateDirectory(folder);
        AtomicFolder.Clean(folder);
        var epoch = Math.Max(CurrentEpoch() ?? 0, atLeast) + 1;
        AtomicFolder.WriteFile(Path.Combine(folder, EpochFile), epoch.ToString());
        return epoch;
    }

    /// <summary>Writes a checkpoint and deletes those beyond the kept number.</summary>
    /// <exception cref="FencedException">A later epoch has taken over.</exception>
    /// <exception cref="CheckpointException">The folder is gone.</exception>
    public void Write(CheckpointState state, TrainingSnapshot snapshot, string baseModel)
    {
        // Whoever takes over writes it anew in one rename: it is never away while the folder is there.
        var current = CurrentEpoch() ?? throw new CheckpointException($"{Path.Combine(folder, EpochFile)} is gone: the folder was deleted or moved while the run was executed");
        if (current != state.Epoch)
            throw new FencedException(state.Epoch, current);
        AtomicFolder.Write(Path.Combine(folder, $"step-{state.RunStep}"), temporary =>
        {
            if (snapshot.Lora is { } lora)
                AdapterFolder.WriteFiles(temporary, lora, baseModel, snapshot.Weights);
            else
                ModelFolder.WriteFiles(temporary, snapshot.Model, snapshot.Weights);
            SafeTensors.Write(Path.Combine(temporary, OptimizerFile), [.. Prefixed("mean.", snapshot.Mean), .. Prefixed("variance.", snapshot.Variance)]);
            var whole = state with
            {
                Version = snapshot.Version,
                OptimizerSteps = snapshot.OptimizerSteps,
                Lora = snapshot.Lora,
            };
            File.WriteAllText(Path.Combine(temporary, StateFile), JsonSerializer.Serialize(whole, Json));
            FolderSeal.Write(temporary);
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

    /// <summary>The step of the newest checkpoint, whole or not; null before the first.</summary>
    public long? NewestStep => Steps() is [.., var newest] ? newest.Step : null;

    private (long Step, string Path)[] Steps() => !Directory.Exists(folder) ? [] :
        [.. Directory.GetDirectories(folder, "step-*").Select(p => (Step: long.TryParse(Path.GetFileName(p)[5..], out var step) ? step : -1, p)).Where(s => s.Step >= 0).OrderBy(s => s.Step)];

    private static CheckpointState ReadState(string path)
    {
        try
        {
            var isSealed = File.Exists(Path.Combine(path, FolderSeal.FileName));
            if (isSealed)
                FolderSeal.Check(path);
            var state = JsonSerializer.Deserialize<CheckpointState>(File.ReadAllText(Path.Combine(path, StateFile)), Json) ?? throw new JsonException("it is empty");
            if (!isSealed)
                FolderSeal.Check(path, state.Files ?? throw new CheckpointException($"{path} is damaged: {FolderSeal.FileName} is missing"));
            return state;
        }
        catch (CheckpointException e)
        {
            throw new CheckpointException($"checkpoint {e.Message}");
        }
        catch (Exception e) when (e is JsonException or IOException or UnauthorizedAccessException)
        {
            throw new CheckpointException($"checkpoint {path} is damaged: {StateFile}: {e.Message}");
        }
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
}
