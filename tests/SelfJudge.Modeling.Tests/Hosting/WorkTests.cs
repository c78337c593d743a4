using CsCheck;
using SelfJudge.Modeling.Hosting;

namespace SelfJudge.Modeling.Tests.Hosting;

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
        Assert.Equal("from 2", Assert.Throws<InvalidOperationException>(() => pool.Run(worker => { if (worker == 2) throw new InvalidOperationException("from 2"); })).Message);
        var ran = 0;
        pool.Run(_ => Interlocked.Increment(ref ran));
        Assert.Equal(3, ran);
    }
}
