using SelfJudge.Tests.Shared;

namespace SelfJudge.Grains.Tests.Cluster;

/// <summary>A call that a grain has answered, or that was lost.</summary>
/// <param name="Grain">The key of the grain that was called.</param>
/// <param name="Caller">The key of the grain that called; null where a client did.</param>
internal sealed record GrainCall(string Method, string Grain, string? Caller, bool IsLost);

/// <summary>Sees every call between grains on a silo, those of the stream's and the storage's grains too, and can lose some.</summary>
internal sealed class GrainCalls : IIncomingGrainCallFilter, IOutgoingGrainCallFilter
{
    public const string Enqueue = "stream.Enqueue", WriteState = "storage.Write";

    public Recorder<GrainCall> Answered { get; } = new();

    /// <summary>Calls that have reached a grain; each is recorded in the turn in which it begins.</summary>
    public Recorder<(string Method, string Grain)> Begun { get; } = new();

    /// <summary>Calls that have ended, well or not.</summary>
    public Recorder<(string Method, string Grain)> Ended { get; } = new();

    /// <summary>Calls that never arrive: their callers see a timeout.</summary>
    public Func<string, string, bool> IsLost { get; set; } = (_, _) => false;

    /// <summary>After something was put onto a stream, before who did it hears of it: to wait.</summary>
    public Func<Task> AfterSend { get; set; } = () => Task.CompletedTask;

    /// <summary>How many calls of a method a grain has answered.</summary>
    public int Count(string method, string grain) => Answered.Items.Count(c => c.Method == method && c.Grain == grain && !c.IsLost);

    /// <summary>How often a prompt grain has put its triplets onto the stream.</summary>
    public int Sends(string prompt) => Answered.Items.Count(c => c.Method == Enqueue && c.Caller == prompt);

    public async Task Invoke(IIncomingGrainCallContext context)
    {
        if (context.InterfaceMethod.DeclaringType!.Namespace?.StartsWith(nameof(SelfJudge), StringComparison.Ordinal) != true)
        {
            await context.Invoke();
            return;
        }
        var (method, grain) = (context.MethodName, KeyOf(context.TargetId)!);
        Begun.Add((method, grain));
        if (IsLost(method, grain))
        {
            Answered.Add(new GrainCall(method, grain, KeyOf(context.SourceId), true));
            throw new TimeoutException("the call was lost");
        }
        try
        {
            await context.Invoke();
            Answered.Add(new GrainCall(method, grain, KeyOf(context.SourceId), false));
        }
        finally
        {
            Ended.Add((method, grain));
        }
    }

    public async Task Invoke(IOutgoingGrainCallContext context)
    {
        await context.Invoke();
        var method = context.InterfaceMethod.DeclaringType!.Name switch
        {
            "IMemoryStreamQueueGrain" when context.MethodName == "Enqueue" => Enqueue,
            "IMemoryStorageGrain" when context.MethodName.StartsWith("Write", StringComparison.Ordinal) => WriteState,
            _ => null,
        };
        if (method == Enqueue)
            await AfterSend();
        if (method is not null)
            Answered.Add(new GrainCall(method, KeyOf(context.TargetId)!, KeyOf(context.SourceId), false));
    }

    private static string? KeyOf(GrainId? grain) => grain?.Key.ToString();
}
