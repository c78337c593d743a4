using SelfJudge.Modeling.Kernels;

namespace SelfJudge.Modeling.Decoders;

/// <summary>The shape of a decoder, in the words of a Hugging Face <c>config.json</c>.</summary>
public sealed record DecoderConfig
{
    /// <summary>The family that it is of, which decides what its layers have besides.</summary>
    public Architecture Architecture { get; init; } = Architecture.Llama;

    public required int VocabSize { get; init; }
    public required int HiddenSize { get; init; }
    public required int IntermediateSize { get; init; }
    public required int NumHiddenLayers { get; init; }
    public required int NumAttentionHeads { get; init; }
    public required int NumKeyValueHeads { get; init; }
    public required int HeadDim { get; init; }
    public required int MaxPositionEmbeddings { get; init; }
    public float RmsNormEps { get; init; } = 1e-5f;
    public double RopeTheta { get; init; } = 10_000;
    public RopeScaling? RopeScaling { get; init; }

    /// <summary>Whether projections have the biases that their family leaves to <c>attention_bias</c>.</summary>
    public bool AttentionBias { get; init; }

    public bool TieWordEmbeddings { get; init; }

    /// <summary>How many tokens one attends to, itself and those before it; null where to all.</summary>
    public int? SlidingWindow { get; init; }

    /// <summary>Per layer whether the window holds for it; null where it holds for all.</summary>
    public IReadOnlyList<bool>? SlidingLayers { get; init; }

    /// <summary>Whether a linear head [1, hidden] reads one number off every hidden state: a reward, or a value.</summary>
    public bool ScalarHead { get; init; }

    public int? BosTokenId { get; init; }

    /// <summary>Every id that ends a response; some checkpoints name several.</summary>
    public IReadOnlyList<int> EosTokenIds { get; init; } = [];

    /// <summary>Standard deviation of the normal distribution that random initialisation draws matrices from.</summary>
    public float InitializerRange { get; init; } = 0.02f;

    /// <summary>Whether a bias is added to the products of a fused matrix.</summary>
    public bool HasBias(FusedProjection fused) => BiasOf(fused) switch
    {
        Presence.Always => true,
        Presence.ByKey => AttentionBias,
        _ => false,
    };

    private Presence BiasOf(FusedProjection fused) => fused switch
    {
        FusedProjection.Qkv => Architecture.QkvBias,
        FusedProjection.Output => Architecture.OutputBias,
        _ => Presence.Never,
    };

    public HeadLayout Heads => new(NumAttentionHeads, NumKeyValueHeads, HeadDim);

    /// <summary>The heads of one layer, with its window.</summary>
    public HeadLayout HeadsOf(int layer) => Heads with { Window = SlidingLayers?[layer] == false ? null : SlidingWindow };
}

/// <summary>How rotary frequencies are stretched for contexts longer than the model was trained on.</summary>
/// <param name="Type"><c>linear</c> or <c>llama3</c>.</param>
public sealed record RopeScaling(string Type, double Factor, double LowFreqFactor = 1, double HighFreqFactor = 4,
    int OriginalMaxPositionEmbeddings = 8192);
