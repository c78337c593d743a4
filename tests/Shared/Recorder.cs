namespace SelfJudge.Tests.Shared;

/// <summary>What happened, in order, and a way to wait for more of it.</summary>
internal sealed class Recorder<T>
{
    // Far longer than anything here takes: it ends a test that waits for what never comes.
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(5);

    private readonly Lock _lock = new();
    private readonly List<T> _items = [];
    private TaskCompletionSource _added = New();

    public IReadOnlyList<T> Items
    {
        get
        {
            lock (_lock)
                return [.. _items];
        }
    }

    public void Add(T item)
    {
        TaskCompletionSource added;
        lock (_lock)
        {
            _items.Add(item);
            (added, _added) = (_added, New());
        }
        added.SetResult();
    }

    /// <summary>Waits until what happened fulfils a condition, and returns it.</summary>
    public async Task<IReadOnlyList<T>> Until(Func<IReadOnlyList<T>, Task<bool>> condition)
    {
        while (true)
        {
            Task added;
            IReadOnlyList<T> items;
            lock (_lock)
                (added, items) = (_added.Task, [.. _items]);
            if (await condition(items))
                return items;
            await added.WaitAsync(Limit);
        }
    }

    /// <inheritdoc cref="Until(Func{IReadOnlyList{T}, Task{bool}})"/>
    public Task<IReadOnlyList<T>> Until(Func<IReadOnlyList<T>, bool> condition) => Until(items => Task.FromResult(condition(items)));

    private static TaskCompletionSource New() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
