using CsCheck;
using SelfJudge.Modeling.Decoders;
using SelfJudge.Modeling.Workers;

namespace SelfJudge.Modeling.Tests.Workers;

public sealed class WorkTests
{
    [Fact]
    public void Every_item_goes_to_one_worker_and_loads_differ_by_at_most_one_item() =>
        Gen.Select(Gen.Int[1, 500].Array[0, 60], Gen.Int[1, 6]).Sample((lengths, workers) =>
        {
            var shares = WorkShares.Balance(lengths, workers);
            Assert.Equal(Enumerable.Range(0, lengths.Length), shares.SelectMany(s => s).Order());
            var loads = shares.Select(s => s.Sum(i => lengths[i])).ToList();
            Assert.True(loads.Max() - loads.Min() <= lengths.DefaultIfEmpty(0).Max());
        });

    [Fact]
    public void Batches_keep_order_and_bound() =>
        Gen.Select(Gen.Int[1, 50].Array[0, 40], Gen.Int[1, 120]).Sample((lengths, max) =>
        {
            var batches = WorkShares.Batches([.. Enumerable.Range(0, lengths.Length)], i => lengths[i], max).ToList();
            Assert.Equal(Enumerable.Range(0, lengths.Length), batches.SelectMany(b => b));
            Assert.All(batches, b => Assert.True(b.Length == 1 || b.Sum(i => lengths[i]) <= max));
        });

    [Fact]
    public void Sequences_that_share_beginnings_are_divided_and_cut_by_what_is_left_to_compute() =>
        Gen.Select(Gen.Int[1, 3].Array[1, 12].Array[0, 30], Gen.Int[1, 5], Gen.Int[1, 60]).Sample((sequences, workers, max) =>
        {
            var order = new PrefixOrder([.. sequences.Select(s => (ReadOnlyMemory<int>)s)]);
            long Computed(Range range)
            {
                var (begin, count) = range.GetOffsetAndLength(order.Count);
                return Enumerable.Range(begin, count).Sum(i => (long)order.Lengths[i] - (i == begin ? 0 : order.Shared[i]));
            }

            var shares = WorkShares.Balance(order, workers);
            Assert.Equal(workers, shares.Length);
            Assert.Equal(Enumerable.Range(0, order.Count), shares.SelectMany(s => Enumerable.Range(0, order.Count).Take(s)));
            Assert.All(shares, s =>
                Assert.True(Computed(s) <= sequences.Sum(q => q.Length) / workers + sequences.Select(q => q.Length).DefaultIfEmpty(0)
                    .Max()));
            foreach (var share in shares)
            {
                var batches = WorkShares.Batches(order, share, max);
                Assert.Equal(Enumerable.Range(0, order.Count).Take(share),
                    batches.SelectMany(b => Enumerable.Range(0, order.Count).Take(b)));
                Assert.All(batches, b => Assert.True(Computed(b) <= Math.Max(max, order.Lengths[b.Start])));
            }
        });

    [Fact]
    public void Workers_get_as_little_as_stretches_allow()
    {
        // Three prompts of two sequences of 10 tokens that share 8: two of the pairs to one worker, one to the other.
        var order = new PrefixOrder([.. Enumerable.Range(0, 6)
            .Select(i => (ReadOnlyMemory<int>)(int[])[.. Enumerable.Repeat(i / 2, 8), i, i])]);
        Assert.Equal([0..3, 3..6], WorkShares.Balance(order, 2)); // 22 and 22 tokens; by whole pairs it would be 24 and 12
        Assert.Equal([0..2, 2..4, 4..6], WorkShares.Balance(order, 3));
        Assert.Equal([0..6], WorkShares.Balance(order, 1));
        Assert.Equal([0..0, 0..0], WorkShares.Balance(new PrefixOrder([]), 2));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(4)]
    public void Every_worker_runs_and_the_call_waits_for_all(int count)
    {
        using var pool = new WorkerPool(count);
        for (var round = 0; round < 100; round++)
        {
            var ran = new int[count];
            pool.Run(worker =>
            {
                if (worker == count - 1)
                    Thread.Yield();
                ran[worker]++;
            });
            Assert.All(ran, r => Assert.Equal(1, r));
        }
    }

    [Fact]
    public void A_workers_failure_is_the_callers_and_the_pool_goes_on()
    {
        using var pool = new WorkerPool(3);
        Assert.Equal("from 2", Assert.Throws<InvalidOperationException>(() =>
            pool.Run(worker => { if (worker == 2) throw new InvalidOperationException("from 2"); })).Message);
        var ran = 0;
        pool.Run(_ => Interlocked.Increment(ref ran));
        Assert.Equal(3, ran);
    }
}
