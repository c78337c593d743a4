using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace SelfJudge.Preferences.Numerics;

/// <summary>Functions of vectors of float32. Where the processor has 256 bits, the runtime makes two operations of each, to the same
/// bits.</summary>
public static class VectorMath
{
    /// <summary>exp(x) to within 2 units in the last place: 2^n·e^r with |r| ≤ ln2/2, e^r by its Taylor polynomial of degree 7. Below −87
    /// the result is 0, above 88.3 less exact; that of a NaN is NaN.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Exp(Vector512<float> x)
    {
        var n = Vector512.Floor(Vector512.FusedMultiplyAdd(x, Vector512.Create(1.44269504f), Vector512.Create(0.5f)));
        n = Vector512.MinNative(Vector512.MaxNative(n, Vector512.Create(-126f)), Vector512.Create(127f)); // of r a NaN is left to tell
        var r = Vector512.FusedMultiplyAdd(n, Vector512.Create(-0.693359375f), x); // ln 2 in two parts
        r = Vector512.FusedMultiplyAdd(n, Vector512.Create(2.12194440e-4f), r);
        var p = Vector512.Create(1f / 5040);
        p = Vector512.FusedMultiplyAdd(p, r, Vector512.Create(1f / 720));
        p = Vector512.FusedMultiplyAdd(p, r, Vector512.Create(1f / 120));
        p = Vector512.FusedMultiplyAdd(p, r, Vector512.Create(1f / 24));
        p = Vector512.FusedMultiplyAdd(p, r, Vector512.Create(1f / 6));
        p = Vector512.FusedMultiplyAdd(p, r, Vector512.Create(0.5f));
        p = Vector512.FusedMultiplyAdd(p, r, Vector512<float>.One);
        p = Vector512.FusedMultiplyAdd(p, r, Vector512<float>.One);
        var exponent = Vector512.ShiftLeft(Vector512.ConvertToInt32Native(n) + Vector512.Create(127), 23);
        var result = p * exponent.AsSingle();
        return Vector512.ConditionalSelect(Vector512.LessThan(x, Vector512.Create(-87.3f)), Vector512<float>.Zero, result);
    }
}
