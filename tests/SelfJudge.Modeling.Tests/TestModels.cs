using SelfJudge.Modeling.Decoders;
using SelfJudge.Modeling.Kernels;
using SelfJudge.Modeling.Kernels.Cpu;
using SelfJudge.Modeling.Tensors;
using SelfJudge.Preferences.Randomness;

namespace SelfJudge.Modeling.Tests;

/// <summary>Small models of random weights.</summary>
internal static class TestModels
{
    /// <summary>Two layers, grouped-query attention, a head dimension that is no multiple of a vector.</summary>
    public static DecoderConfig Config(bool tied = true, int vocab = 37, int headDim = 6) => new()
    {
        VocabSize = vocab,
        HiddenSize = 20,
        IntermediateSize = 28,
        NumHiddenLayers = 2,
        NumAttentionHeads = 4,
        NumKeyValueHeads = 2,
        HeadDim = headDim,
        MaxPositionEmbeddings = 128,
        TieWordEmbeddings = tied,
        EosTokenIds = [0],
        InitializerRange = 0.3f,
    };

    public static DecoderModel Model(DecoderWeights weights, LoraAdapter? adapter = null, IKernels? kernels = null) =>
        new(weights, adapter, kernels ?? CpuKernels.Instance,
            new RotaryTable(RotaryFrequencies.Compute(weights.Config), weights.Config.MaxPositionEmbeddings));

    /// <summary>An adapter on all projections whose B is not zero, so that it does something.</summary>
    public static LoraAdapter Adapter(DecoderConfig config, ulong seed = 3)
    {
        var adapter = LoraAdapter.Random(config, new LoraConfig(3, 6, Projection.Modules), Ops.Cpu, seed);
        foreach (var p in adapter.Buffer.Layout.Parameters.Where(p => p.Name.Contains("lora_B", StringComparison.Ordinal)))
            CounterRandom.FillNormal(Ops.Floats(adapter.Buffer.View(p.Name)), Seeds.Derive(seed, p.Name), 0.1f);
        return adapter;
    }

    public static int[] Tokens(int count, ulong seed, int vocab = 37)
    {
        var random = new CounterRandom(seed);
        return [.. Enumerable.Range(0, count).Select(_ => 1 + random.Below(vocab - 1))];
    }

    public static PackedBatch Batch(params int[] lengths) =>
        PackedBatch.Of([.. lengths.Select((n, i) => (ReadOnlyMemory<int>)Tokens(n, (ulong)i))]);

    public static float[] Randoms(int count, ulong seed, float deviation = 1)
    {
        var values = new float[count];
        CounterRandom.FillNormal(values, seed, deviation);
        return values;
    }

    public static void AssertClose(ReadOnlySpan<float> expected, ReadOnlySpan<float> actual, float tolerance)
    {
        Assert.Equal(expected.Length, actual.Length);
        for (var i = 0; i < expected.Length; i++)
            if (!(Math.Abs(expected[i] - actual[i]) <= tolerance * (1 + Math.Abs(expected[i]))))
                Assert.Fail($"element {i}: expected {expected[i]}, got {actual[i]}");
    }
}
