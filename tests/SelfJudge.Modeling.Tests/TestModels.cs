using System.Numerics.Tensors;
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

    /// <summary>The families, and what their configurations can ask for, by name.</summary>
    public static TheoryData<string> Families => ["llama", "llama-bias", "mistral", "qwen2", "qwen2-window", "qwen3", "qwen3-bias"];

    /// <summary>The same shape of another family: heads are of a size of their own, and a window begins at the second layer.</summary>
    public static DecoderConfig Config(string family, bool tied = true)
    {
        var config = Config(tied) with { Architecture = Architecture.All.Single(f => f.ModelType == family.Split('-')[0]) };
        return family switch
        {
            "mistral" => config with { SlidingWindow = 5 },
            "qwen2-window" => config with { SlidingWindow = 5, SlidingLayers = [false, true] },
            "llama-bias" or "qwen3-bias" => config with { AttentionBias = true },
            _ => config,
        };
    }

    /// <summary>Random weights in which norms are not 1 and biases not 0, so that leaving one out shows.</summary>
    public static DecoderWeights Weights(DecoderConfig config, ulong seed = 5)
    {
        var weights = DecoderWeights.Random(config, seed);
        foreach (var p in weights.Buffer.Layout.Parameters.Where(p => p.Role is ParameterRole.Norm or ParameterRole.Bias))
        {
            var values = Ops.Floats(weights.Buffer.View(p.Name));
            CounterRandom.FillNormal(values, Seeds.Derive(seed, p.Name), 0.3f);
            if (p.Role == ParameterRole.Norm)
                TensorPrimitives.Add(values, 1f, values);
        }
        return weights;
    }

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
