using System.Numerics.Tensors;
using SelfJudge.Preferences.Sampling;

namespace SelfJudge.Bench.Measures;

/// <summary>Draws as the sampler does, the customary way: by sorting what can be in the nucleus. Not safe for use by several threads at
/// once.</summary>
internal sealed class SortingSampler(int vocabulary)
{
    private readonly float[] _weights = new float[vocabulary];
    private readonly float[] _keys = new float[vocabulary];
    private readonly int[] _tokens = new int[vocabulary];

    /// <param name="logits">[vocab]</param>
    public int Draw(ReadOnlySpan<float> logits, SamplingOptions options, double uniform)
    {
        TensorPrimitives.Subtract(logits, TensorPrimitives.Max(logits), _weights);
        TensorPrimitives.Exp(_weights, _weights);
        double sum = TensorPrimitives.Sum(_weights);
        // What is less likely holds less than 1 − top_p together.
        var least = options.TopP < 1 ? (1 - options.TopP) / vocabulary * sum : 0;
        var count = 0;
        for (var i = 0; i < vocabulary; i++)
            if (_weights[i] >= least)
                (_keys[count], _tokens[count++]) = (-_weights[i], i);
        Array.Sort(_keys, _tokens, 0, count);
        double mass = 0;
        var kept = 0;
        while (kept < count && (kept == 0 || mass < options.TopP * sum))
            mass -= _keys[kept++];
        var remaining = uniform * mass;
        for (var i = 0; i < kept - 1; i++)
            if ((remaining += _keys[i]) < 0)
                return _tokens[i];
        return _tokens[kept - 1];
    }
}
