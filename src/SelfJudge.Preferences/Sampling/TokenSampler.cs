using System.Numerics.Tensors;

namespace SelfJudge.Preferences.Sampling;

/// <summary>Draws tokens from logits. A draw is a function of the logits and one uniform number, nothing else. Not safe for use by several
/// threads at once: it keeps working memory.</summary>
public sealed class TokenSampler
{
    // Temperatures beyond what float32 can divide by are its extremes: the most likely alone, and all alike.
    private const double Least = 1.2e-38;

    private readonly RankedWeights _ranked = new();

    /// <summary>
    /// The token at place <paramref name="uniform"/> in [0, 1) of the truncated distribution, whose tokens are ordered
    /// from most to least likely (by id where equal), and its log-probability under the model itself: temperature 1,
    /// nothing truncated, which is what learning compares.
    /// </summary>
    /// <param name="logits">[vocab]</param>
    /// <exception cref="ArithmeticException">The logits hold no finite maximum.</exception>
    public (int Token, float LogProb) Draw(ReadOnlySpan<float> logits, SamplingOptions options, double uniform)
    {
        var max = TensorPrimitives.Max(logits);
        if (!float.IsFinite(max))
            throw new ArithmeticException("the logits hold no finite maximum: the model's weights are damaged or have diverged");
        var sum = _ranked.Weigh(logits, max, 1f);
        var logSumExp = max + Math.Log(sum);
        if (options.Temperature is not (0 or 1))
            sum = _ranked.Weigh(logits, max, (float)Math.Clamp(1 / options.Temperature, Least, float.MaxValue));
        var token = options.Temperature == 0 ? logits.IndexOf(max) : Inverse(logits.Length, sum, options, uniform);
        return (token, (float)(logits[token] - logSumExp));
    }

    // Inverse transform sampling over the kept tokens, most likely first. Those of no weight are never drawn.
    private int Inverse(int vocab, double sum, SamplingOptions options, double uniform)
    {
        // Tokens less likely than (1 − top_p)/vocab hold less than 1 − top_p together: of all tokens, none of them is in the nucleus.
        var end = _ranked.TakeCandidates(options.TopK == 0 && options.TopP < 1 ? (float)((1 - options.TopP) / vocab * sum) : 0, sum);
        if (options.TopK > 0 && options.TopK < end.Rank)
            end = _ranked.Find(end with { Rank = options.TopK }, double.PositiveInfinity);
        // Top-p counts within the top k, as Hugging Face's chain of processors does.
        if (options.TopP < 1)
            end = _ranked.Find(end, options.TopP * end.Mass);
        return _ranked.TokenAt(_ranked.Find(end, Math.BitIncrement(uniform * end.Mass)));
    }
}
