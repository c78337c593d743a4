using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace SelfJudge.Modeling.Kernels.Cpu;

/// <summary>
/// The small products that attention is made of, for blocks of four rows: each loaded vector of the second operand serves
/// four products. What a row becomes does not depend on the rows beside it, nor on how many columns are done at once.
/// Eight columns that are left over are done by themselves.
/// Methods are compiled for speed at once: what the runtime makes of such code at first is several times slower.
/// </summary>
internal static unsafe class Blocks
{
    public const int Rows = 4;
    public const int Columns = Simd.Lanes;

    /// <summary>c[r, 0..n) = a_r[0..k)·b[0..k, 0..n) for four rows; n is a multiple of <see cref="Simd.Width"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Multiply(float* a0, float* a1, float* a2, float* a3, int k, float* b, int bStride, int n, float* c, int cStride)
    {
        var j = 0;
        if (Vector512.IsHardwareAccelerated) // else the sums would not fit into the registers
            for (; j <= n - 2 * Columns; j += 2 * Columns)
                MultiplyWide(a0, a1, a2, a3, k, b + j, bStride, c + j, cStride);
        for (; j <= n - Columns; j += Columns)
        {
            Vector512<float> c0 = default, c1 = default, c2 = default, c3 = default;
            var row = b + j;
            for (var i = 0; i < k; i++, row += bStride)
            {
                var bi = Vector512.Load(row);
                c0 = Vector512.FusedMultiplyAdd(Vector512.Create(a0[i]), bi, c0);
                c1 = Vector512.FusedMultiplyAdd(Vector512.Create(a1[i]), bi, c1);
                c2 = Vector512.FusedMultiplyAdd(Vector512.Create(a2[i]), bi, c2);
                c3 = Vector512.FusedMultiplyAdd(Vector512.Create(a3[i]), bi, c3);
            }
            c0.Store(c + j);
            c1.Store(c + j + cStride);
            c2.Store(c + j + 2 * cStride);
            c3.Store(c + j + 3 * cStride);
        }
        if (j < n)
            MultiplyNarrow(a0, a1, a2, a3, k, b + j, bStride, c + j, cStride);
    }

    /// <summary>c[0..n) = a[0..k)·b[0..k, 0..n) for one row; eight columns that are left over in four sums, as one alone would wait for
    /// itself.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void MultiplyRow(float* a, int k, float* b, int bStride, int n, float* c)
    {
        var j = 0;
        for (; j <= n - 4 * Columns; j += 4 * Columns)
        {
            Vector512<float> c0 = default, c1 = default, c2 = default, c3 = default;
            var row = b + j;
            for (var i = 0; i < k; i++, row += bStride)
            {
                var f = Vector512.Create(a[i]);
                c0 = Vector512.FusedMultiplyAdd(f, Vector512.Load(row), c0);
                c1 = Vector512.FusedMultiplyAdd(f, Vector512.Load(row + Columns), c1);
                c2 = Vector512.FusedMultiplyAdd(f, Vector512.Load(row + 2 * Columns), c2);
                c3 = Vector512.FusedMultiplyAdd(f, Vector512.Load(row + 3 * Columns), c3);
            }
            c0.Store(c + j);
            c1.Store(c + j + Columns);
            c2.Store(c + j + 2 * Columns);
            c3.Store(c + j + 3 * Columns);
        }
        for (; j <= n - Columns; j += Columns)
        {
            Vector512<float> sum = default;
            var row = b + j;
            for (var i = 0; i < k; i++, row += bStride)
                sum = Vector512.FusedMultiplyAdd(Vector512.Create(a[i]), Vector512.Load(row), sum);
            sum.Store(c + j);
        }
        for (; j <= n - Simd.Width; j += Simd.Width)
        {
            Vector256<float> c0 = default, c1 = default, c2 = default, c3 = default;
            var row = b + j;
            var i = 0;
            for (; i <= k - 4; i += 4, row += 4 * bStride)
            {
                c0 = Vector256.FusedMultiplyAdd(Vector256.Create(a[i]), Vector256.Load(row), c0);
                c1 = Vector256.FusedMultiplyAdd(Vector256.Create(a[i + 1]), Vector256.Load(row + bStride), c1);
                c2 = Vector256.FusedMultiplyAdd(Vector256.Create(a[i + 2]), Vector256.Load(row + 2 * bStride), c2);
                c3 = Vector256.FusedMultiplyAdd(Vector256.Create(a[i + 3]), Vector256.Load(row + 3 * bStride), c3);
            }
            for (; i < k; i++, row += bStride)
                c0 = Vector256.FusedMultiplyAdd(Vector256.Create(a[i]), Vector256.Load(row), c0);
            (c0 + c1 + (c2 + c3)).Store(c + j);
        }
        for (; j < n; j++)
        {
            var sum = 0f;
            var row = b + j;
            for (var i = 0; i < k; i++, row += bStride)
                sum = MathF.FusedMultiplyAdd(a[i], *row, sum);
            c[j] = sum;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void MultiplyWide(float* a0, float* a1, float* a2, float* a3, int k, float* b, int bStride, float* c, int cStride)
    {
        Vector512<float> c00 = default, c01 = default, c10 = default, c11 = default;
        Vector512<float> c20 = default, c21 = default, c30 = default, c31 = default;
        for (var i = 0; i < k; i++, b += bStride)
        {
            var b0 = Vector512.Load(b);
            var b1 = Vector512.Load(b + Columns);
            var f = Vector512.Create(a0[i]);
            c00 = Vector512.FusedMultiplyAdd(f, b0, c00);
            c01 = Vector512.FusedMultiplyAdd(f, b1, c01);
            f = Vector512.Create(a1[i]);
            c10 = Vector512.FusedMultiplyAdd(f, b0, c10);
            c11 = Vector512.FusedMultiplyAdd(f, b1, c11);
            f = Vector512.Create(a2[i]);
            c20 = Vector512.FusedMultiplyAdd(f, b0, c20);
            c21 = Vector512.FusedMultiplyAdd(f, b1, c21);
            f = Vector512.Create(a3[i]);
            c30 = Vector512.FusedMultiplyAdd(f, b0, c30);
            c31 = Vector512.FusedMultiplyAdd(f, b1, c31);
        }
        c00.Store(c);
        c01.Store(c + Columns);
        c += cStride;
        c10.Store(c);
        c11.Store(c + Columns);
        c += cStride;
        c20.Store(c);
        c21.Store(c + Columns);
        c += cStride;
        c30.Store(c);
        c31.Store(c + Columns);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void MultiplyNarrow(float* a0, float* a1, float* a2, float* a3, int k, float* b, int bStride, float* c, int cStride)
    {
        Vector256<float> c0 = default, c1 = default, c2 = default, c3 = default;
        for (var i = 0; i < k; i++, b += bStride)
        {
            var b0 = Vector256.Load(b);
            c0 = Vector256.FusedMultiplyAdd(Vector256.Create(a0[i]), b0, c0);
            c1 = Vector256.FusedMultiplyAdd(Vector256.Create(a1[i]), b0, c1);
            c2 = Vector256.FusedMultiplyAdd(Vector256.Create(a2[i]), b0, c2);
            c3 = Vector256.FusedMultiplyAdd(Vector256.Create(a3[i]), b0, c3);
        }
        c0.Store(c);
        c1.Store(c + cStride);
        c2.Store(c + 2 * cStride);
        c3.Store(c + 3 * cStride);
    }

    /// <summary>target[j, 0..n) += Σ_r p[r, j]·x_r[0..n) for j in 0..m and four rows r; n is a multiple of
    /// <see cref="Simd.Width"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void AddOuter(float* p, int pStride, int m, float* x0, float* x1, float* x2, float* x3, int n, float* target,
        int targetStride)
    {
        var c = 0;
        for (; c <= n - Columns; c += Columns)
        {
            Vector512<float> v0 = Vector512.Load(x0 + c), v1 = Vector512.Load(x1 + c), v2 = Vector512.Load(x2 + c),
                v3 = Vector512.Load(x3 + c);
            var row = target + c;
            for (var j = 0; j < m; j++, row += targetStride)
            {
                var t = Vector512.FusedMultiplyAdd(Vector512.Create(p[j]), v0, Vector512.Load(row));
                t = Vector512.FusedMultiplyAdd(Vector512.Create(p[j + pStride]), v1, t);
                t = Vector512.FusedMultiplyAdd(Vector512.Create(p[j + 2 * pStride]), v2, t);
                Vector512.FusedMultiplyAdd(Vector512.Create(p[j + 3 * pStride]), v3, t).Store(row);
            }
        }
        if (c < n)
            AddOuterNarrow(p, pStride, m, Vector256.Load(x0 + c), Vector256.Load(x1 + c), Vector256.Load(x2 + c), Vector256.Load(x3 + c),
                target + c, targetStride);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void AddOuterNarrow(float* p, int pStride, int m, Vector256<float> x0, Vector256<float> x1, Vector256<float> x2,
        Vector256<float> x3, float* target, int targetStride)
    {
        for (var j = 0; j < m; j++, target += targetStride)
        {
            var t = Vector256.FusedMultiplyAdd(Vector256.Create(p[j]), x0, Vector256.Load(target));
            t = Vector256.FusedMultiplyAdd(Vector256.Create(p[j + pStride]), x1, t);
            t = Vector256.FusedMultiplyAdd(Vector256.Create(p[j + 2 * pStride]), x2, t);
            Vector256.FusedMultiplyAdd(Vector256.Create(p[j + 3 * pStride]), x3, t).Store(target);
        }
    }

    /// <summary>target[j, i] = source[i, j]: <paramref name="rows"/> rows of <paramref name="columns"/> become columns.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Transpose(float* source, int sourceStride, int rows, int columns, float* target, int targetStride)
    {
        int wholeRows = Simd.RoundDown(rows, Simd.Width), wholeColumns = Simd.RoundDown(columns, Simd.Width);
        for (var i = 0; i < wholeRows; i += Simd.Width)
            for (var j = 0; j < wholeColumns; j += Simd.Width)
                Simd.Transpose8(source + i * sourceStride + j, sourceStride, target + j * targetStride + i, targetStride);
        for (var i = 0; i < rows; i++)
            for (var j = i < wholeRows ? wholeColumns : 0; j < columns; j++)
                target[j * targetStride + i] = source[i * sourceStride + j];
    }

    /// <summary>Copies rows of <paramref name="columns"/> elements into rows of <paramref name="padded"/>, zeros after them.</summary>
    public static void CopyPadded(float* source, int sourceStride, int rows, int columns, float* target, int padded)
    {
        for (var i = 0; i < rows; i++)
        {
            new ReadOnlySpan<float>(source + i * sourceStride, columns).CopyTo(new Span<float>(target + i * padded, columns));
            new Span<float>(target + i * padded + columns, padded - columns).Clear();
        }
    }
}
