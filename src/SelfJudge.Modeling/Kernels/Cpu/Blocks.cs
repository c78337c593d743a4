using System.Runtime.Intrinsics;

namespace SelfJudge.Modeling.Kernels.Cpu;

/// <summary>
/// The two small products that attention is made of, for blocks of four rows: with four rows and sixteen columns the
/// accumulators fill half of the vector registers, and each loaded vector of the second operand serves four products.
/// Eight columns that are left over are done by themselves.
/// </summary>
internal static unsafe class Blocks
{
    public const int Rows = 4;
    public const int Columns = 2 * Simd.Width;

    /// <summary>c[r, 0..n) = a_r[0..k)·b[0..k, 0..n) for four rows; n is a multiple of <see cref="Simd.Width"/>.</summary>
    public static void Multiply(float* a0, float* a1, float* a2, float* a3, int k, float* b, int bStride, int n, float* c, int cStride)
    {
        var j = 0;
        for (; j <= n - Columns; j += Columns)
        {
            Vector256<float> c00 = default, c01 = default, c10 = default, c11 = default;
            Vector256<float> c20 = default, c21 = default, c30 = default, c31 = default;
            var row = b + j;
            for (var i = 0; i < k; i++, row += bStride)
            {
                var b0 = Vector256.Load(row);
                var b1 = Vector256.Load(row + Simd.Width);
                var f = Vector256.Create(a0[i]);
                c00 = Vector256.FusedMultiplyAdd(f, b0, c00);
                c01 = Vector256.FusedMultiplyAdd(f, b1, c01);
                f = Vector256.Create(a1[i]);
                c10 = Vector256.FusedMultiplyAdd(f, b0, c10);
                c11 = Vector256.FusedMultiplyAdd(f, b1, c11);
                f = Vector256.Create(a2[i]);
                c20 = Vector256.FusedMultiplyAdd(f, b0, c20);
                c21 = Vector256.FusedMultiplyAdd(f, b1, c21);
                f = Vector256.Create(a3[i]);
                c30 = Vector256.FusedMultiplyAdd(f, b0, c30);
                c31 = Vector256.FusedMultiplyAdd(f, b1, c31);
            }
            var o = c + j;
            c00.Store(o);
            c01.Store(o + Simd.Width);
            o += cStride;
            c10.Store(o);
            c11.Store(o + Simd.Width);
            o += cStride;
            c20.Store(o);
            c21.Store(o + Simd.Width);
            o += cStride;
            c30.Store(o);
            c31.Store(o + Simd.Width);
        }
        if (j < n)
            MultiplyNarrow(a0, a1, a2, a3, k, b + j, bStride, c + j, cStride);
    }

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

    /// <summary>target[j, 0..n) += Σ_r p[r, j]·x_r[0..n) for j in 0..m and four rows r; n is a multiple of <see cref="Simd.Width"/>.</summary>
    public static void AddOuter(float* p, int pStride, int m, float* x0, float* x1, float* x2, float* x3, int n, float* target, int targetStride)
    {
        var c = 0;
        for (; c <= n - Columns; c += Columns)
        {
            var x00 = Vector256.Load(x0 + c);
            var x01 = Vector256.Load(x0 + c + Simd.Width);
            var x10 = Vector256.Load(x1 + c);
            var x11 = Vector256.Load(x1 + c + Simd.Width);
            var x20 = Vector256.Load(x2 + c);
            var x21 = Vector256.Load(x2 + c + Simd.Width);
            var x30 = Vector256.Load(x3 + c);
            var x31 = Vector256.Load(x3 + c + Simd.Width);
            var row = target + c;
            for (var j = 0; j < m; j++, row += targetStride)
            {
                var t0 = Vector256.Load(row);
                var t1 = Vector256.Load(row + Simd.Width);
                var f = Vector256.Create(p[j]);
                t0 = Vector256.FusedMultiplyAdd(f, x00, t0);
                t1 = Vector256.FusedMultiplyAdd(f, x01, t1);
                f = Vector256.Create(p[j + pStride]);
                t0 = Vector256.FusedMultiplyAdd(f, x10, t0);
                t1 = Vector256.FusedMultiplyAdd(f, x11, t1);
                f = Vector256.Create(p[j + 2 * pStride]);
                t0 = Vector256.FusedMultiplyAdd(f, x20, t0);
                t1 = Vector256.FusedMultiplyAdd(f, x21, t1);
                f = Vector256.Create(p[j + 3 * pStride]);
                t0 = Vector256.FusedMultiplyAdd(f, x30, t0);
                t1 = Vector256.FusedMultiplyAdd(f, x31, t1);
                t0.Store(row);
                t1.Store(row + Simd.Width);
            }
        }
        if (c < n)
            AddOuterNarrow(p, pStride, m, Vector256.Load(x0 + c), Vector256.Load(x1 + c), Vector256.Load(x2 + c), Vector256.Load(x3 + c), target + c, targetStride);
    }

    private static void AddOuterNarrow(float* p, int pStride, int m, Vector256<float> x0, Vector256<float> x1, Vector256<float> x2, Vector256<float> x3, float* target, int targetStride)
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
    public static void Transpose(float* source, int sourceStride, int rows, int columns, float* target, int targetStride)
    {
        for (var i = 0; i < rows; i++)
            for (var j = 0; j < columns; j++)
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
