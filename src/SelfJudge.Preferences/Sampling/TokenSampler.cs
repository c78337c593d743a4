using System.Numerics.Tensors;

namespace SelfJudge.Preferences.Sampling;

/// <summary>Draws tokens from logits. A draw is a function of the logits and one uniform number, nothing else. Not safe for use by several threads at once: it keeps working memory.</summary>
public sealed class TokenSampler
{
    // Temperatures beyond what float32 can divide by are its extremes: the most likely alone, and all alike.
    private const double Least = 1.2e-38;

    private readonly PriorityQueue<float, float> _largest = new();
    private float[] _weights = [];
    private float[] _candidateWeights = [];
    private int[] _candidates = [];

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
        if (_weights.Length < logits.Length)
            (_weights, _candidateWeights, _candidates) = (new float[logits.Length], new float[logits.Length], new int[logits.Length]);
        var weights = _weights.AsSpan(0, logits.Length);
        var sum = Exp(logits, max, 1f, weights);
        var logSumExp = max + MathF.Log(sum);
        if (options.Temperature == 0)
            return (logits.IndexOf(max), max - logSumExp);
        if (options.Temperature != 1)
            sum = Exp(logits, max, (float)Math.Clamp(1 / options.Temperature, Least, float.MaxValue), weights);
        var token = Inverse(weights, sum, options, uniform);
        return (token, logits[token] - logSumExp);
    }

    private static float Exp(ReadOnlySpan<float> logits, float max, float factor, Span<float> weights)
    {
        TensorPrimitives.Subtract(logits, max, weights);
        if (factor != 1f)
            TensorPrimitives.Multiply(weights, factor, weights);
        TensorPrimitives.Exp(weights, weights);
        return TensorPrimitives.Sum(weights);
    }

    // Inverse transform sampling over the kept tokens, most likely first.
    private int Inverse(ReadOnlySpan<float> weights, double sum, SamplingOptions options, double uniform)
    {
        // Tokens less likely than (1 − top_p)/vocab hold less than 1 − top_p together, so none of them is in the nucleus:
        // neither of all tokens nor of the k most likely, which hold at least k/vocab.
        var least = options.TopP < 1 ? (float)((1 - options.TopP) / weights.Length * sum) : 0;
        var count = 0;
        for (var i = 0; i < weights.Length; i++)
            if (weights[i] >= least)
            {
                _candidates[count] = i;
                _candidateWeights[count++] = -weights[i];
            }
        var tokens = _candidates.AsSpan(0, count);
        var keys = _candidateWeights.AsSpan(0, count);
        keys.Sort(tokens);
        OrderTies(keys, tokens);
        // Top-p counts within the top k, as Hugging Face's chain of processors does.
        if (options.TopK > 0 && count >= options.TopK)
        {
            keys = keys[..options.TopK];
            sum = -TensorPrimitives.Sum(keys);
        }
        else if (options.TopK > 0 && options.TopK < weights.Length)
            sum = SumOfLargest(weights, options.TopK);
        double total = 0;
        var kept = 0;
        while (kept < keys.Length && (kept == 0 || total < options.TopP * sum))
            total -= keys[kept++];
        var remaining = uniform * total;
        for (var i = 0; i < kept - 1; i++)
            if ((remaining += keys[i]) < 0)
                return tokens[i];
        return tokens[kept - 1];
    }

    private double SumOfLargest(ReadOnlySpan<float> weights, int count)
    {
        _largest.Clear();
        foreach (var weight in weights)
            if (_largest.Count < count)
                _largest.Enqueue(weight, weight);
            else if (weight > _largest.Peek())
                _largest.DequeueEnqueue(weight, weight);
        return _largest.UnorderedItems.Sum(w => (double)w.Element);
    }

    // Sorting is not stable: equally likely tokens are put in the order of their ids.
    private static void OrderTies(ReadOnlySpan<float> keys, Span<int> tokens)
    {
        for (var i = 0; i < keys.Length;)
        {
            var end = i + 1;
            while (end < keys.Length && keys[end] == keys[i])
                end++;
            tokens[i..end].Sort();
            i = end;
        }
    }
}
