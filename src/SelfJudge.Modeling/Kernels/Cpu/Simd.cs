using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using SelfJudge.Preferences.Numerics;

namespace SelfJudge.Modeling.Kernels.Cpu;

/// <summary>
/// Vector loops over rows of float32. Lengths need not be multiples of the vector width. Vectors are of 512 bits everywhere:
/// where the processor has only 256, the runtime makes two of each, which is as fast as writing them so and gives the same bits.
/// </summary>
internal static unsafe class Simd
{
    public const int Width = 8; // Vector256<float>.Count
    public const int Lanes = 16; // Vector512<float>.Count

    public static int RoundUp(int n, int multiple) => (n + multiple - 1) / multiple * multiple;

    public static int RoundDown(int n, int multiple) => n / multiple * multiple;

    public static float Dot(float* a, float* b, int n)
    {
        var sum0 = Vector512<float>.Zero;
        var sum1 = Vector512<float>.Zero;
        var i = 0;
        for (; i <= n - 2 * Lanes; i += 2 * Lanes)
        {
            sum0 = Vector512.FusedMultiplyAdd(Vector512.Load(a + i), Vector512.Load(b + i), sum0);
            sum1 = Vector512.FusedMultiplyAdd(Vector512.Load(a + i + Lanes), Vector512.Load(b + i + Lanes), sum1);
        }
        for (; i <= n - Lanes; i += Lanes)
            sum0 = Vector512.FusedMultiplyAdd(Vector512.Load(a + i), Vector512.Load(b + i), sum0);
        var sum = Vector512.Sum(sum0 + sum1);
        if (i <= n - Width) // heads may be narrower than a vector
        {
            sum += Vector256.Sum(Vector256.Load(a + i) * Vector256.Load(b + i));
            i += Width;
        }
        for (; i < n; i++)
            sum += a[i] * b[i];
        return sum;
    }

    /// <summary>target += factor·source.</summary>
    public static void AddScaled(float* target, float factor, float* source, int n)
    {
        var f = Vector512.Create(factor);
        var i = 0;
        for (; i <= n - Lanes; i += Lanes)
            Vector512.FusedMultiplyAdd(f, Vector512.Load(source + i), Vector512.Load(target + i)).Store(target + i);
        for (; i < n; i++)
            target[i] += factor * source[i];
    }

    public static float Max(float* a, int n)
    {
        var m = Vector512.Create(float.NegativeInfinity);
        var i = 0;
        for (; i <= n - Lanes; i += Lanes)
            m = Vector512.Max(m, Vector512.Load(a + i));
        var max = Max(m);
        for (; i < n; i++)
            max = MathF.Max(max, a[i]);
        return max;
    }

    /// <summary>The largest element.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Max(Vector512<float> v) => Max(Vector256.Max(v.GetLower(), v.GetUpper()));

    /// <summary>The largest element.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Max(Vector256<float> v)
    {
        var half = Vector128.Max(v.GetLower(), v.GetUpper());
        half = Vector128.Max(half, Vector128.Shuffle(half, Vector128.Create(2, 3, 0, 1)));
        return MathF.Max(half[0], half[1]);
    }

    /// <summary>target = factor·source. Vectors are of 256 bits: what is copied so is a head, and many are no wider.</summary>
    public static void CopyScaled(float* target, float factor, float* source, int n)
    {
        var f = Vector256.Create(factor);
        var i = 0;
        for (; i <= n - Width; i += Width)
            (f * Vector256.Load(source + i)).Store(target + i);
        for (; i < n; i++)
            target[i] = factor * source[i];
    }

    /// <summary>Zeros a[start..end); both are multiples of <see cref="Lanes"/>.</summary>
    public static void Clear(float* a, int start, int end)
    {
        for (var i = start; i < end; i += Lanes)
            Vector512<float>.Zero.Store(a + i);
    }

    /// <summary>target = exp(source − shift); returns the sum.</summary>
    public static float ExpShifted(float* target, float* source, float shift, int n)
    {
        var s = Vector512.Create(shift);
        var total = Vector512<float>.Zero;
        var i = 0;
        for (; i <= n - Lanes; i += Lanes)
        {
            var e = VectorMath.Exp(Vector512.Load(source + i) - s);
            e.Store(target + i);
            total += e;
        }
        var sum = Vector512.Sum(total);
        for (; i < n; i++)
            sum += target[i] = MathF.Exp(source[i] - shift);
        return sum;
    }

    public static void Scale(float* a, float factor, int n)
    {
        var f = Vector512.Create(factor);
        var i = 0;
        for (; i <= n - Lanes; i += Lanes)
            (f * Vector512.Load(a + i)).Store(a + i);
        for (; i < n; i++)
            a[i] *= factor;
    }

    /// <summary>1 / (1 + exp(−x)).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Sigmoid(Vector512<float> x) => Vector512<float>.One / (Vector512<float>.One + VectorMath.Exp(-x));

    public static float Sigmoid(float x) => 1f / (1f + MathF.Exp(-x));

    /// <summary>Sixteen numbers of 16 bits, each in the lower half of a word.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<uint> Words(ushort* source) => Vector512.WidenLower(Vector512.Create(Vector256.Load(source), default));

    /// <summary>target[i, j] = source[j, i] for eight by eight elements.</summary>
    public static void Transpose8(float* source, long sourceStride, float* target, long targetStride) =>
        Transpose8((byte*)source, sourceStride * sizeof(float), target, targetStride);

    /// <summary>The same for any elements of 32 bits, between rows that begin so many bytes apart.</summary>
    public static void Transpose8(byte* source, long bytes, float* target, long targetStride) => Transpose8(
        Load8(source), Load8(source + bytes), Load8(source + 2 * bytes), Load8(source + 3 * bytes),
        Load8(source + 4 * bytes), Load8(source + 5 * bytes), Load8(source + 6 * bytes), Load8(source + 7 * bytes),
        target, targetStride);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> Load8(byte* source) => Vector256.Load((float*)source);

    // Pairs, then fours, then eights change places.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Transpose8(Vector256<float> r0, Vector256<float> r1, Vector256<float> r2, Vector256<float> r3, Vector256<float> r4,
        Vector256<float> r5, Vector256<float> r6, Vector256<float> r7, float* target, long stride)
    {
        if (!Avx.IsSupported)
        {
            Scatter(r0, target, stride);
            Scatter(r1, target + 1, stride);
            Scatter(r2, target + 2, stride);
            Scatter(r3, target + 3, stride);
            Scatter(r4, target + 4, stride);
            Scatter(r5, target + 5, stride);
            Scatter(r6, target + 6, stride);
            Scatter(r7, target + 7, stride);
            return;
        }
        Vector256<float> a0 = Avx.UnpackLow(r0, r1), a1 = Avx.UnpackHigh(r0, r1), a2 = Avx.UnpackLow(r2, r3), a3 = Avx.UnpackHigh(r2, r3);
        Vector256<float> a4 = Avx.UnpackLow(r4, r5), a5 = Avx.UnpackHigh(r4, r5), a6 = Avx.UnpackLow(r6, r7), a7 = Avx.UnpackHigh(r6, r7);
        Vector256<float> b0 = Avx.Shuffle(a0, a2, 0x44), b1 = Avx.Shuffle(a0, a2, 0xEE), b2 = Avx.Shuffle(a1, a3, 0x44),
            b3 = Avx.Shuffle(a1, a3, 0xEE);
        Vector256<float> b4 = Avx.Shuffle(a4, a6, 0x44), b5 = Avx.Shuffle(a4, a6, 0xEE), b6 = Avx.Shuffle(a5, a7, 0x44),
            b7 = Avx.Shuffle(a5, a7, 0xEE);
        Avx.Permute2x128(b0, b4, 0x20).Store(target);
        Avx.Permute2x128(b1, b5, 0x20).Store(target + stride);
        Avx.Permute2x128(b2, b6, 0x20).Store(target + 2 * stride);
        Avx.Permute2x128(b3, b7, 0x20).Store(target + 3 * stride);
        Avx.Permute2x128(b0, b4, 0x31).Store(target + 4 * stride);
        Avx.Permute2x128(b1, b5, 0x31).Store(target + 5 * stride);
        Avx.Permute2x128(b2, b6, 0x31).Store(target + 6 * stride);
        Avx.Permute2x128(b3, b7, 0x31).Store(target + 7 * stride);
    }

    private static void Scatter(Vector256<float> row, float* target, long stride)
    {
        for (var j = 0; j < Width; j++)
            target[j * stride] = row[j];
    }

    /// <summary>Asks for the cache line of an address, on processors that can be asked. It need not be readable.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Prefetch(void* address)
    {
        if (Sse.IsSupported)
            Sse.Prefetch1(address);
    }
}
