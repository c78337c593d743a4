namespace SelfJudge.Grains.Tests.Cluster;

/// <summary>A place in the code under test where it stops until the test lets it go on.</summary>
internal sealed class Gate
{
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(5);

    private readonly TaskCompletionSource _reached = new(TaskCreationOptions.RunContinuationsAsynchronously),
        _open = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Ends when somebody stands before the gate.</summary>
    public Task Reached => _reached.Task.WaitAsync(Limit);

    public void Open() => _open.TrySetResult();

    /// <summary>Stands before the gate until it is open.</summary>
    public Task Pass()
    {
        _reached.TrySetResult();
        return _open.Task.WaitAsync(Limit);
    }
}
