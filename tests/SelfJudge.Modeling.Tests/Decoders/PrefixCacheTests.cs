using CsCheck;
using SelfJudge.Modeling.Decoders;
using SelfJudge.Modeling.Kernels;
using SelfJudge.Modeling.Kernels.Cpu;
using SelfJudge.Modeling.Learning;
using SelfJudge.Modeling.Planning;
using SelfJudge.Modeling.Tensors;
using SelfJudge.Modeling.Tokenizers;
using SelfJudge.Modeling.Workers;
using SelfJudge.Preferences.Judging;
using static TorchSharp.torch;

namespace SelfJudge.Modeling.Tests.Decoders;

public sealed class PrefixCacheTests
{
    private static readonly long TokenBytes = ModelMemory.KeyValueCache(TestModels.Config(), 1, 1);

    /// <summary>Every token is computed once after the same tokens, and again where it is the last of a sequence.</summary>
    [Fact]
    public void Nothing_is_computed_twice_but_what_is_read() =>
        Gen.Int[1, 3].Array[1, 10].Array[1, 12].Array[1, 4].Sample(readings =>
        {
            using var cache = new PrefixCache(TestModels.Config(), 10_000 * TokenBytes);
            var known = new HashSet<string>();
            foreach (var reading in readings)
            {
                var (batch, _) = Read(cache, reading);
                var whole = reading.Select(s => string.Join(' ', s)).Distinct().Count(known.Contains);
                var fresh = reading.SelectMany(Beginnings).Distinct().Count(b => !known.Contains(b));
                Assert.Equal(fresh + whole, batch.Batch.Tokens.Length);
                known.UnionWith(reading.SelectMany(Beginnings));
                Assert.Equal(known.Count, cache.Count);
            }
        });

    /// <summary>With too little room some tokens are held and others are not; what is asked for is never more than there is.</summary>
    [Fact]
    public void There_is_never_more_than_there_is_room_for() =>
        Gen.Select(Gen.Int[1, 3].Array[1, 10].Array[1, 12].Array[1, 4], Gen.Int[0, 30]).Sample((readings, capacity) =>
        {
            using var cache = new PrefixCache(TestModels.Config(), capacity * TokenBytes + TokenBytes - 1);
            foreach (var reading in readings)
            {
                var (batch, prefixes) = Read(cache, reading);
                Assert.InRange(cache.Count, 0, capacity);
                Assert.All(prefixes, p => Assert.All(p.Places, place => Assert.InRange(place, -1, capacity - 1)));
                Assert.Equal(batch.Batch.Prefixes!.Places.Distinct(), batch.Batch.Prefixes.Places);
            }
        });

    [Fact]
    public void A_full_cache_begins_anew_where_little_of_a_reading_is_held_and_stays_where_much_is()
    {
        using var cache = new PrefixCache(TestModels.Config(), 10 * TokenBytes);
        Read(cache, [[1, 2, 3, 4, 5, 6, 7, 8]]);
        Assert.Equal([8, 10], [Read(cache, [[1, 2, 3, 4, 5, 6, 7, 8, 1, 1, 1]]).Prefixes[0].Held, cache.Count]);
        Assert.Equal([0, 9], [Read(cache, [[2, 2, 3, 4, 5, 6, 7, 8, 9]]).Prefixes[0].Held, cache.Count]);
        Assert.Equal(8, Read(cache, [[2, 2, 3, 4, 5, 6, 7, 8, 9]]).Prefixes[0].Held);
    }

    /// <summary>
    /// Probabilities are those that each prompt has by itself, whatever was read before: with an adapter, a sliding window, weights of
    /// bfloat16, several workers' batches, and little room.
    /// </summary>
    [Theory]
    [InlineData(10_000)]
    [InlineData(60)]
    [InlineData(0)]
    public void Judge_probabilities_are_those_of_each_prompt_alone(int capacity)
    {
        foreach (var type in new[] { ScalarType.Float32, ScalarType.BFloat16 })
            foreach (var family in new[] { "llama", "mistral", "qwen2-window", "qwen3-bias" })
            {
                using var random = TestModels.Weights(TestModels.Config(family));
                using var weights = random.Clone(type);
                using var adapter = TestModels.Adapter(weights.Config);
                foreach (var kernels in new IKernels[] { CpuKernels.Instance, TorchKernels.Instance })
                {
                    using var cache = new PrefixCache(weights.Config, capacity * TokenBytes);
                    var model = TestModels.Model(weights, adapter, kernels);
                    // A bracket's rounds: half of the first responses go on, with other second ones.
                    for (var round = 0; round < 3; round++)
                    {
                        var prompts = Enumerable.Range(0, 16 >> round).Select(i => new EncodedJudgePrompt(
                            [.. TestModels.Tokens(9, 1), .. TestModels.Tokens(6, (ulong)(i << round)), 2,
                                .. TestModels.Tokens(5, (ulong)((i << round) ^ (1 << round))), 3], 3, 5)).ToArray();
                        using var scope = Ops.Scope();
                        var together = Judged(model, cache, prompts, workers: 2);
                        for (var i = 0; i < prompts.Length; i++)
                        {
                            var alone = JudgeTokens.Probabilities(model, [prompts[i]])[0];
                            // On a CPU a row does not depend on those beside it; LibTorch's products do, and in bfloat16 they round
                            // activations too.
                            var tolerance = kernels == CpuKernels.Instance ? 0 : type == ScalarType.BFloat16 ? 2e-2f : 1e-5f;
                            TestModels.AssertClose([(float)alone.A, (float)alone.B], [(float)together[i].A, (float)together[i].B],
                                tolerance);
                        }
                    }
                }
            }
    }

    private static JudgeProbabilities[] Judged(DecoderModel model, PrefixCache cache, EncodedJudgePrompt[] prompts, int workers)
    {
        ReadOnlyMemory<int>[] sequences = [.. prompts.Select(p => (ReadOnlyMemory<int>)p.Ids)];
        var order = new PrefixOrder(sequences);
        var prefixes = cache.Place(sequences, order);
        var results = new JudgeProbabilities[prompts.Length];
        foreach (var share in WorkShares.Balance(order.With(prefixes), workers))
        {
            var items = order.Items[share];
            var held = new CachedPrefixes(cache, Array.ConvertAll(items, i => prefixes[i]));
            foreach (var (i, p) in items.Zip(JudgeTokens.Probabilities(model, Array.ConvertAll(items, i => prompts[i]), held)))
                results[i] = p;
        }
        return results;
    }

    private static (SharedBatch Batch, CachedPrefix[] Prefixes) Read(PrefixCache cache, int[][] reading)
    {
        ReadOnlyMemory<int>[] sequences = [.. reading.Select(s => (ReadOnlyMemory<int>)s)];
        var prefixes = cache.Place(sequences, new PrefixOrder(sequences));
        return (new SharedBatch(sequences, new CachedPrefixes(cache, prefixes)), prefixes);
    }

    private static IEnumerable<string> Beginnings(int[] sequence) =>
        Enumerable.Range(1, sequence.Length).Select(n => string.Join(' ', sequence[..n]));
}
