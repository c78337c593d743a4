using System.Numerics;
using System.Numerics.Tensors;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using SelfJudge.Preferences.Numerics;

namespace SelfJudge.Preferences.Sampling;

/// <summary>
/// The weights of tokens in the order of likelihood (largest first, equal ones by id), of which no sorted list is made:
/// a place in that order is found by bisection. Not safe for use by several threads at once: it keeps working memory.
/// </summary>
internal sealed class RankedWeights
{
    private const int Lanes = 16; // floats of the widest vector
    private const int Few = 16;   // so many are sorted

    // The bits of floats that are not negative are ordered as the floats are.
    private const int Beyond = 0x3F800001; // weights are 1 at most

    // Zeros follow the last weight up to the end of a vector.
    private float[] _weights = [];
    private float[] _candidates = [];
    private float[] _narrowed = [];
    private int _count;

    /// <summary>Weighs tokens by exp(factor·(logit − max)) and returns the sum of their weights.</summary>
    /// <param name="logits">[vocab]</param>
    /// <param name="max">The largest of them.</param>
    public double Weigh(ReadOnlySpan<float> logits, float max, float factor)
    {
        var padded = (logits.Length + Lanes - 1) / Lanes * Lanes;
        if (_weights.Length < padded + Lanes)
            (_weights, _candidates, _narrowed) = (new float[padded + Lanes], new float[padded + Lanes], new float[padded + Lanes]);
        logits.CopyTo(_weights);
        _weights.AsSpan(logits.Length, padded - logits.Length).Fill(float.NegativeInfinity);
        _count = logits.Length;
        return Avx512F.IsSupported ? WeighWide(_weights.AsSpan(0, padded), max, factor)
            : WeighNarrow(_weights.AsSpan(0, padded), max, factor);
    }

    /// <summary>Takes the tokens of at least this weight as candidates (of those that have any weight) and returns their end, for
    /// <see cref="Find"/> to begin with.</summary>
    /// <param name="sum">The sum of all weights.</param>
    public Place TakeCandidates(float least, double sum)
    {
        least = MathF.Max(least, float.Epsilon);
        _count = Keep(_weights, _count, BitConverter.SingleToInt32Bits(least), Beyond, _candidates);
        return new Place(_count, sum, least, 0);
    }

    /// <summary>The first place, from the most likely candidate on, up to which the sum of weights reaches the mass; the end where none
    /// before it does.</summary>
    public Place Find(Place end, double mass)
    {
        scoped ReadOnlySpan<float> weights = _candidates;
        var (n, before, sum) = (_count, 0, 0.0);
        // The bits of the weight sought are in [low, high), where n candidates are; before ones, of that sum, are larger.
        var (low, high) = (BitConverter.SingleToInt32Bits(end.Weight), Beyond);
        while (n > Few && high - low > 1)
        {
            var middle = low + (high - low) / 2;
            var (above, sumAbove) = SumAtLeast(weights, n, BitConverter.Int32BitsToSingle(middle));
            if (before + above >= end.Rank || sum + sumAbove >= mass)
                low = middle;
            else
                (high, before, sum) = (middle, before + above, sum + sumAbove);
            if (above == 0 || above == n)
                continue; // this leaves nothing out
            n = Keep(weights, n, low, high, _narrowed);
            weights = _narrowed;
        }
        if (n > Few) // equal ones, among others yet if none were left out
        {
            n = Keep(weights, n, low, high, _narrowed);
            weights = _narrowed;
        }

        weights = weights[..n];
        var last = 0;
        if (n <= Few)
        {
            Span<float> few = stackalloc float[n];
            weights.CopyTo(few);
            few.Sort();
            few.Reverse();
            weights = few;
        }
        else // all equal: from just before the place on
        {
            last = (int)Math.Clamp(Math.Min(end.Rank - before, (mass - sum) / weights[0]) - 2, 0, n - 1);
            sum += last * (double)weights[0];
        }
        for (; ; last++)
        {
            sum += weights[last];
            if (before + last + 1 >= end.Rank || sum >= mass || last == n - 1)
                return new Place(before + last + 1, sum, weights[last], last - weights.IndexOf(weights[last]));
        }
    }

    /// <summary>The token at a place.</summary>
    public int TokenAt(Place place)
    {
        ref var first = ref MemoryMarshal.GetArrayDataReference(_weights);
        var weight = new Vector<float>(place.Weight);
        var (token, tie) = (0, place.Tie);
        for (; ; token += Vector<float>.Count)
        {
            var equal = -Vector.Sum(Vector.Equals(Vector.LoadUnsafe(ref first, (nuint)token), weight));
            if (tie < equal)
                break;
            tie -= equal;
        }
        while (_weights[token] != place.Weight || tie-- > 0)
            token++;
        return token;
    }

    private static double WeighNarrow(Span<float> weights, float max, float factor)
    {
        TensorPrimitives.Subtract(weights, max, weights);
        if (factor != 1)
            TensorPrimitives.Multiply(weights, factor, weights);
        TensorPrimitives.Exp(weights, weights);
        TensorPrimitives.Min(weights, 1, weights); // that of 0 may be an ulp more
        return SumAtLeast(weights, weights.Length, float.Epsilon).Sum;
    }

    private static double WeighWide(Span<float> weights, float max, float factor)
    {
        ref var first = ref MemoryMarshal.GetReference(weights);
        Vector512<float> shift = Vector512.Create(max), scale = Vector512.Create(factor);
        Vector512<double> low = default, high = default;
        for (var i = 0; i < weights.Length; i += Lanes)
        {
            var weight = VectorMath.Exp((Vector512.LoadUnsafe(ref first, (nuint)i) - shift) * scale);
            weight.StoreUnsafe(ref first, (nuint)i);
            low += Vector512.WidenLower(weight);
            high += Vector512.WidenUpper(weight);
        }
        return Vector512.Sum(low + high);
    }

    // Number and sum of the first n weights that are at least the pivot, which is more than 0.
    private static (int Count, double Sum) SumAtLeast(ReadOnlySpan<float> weights, int n, float pivot) =>
        Avx512F.IsSupported ? SumAtLeastWide(weights, n, pivot) : SumAtLeastNarrow(weights, n, pivot);

    private static (int Count, double Sum) SumAtLeastWide(ReadOnlySpan<float> weights, int n, float pivot)
    {
        ref var first = ref MemoryMarshal.GetReference(weights);
        var least = Vector512.Create(pivot);
        Vector512<double> low = default, high = default;
        var count = 0;
        for (var i = 0; i < n; i += Lanes)
        {
            var weight = Vector512.LoadUnsafe(ref first, (nuint)i);
            var chosen = Vector512.GreaterThanOrEqual(weight, least);
            count += BitOperations.PopCount(chosen.ExtractMostSignificantBits());
            weight &= chosen;
            low += Vector512.WidenLower(weight);
            high += Vector512.WidenUpper(weight);
        }
        return (count, Vector512.Sum(low + high));
    }

    private static (int Count, double Sum) SumAtLeastNarrow(ReadOnlySpan<float> weights, int n, float pivot)
    {
        ref var first = ref MemoryMarshal.GetReference(weights);
        var least = new Vector<float>(pivot);
        Vector<double> low = default, high = default;
        var count = Vector<int>.Zero;
        for (var i = 0; i < n; i += Vector<float>.Count)
        {
            var weight = Vector.LoadUnsafe(ref first, (nuint)i);
            var chosen = Vector.GreaterThanOrEqual(weight, least);
            count -= chosen; // true is −1
            Vector.Widen(weight & Vector.AsVectorSingle(chosen), out var lower, out var upper);
            low += lower;
            high += upper;
        }
        return (Vector.Sum(count), Vector.Sum(low + high));
    }

    // Moves those of the first n weights whose bits are in [low, high) to the beginning of the target, which may be where
    // they are, and returns their number.
    private static int Keep(ReadOnlySpan<float> weights, int n, int low, int high, float[] target)
    {
        var kept = 0;
        ref var source = ref MemoryMarshal.GetReference(weights);
        ref var kepts = ref MemoryMarshal.GetArrayDataReference(target);
        if (Avx512F.IsSupported)
        {
            Vector512<uint> first = Vector512.Create((uint)low), width = Vector512.Create((uint)(high - low));
            for (var i = 0; i < n; i += Lanes)
            {
                var weight = Vector512.LoadUnsafe(ref source, (nuint)i);
                var chosen = Vector512.LessThan(weight.AsUInt32() - first, width).AsSingle();
                Avx512F.Compress(Vector512<float>.Zero, chosen, weight).StoreUnsafe(ref kepts, (nuint)kept);
                kept += BitOperations.PopCount(chosen.ExtractMostSignificantBits());
            }
        }
        else
        {
            foreach (var weight in weights[..n])
            {
                Unsafe.Add(ref kepts, kept) = weight;
                kept += BitConverter.SingleToUInt32Bits(weight) - (uint)low < (uint)(high - low) ? 1 : 0; // without a branch
            }
        }
        target.AsSpan(kept, Lanes).Clear();
        return kept;
    }
}

/// <summary>A token in the order of likelihood.</summary>
/// <param name="Rank">How many tokens there are up to it, itself included.</param>
/// <param name="Mass">The sum of their weights.</param>
/// <param name="Weight">Its own.</param>
/// <param name="Tie">How many of the same weight come before it.</param>
internal readonly record struct Place(int Rank, double Mass, float Weight, int Tie);
