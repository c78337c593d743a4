using System.Runtime.InteropServices;

namespace SelfJudge.Modeling.Hosting;

/// <summary>A host's memory did not suffice for a piece of work. The host goes on; the message says what to lower.</summary>
public sealed class HostMemoryException(string message, Exception? inner = null) : Exception(message, inner);

/// <summary>Failures for want of memory, as their callers are to hear of them.</summary>
internal static class HostMemory
{
    /// <summary>The failure itself, or, where memory ran out, one that says under which work and what to lower.</summary>
    public static Exception Told(Exception failure, string host, WorkKind kind, string model) => !RanOut(failure) ? failure
        : new HostMemoryException(
            $"model host {host} ran out of memory {Doing(kind)} '{model}': {Remedy(kind)}; 'plan' says what a recipe takes", failure);

    // LibTorch says it in words only, on a CPU as on a GPU.
    private static bool RanOut(Exception failure) => failure is OutOfMemoryException or HostMemoryException
        || failure is ExternalException && (failure.Message.Contains("out of memory", StringComparison.OrdinalIgnoreCase)
            || failure.Message.Contains("allocate memory", StringComparison.OrdinalIgnoreCase)
                || failure.Message.Contains("not enough memory", StringComparison.OrdinalIgnoreCase));

    private static string Doing(WorkKind kind) => kind switch
    {
        WorkKind.Sampling => "while it sampled from",
        WorkKind.Judging => "while it judged with",
        WorkKind.Training => "while it trained",
        _ => "while it worked on",
    };

    private static string Remedy(WorkKind kind) => kind switch
    {
        WorkKind.Sampling => "lower model.max_active_sequences or sampling.max_new_tokens",
        WorkKind.Judging => "lower model.max_length",
        WorkKind.Training => "lower optimizer.max_tokens_per_batch, set optimizer.gradient_checkpointing, or train an adapter",
        _ => "take a smaller model, or train adapters, which share the weights that they stand on",
    };
}
