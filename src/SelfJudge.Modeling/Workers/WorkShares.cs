using SelfJudge.Modeling.Decoders;

namespace SelfJudge.Modeling.Workers;

/// <summary>Divides sequences among workers and into packed batches of bounded size. What it does depends on lengths and order
/// only.</summary>
public static class WorkShares
{
    /// <summary>For each worker the indices of its items: the longest first, each to the worker with the least so far; within a worker in
    /// the original order.</summary>
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

    /// <summary>
    /// Stretches of sequences that share beginnings, one for each worker: those that share stay together as far as that
    /// leaves the largest number of tokens that a worker computes as small as stretches can make it. None computes more
    /// than its part of all tokens and one sequence.
    /// </summary>
    public static Range[] Balance(PrefixOrder order, int workers)
    {
        var alone = Enumerable.Range(0, order.Count).Select(i => (long)order.Computed(i, alone: true)).ToArray();
        long least = alone.DefaultIfEmpty().Max(), most = alone.Sum();
        while (least < most)
        {
            var middle = least + (most - least) / 2;
            if (Batches(order, .., middle).Count > workers)
                least = middle + 1;
            else
                most = middle;
        }
        var shares = Batches(order, .., most);
        return [.. shares, .. Enumerable.Repeat(order.Count..order.Count, workers - shares.Count)];
    }

    /// <summary>Cuts a stretch of sequences that share beginnings into batches of at most <paramref name="maxTokens"/> tokens to compute; a
    /// sequence longer than that begins a batch.</summary>
    public static IReadOnlyList<Range> Batches(PrefixOrder order, Range stretch, long maxTokens)
    {
        var batches = new List<Range>();
        var (begin, count) = stretch.GetOffsetAndLength(order.Count);
        var (end, tokens) = (begin + count, 0L);
        for (var i = begin; i < end; i++)
        {
            var added = order.Computed(i, alone: false);
            if (i > begin && tokens + added > maxTokens)
            {
                batches.Add(begin..i);
                begin = i;
            }
            tokens = i == begin ? order.Computed(i, alone: true) : tokens + added;
        }
        if (begin < end)
            batches.Add(begin..end);
        return batches;
    }

    /// <summary>Cuts items, in order, into batches of at most <paramref name="maxTokens"/> tokens; an item longer than that is a batch of
    /// its own.</summary>
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
