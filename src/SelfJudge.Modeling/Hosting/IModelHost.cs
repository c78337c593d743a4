using SelfJudge.Modeling.Checkpoints;
using SelfJudge.Modeling.Learning;
using SelfJudge.Modeling.Sampling;
using SelfJudge.Modeling.Tokenizers;
using SelfJudge.Preferences.Judging;
using SelfJudge.Preferences.Sampling;

namespace SelfJudge.Modeling.Hosting;

/// <summary>
/// The models on one device. All tensor work happens on the host's own thread; callers on any thread hand in requests
/// and get managed values back. A full queue refuses at once, with <see cref="HostBusyException"/>.
/// </summary>
public interface IModelHost
{
    /// <summary>Unique in a cluster.</summary>
    string Name { get; }

    /// <summary>By which the host measures, and whoever waits for it or measures what it does.</summary>
    TimeProvider Time { get; }

    HostStatus Status { get; }

    /// <summary>What it computes on: <c>cpu</c>, or <c>cuda:N</c>; and, where it rounds activations, that it does.</summary>
    string Device { get; }

    /// <summary>Workers among which batches are divided.</summary>
    int Workers { get; }

    /// <summary>Loads a model under an id, or does nothing where the id is loaded already.</summary>
    Task LoadAsync(string model, ModelSource source, CancellationToken cancellation);

    /// <summary>Frees a model. Weights that another model's adapter stands on stay until that is freed too.</summary>
    Task UnloadAsync(string model);

    /// <summary>The tokenizer and templates of a loaded model: text is turned into ids by the caller.</summary>
    /// <exception cref="UnknownModelException">No model of that id is loaded.</exception>
    PromptEncoder EncoderOf(string model);

    /// <summary>What a loaded model is.</summary>
    ModelDescription DescriptionOf(string model);

    /// <summary>How many optimizer steps of the training that is open made the model what it is; 0 where none is.</summary>
    long VersionOf(string model);

    /// <summary>Samples a prompt once per seed.</summary>
    Task<SampledSequence[]> SampleAsync(string model, SamplePrompt prompt, Cohort? cohort, CancellationToken cancellation);

    /// <summary>The probabilities of the judge tokens after each prompt.</summary>
    Task<JudgeProbabilities[]> JudgeAsync(string model, IReadOnlyList<EncodedJudgePrompt> prompts, Cohort? cohort,
        CancellationToken cancellation);

    /// <summary>The scalar head's reading at the last token of each sequence: a reward model's rewards.</summary>
    /// <exception cref="ArgumentException">The model has no scalar head.</exception>
    Task<double[]> RewardsAsync(string model, IReadOnlyList<ResponseSequence> sequences, Cohort? cohort, CancellationToken cancellation);

    /// <summary>Samples a prompt once, and hands each token on as it is drawn.</summary>
    /// <param name="prompt">With one seed.</param>
    IAsyncEnumerable<int> StreamAsync(string model, SamplePrompt prompt, CancellationToken cancellation);

    /// <summary>log π(response | prompt) of each sequence, summed over the response's tokens, in nats. Sequences may be longer than the
    /// model's positions: rotary positions go on.</summary>
    Task<double[]> LogProbsAsync(string model, IReadOnlyList<ResponseSequence> sequences, CancellationToken cancellation);

    /// <summary>Makes a model to be trained, and what trains it.</summary>
    Task<IPolicyTraining> OpenTrainingAsync(TrainingSpec spec, CancellationToken cancellation);

    /// <summary>Writes a model: base weights as a Hugging Face folder, an adapter as a PEFT folder.</summary>
    Task SaveAsync(string model, string folder, string baseModelName);
}

/// <summary>A model in training. One at a time trains it; sampling from it goes on between steps, never during one.</summary>
public interface IPolicyTraining : IAsyncDisposable
{
    /// <summary>The id under which the trained model samples.</summary>
    string Policy { get; }

    /// <summary>One step on an objective. Only a training that was opened with them has a reference and a scalar head.</summary>
    /// <exception cref="InvalidOperationException">The objective needs one of them, and there is none.</exception>
    /// <exception cref="ArithmeticException">A loss, gradient or rate is not finite; that update was not made.</exception>
    Task<StepReport> StepAsync(Objective objective, double learningRate);

    /// <summary>A copy of everything that training has changed.</summary>
    /// <param name="into">An earlier copy that is needed no longer: its arrays are written over and taken for the new one.</param>
    Task<TrainingSnapshot> SnapshotAsync(TrainingSnapshot? into = null);

    /// <summary>Puts a copy back. It must be of the same shape.</summary>
    Task RestoreAsync(TrainingSnapshot snapshot);
}

/// <summary>Where a model comes from. Exactly one of <see cref="Folder"/> and <see cref="Initial"/> is given.</summary>
/// <param name="Folder">A Hugging Face model folder, or a PEFT adapter folder whose base is <paramref name="Base"/>.</param>
/// <param name="Initial">A model to be initialised at random.</param>
/// <param name="Base">The id of the loaded model that an adapter folder stands on.</param>
/// <param name="DialogueTemplate">The name of the template that its prompts use.</param>
/// <param name="MaxLength">The longest sequence in tokens that it is trained on and asked with, where that is to be shorter than its
/// positions.</param>
/// <param name="MaxActiveSequences">Sequences that a worker generates from it at once, where that is to be fewer than
/// <see cref="ModelHostOptions.MaxActiveSequences"/>.</param>
public sealed record ModelSource(string? Folder, InitialModel? Initial, string? Base, string DialogueTemplate, int? MaxLength = null,
    int? MaxActiveSequences = null);

/// <summary>A model of random weights, drawn by the seed, and the tokenizer whose ids it knows.</summary>
public sealed record InitialModel(Decoders.DecoderConfig Config, ulong Seed, TextTokenizer Tokenizer);

/// <summary>What a loaded model is.</summary>
/// <param name="TrainedParameters">Of its adapter, or of all weights where it has none.</param>
public sealed record ModelDescription(Decoders.DecoderConfig Config, Decoders.LoraConfig? Lora, long TrainedParameters)
{
    /// <summary>Whether it is a reward model.</summary>
    public bool HasScalarHead { get; init; }
}

/// <summary>What to train.</summary>
/// <param name="Policy">The id that the trained model gets.</param>
/// <param name="From">The loaded model that it starts from.</param>
/// <param name="Reference">The loaded model that preference losses compare with; null for supervised training.</param>
/// <param name="Lora">The adapter to train beside the weights of <paramref name="From"/>; null trains a copy of all weights.</param>
public sealed record TrainingSpec(string Policy, string From, string? Reference, Decoders.LoraConfig? Lora, ulong Seed,
    OptimizerOptions Optimizer)
{
    public ScalarHead Head { get; init; } = ScalarHead.None;
}

/// <summary>What a host is doing.</summary>
/// <param name="QueueLength">Requests not yet begun.</param>
/// <param name="BusySince">When the batch now running began; null where the host is idle.</param>
/// <param name="LastBatchFinished">When the last batch ended; null before the first.</param>
/// <param name="Models">Ids of the loaded models.</param>
public sealed record HostStatus(int QueueLength, DateTimeOffset? BusySince, DateTimeOffset? LastBatchFinished, IReadOnlyList<string> Models,
    HostTotals Totals);

/// <summary>Work done since the host started.</summary>
public sealed record HostTotals(long SampledTokens, long JudgedPrompts, long JudgedTokens, long TrainedTokens, double SamplingSeconds,
    double JudgingSeconds, double TrainingSeconds);

/// <summary>The queue is full. Back off and try again.</summary>
public sealed class HostBusyException(string host, int capacity)
    : InvalidOperationException(
        $"model host {host} has {capacity} requests waiting and takes no more for now; try again later, or raise its queue capacity");

/// <summary>A request names a model that the host has not loaded.</summary>
public sealed class UnknownModelException(string host, string model)
    : InvalidOperationException($"model host {host} has no model '{model}'; load it first");

/// <summary>Some members of a cohort never came.</summary>
public sealed class CohortIncompleteException(string key, int arrived, int size, TimeSpan waited)
    : TimeoutException($"only {arrived} of the {size} requests of batch '{key}' arrived within {waited.TotalSeconds:0} s");
