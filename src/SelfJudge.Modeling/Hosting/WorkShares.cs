namespace SelfJudge.Modeling.Hosting;

/// <summary>Divides sequences among workers and into packed batches of bounded size. What it does depends on lengths and order only.</summary>
public static class WorkShares
{
    /// <summary>For each worker the indices of its items: the longest first, each to the worker with the least so far; within a worker in the original order.</summary>
    public static int[][] Balance(IReadOnlyList<int> lengths, int workers)
    {
        var shares = Enumerable.Range(0, workers).Select(_ => new List<int>()).ToArray();
        var loads = new long[workers];
        foreach (var i in Enumerable.Range(0, lengths.Count).OrderByDescending(i => lengths[i]).ThenBy(i => i))
        {
            var least = Array.IndexOf(loads, loads.Min());
            shares[least].Add(i);
            loads[least] += lengths[i];
        }
        return [.. shares.Select(s => s.Order().ToArray())];
    }

    /// <summary>Cuts items, in order, into batches of at most <paramref name="maxTokens"/> tokens; an item longer than that is a batch of its own.</summary>
    public static IEnumerable<int[]> Batches(IReadOnlyList<int> items, Func<int, int> length, int maxTokens)
    {
        var batch = new List<int>();
        var tokens = 0L;
        foreach (var item in items)
        {
            if (batch.Count > 0 && tokens + length(item) > maxTokens)
            {
                yield return [.. batch];
                batch.Clear();
                tokens = 0;
            }
            batch.Add(item);
            tokens += length(item);
        }
        if (batch.Count > 0)
            yield return [.. batch];
    }
}
