using SelfJudge.Preferences.Sampling;

namespace SelfJudge.Modeling.Sampling;

/// <summary>A completion as sampled.</summary>
/// <param name="Ids">The sampled tokens; the end token is among them only if the policy emitted it.</param>
/// <param name="LogProbs">Of each of them under the model, untruncated at temperature 1, in nats.</param>
/// <param name="PolicyVersion">The version of the policy that sampled it, all of it.</param>
public sealed record SampledSequence(int[] Ids, float[] LogProbs, FinishReason Finish, ulong Seed, long PolicyVersion);

/// <summary>A prompt to be sampled, once for each seed.</summary>
public sealed record SamplePrompt(int[] Prompt, IReadOnlyList<ulong> Seeds, SamplingOptions Options);

/// <summary>The sampling of one prompt: what is asked, and what has come of it.</summary>
/// <param name="request">What is asked.</param>
/// <param name="onToken">Is told each token as it is drawn, on the thread that draws it: for a single sample that somebody reads
/// meanwhile.</param>
public sealed class GenerationJob(SamplePrompt request, CancellationToken cancellation, Action<int>? onToken = null)
{
    private readonly SampledSequence?[] _results = new SampledSequence?[request.Seeds.Count];
    private readonly TaskCompletionSource<SampledSequence[]> _completion = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _open = request.Seeds.Count;

    public SamplePrompt Request { get; } = request;

    /// <summary>Nobody waits for it any more.</summary>
    public bool IsAbandoned => cancellation.IsCancellationRequested || _completion.Task.IsCompleted;

    /// <summary>The samples in the order of their seeds.</summary>
    public Task<SampledSequence[]> Result => _completion.Task;

    public void Drawn(int token) => onToken?.Invoke(token);

    public void Finish(int sample, SampledSequence sequence)
    {
        _results[sample] = sequence;
        if (--_open == 0)
            _completion.TrySetResult(_results!);
    }

    public void Fail(Exception reason) => _completion.TrySetException(reason);

    public void Abandon() => _completion.TrySetCanceled(cancellation);
}
