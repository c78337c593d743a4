using SelfJudge.Modeling.Decoders;

namespace SelfJudge.Bench.Measures;

/// <summary>
/// Floating-point operations that a model's mathematics needs, a multiply-add counting two. With N the elements of the
/// layers' matrices (embedding, head and norms not among them), W the width of all query heads, D the hidden size, V the
/// vocabulary: forward 2·N per token, 4·W per layer for each pair of a token and one that it sees (itself included),
/// 2·D·V for each position whose logits are needed. Backward is twice that. What an implementation computes a second
/// time does not count, nor do norms, softmax, sampling and the optimizer.
/// </summary>
internal sealed record ModelFlops(DecoderConfig Config)
{
    private double Matrices
    {
        get
        {
            var projections = Projection.All(Config).Sum(p => (double)p.Inputs * p.Outputs);
            return Config.NumHiddenLayers * projections;
        }
    }

    /// <param name="tokens">Tokens that pass through the layers.</param>
    /// <param name="seen">Tokens that each of them sees, summed.</param>
    /// <param name="predicted">Positions whose logits are needed.</param>
    public double Forward(double tokens, double seen, double predicted) =>
        2 * Matrices * tokens + 4.0 * Config.NumHiddenLayers * Config.Heads.QueryWidth * seen
            + 2.0 * Config.HiddenSize * Config.VocabSize * predicted;

    public double Training(double tokens, double seen, double predicted) => 3 * Forward(tokens, seen, predicted);

    /// <summary>Of sampling once after a prompt: prompt and answer pass through the layers but for the last token, which nothing
    /// follows.</summary>
    public double Sampling(int prompt, int answer) => Forward(prompt + answer - 1, Seen(prompt + answer - 1), answer);

    /// <summary>Of a further sample of the same prompt, whose prefill is shared.</summary>
    public double SamplingAgain(int prompt, int answer) => Sampling(prompt, answer) - Forward(prompt, Seen(prompt), 1) + Forward(0, 0, 1);

    /// <summary>Tokens that the tokens of a sequence see, summed: 1 + 2 + … + length.</summary>
    public static double Seen(int length) => length * (length + 1.0) / 2;
}
