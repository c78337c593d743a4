using System.Globalization;
using SelfJudge.Modeling.Decoders;
using SelfJudge.Modeling.Files;

namespace SelfJudge.Modeling.Checkpoints;

/// <summary>Where training stood when a checkpoint was written. All randomness derives from the run's seed and these counters, so no
/// generator's state is needed.</summary>
/// <param name="RunStep">Optimizer steps of the whole run.</param>
/// <param name="Stage">The stage by name.</param>
/// <param name="StageStep">Optimizer steps of that stage; the learning-rate schedule's position.</param>
/// <param name="Epoch">The writer's: a later activation of the trainer has a higher one.</param>
/// <param name="Workers">Among which batches were divided. Another number changes the last bits.</param>
/// <param name="Counters">What else is counted, by name.</param>
public sealed record CheckpointState(long RunStep, string Stage, int StageStep, long Epoch, int Workers,
    IReadOnlyDictionary<string, double> Counters)
{
    public long Version { get; init; }
    public long OptimizerSteps { get; init; }
    public LoraConfig? Lora { get; init; }

    /// <summary>The hash of the seal on the model that the stage started from; null where that is none of the run's own.</summary>
    public string? StartedFrom { get; init; }
}

/// <summary>Another activation of the trainer has taken over the run; this one must not write.</summary>
public sealed class FencedException(long mine, long current)
    : InvalidOperationException($"this trainer writes under epoch {mine}, but epoch {current} has taken over the run: it must not write");

/// <summary>A checkpoint, or a model that a run wrote, that cannot be used: damaged, truncated, or of another shape.</summary>
public sealed class CheckpointException(string message) : IOException(message);

/// <summary>
/// The checkpoints of a run, each one file <c>step-N.safetensors</c> (<see cref="CheckpointFile"/>), which exists whole or
/// not at all.
/// </summary>
public sealed class CheckpointStore(string folder, int keep)
{
    private const string EpochFile = "epoch";
    private const string Prefix = "step-", Extension = ".safetensors";

    /// <summary>The epoch that may write; null before the first.</summary>
    /// <exception cref="CheckpointException">The file that says it is damaged.</exception>
    public long? CurrentEpoch()
    {
        var path = Path.Combine(folder, EpochFile);
        if (!File.Exists(path))
            return null;
        return long.TryParse(File.ReadAllText(path), NumberStyles.None, CultureInfo.InvariantCulture, out var epoch) ? epoch
            : throw new CheckpointException(
                $"{path} is damaged: it holds no number. Delete it, once no process executes the run: the run then goes on from its "
                + $"newest checkpoint");
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

    /// <summary>Writes a checkpoint, and when it is on disk deletes those beyond the kept number.</summary>
    /// <exception cref="FencedException">A later epoch has taken over.</exception>
    /// <exception cref="CheckpointException">The folder is gone.</exception>
    public void Write(CheckpointState state, TrainingSnapshot snapshot)
    {
        // Whoever takes over writes it anew in one rename: it is never away while the folder is there.
        var current = CurrentEpoch()
            ?? throw new CheckpointException(
            $"{Path.Combine(folder, EpochFile)} is gone: the folder was deleted or moved while the run was executed");
        if (current != state.Epoch)
            throw new FencedException(state.Epoch, current);
        AtomicFolder.WriteFile(Path.Combine(folder, $"{Prefix}{state.RunStep}{Extension}"), file =>
            CheckpointFile.Write(file, state, snapshot));
        foreach (var (step, path) in Steps().SkipLast(keep))
            if (step < state.RunStep)
                File.Delete(path);
    }

    /// <summary>
    /// The newest checkpoint that is whole, or null if there is none. <paramref name="warn"/> is told of each newer one
    /// that is not.
    /// </summary>
    /// <exception cref="CheckpointException">There are checkpoints, and all are damaged; or an earlier version of this program wrote
    /// them.</exception>
    public (CheckpointState State, Func<TrainingSnapshot> Load)? Newest(Action<string> warn)
    {
        if (Directory.Exists(folder) && Directory.EnumerateDirectories(folder, $"{Prefix}*").FirstOrDefault() is { } earlier)
            throw new CheckpointException(
                $"{earlier} is a checkpoint of an earlier version of this program, which wrote folders: go on with the run by that "
                + $"version, or delete {folder}, and its stage begins anew");
        var damaged = new List<string>();
        foreach (var (_, path) in Steps().Reverse())
            try
            {
                var state = CheckpointFile.ReadState(path);
                return (state, () => CheckpointFile.ReadSnapshot(path, state));
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
        [.. Directory.GetFiles(folder, $"{Prefix}*{Extension}")
            .Select(p =>
            (Step: long.TryParse(Path.GetFileNameWithoutExtension(p)[Prefix.Length..], NumberStyles.None, CultureInfo.InvariantCulture,
            out var step) ? step : -1, p)).Where(s => s.Step >= 0).OrderBy(s => s.Step)];
}
