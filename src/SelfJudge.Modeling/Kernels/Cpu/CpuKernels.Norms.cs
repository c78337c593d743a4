using System.Runtime.Intrinsics;
using SelfJudge.Modeling.Tensors;
using static TorchSharp.torch;

namespace SelfJudge.Modeling.Kernels.Cpu;

public sealed unsafe partial class CpuKernels
{
    public void AddBias(Tensor y, Tensor bias)
    {
        int rows = (int)y.size(0), width = (int)y.size(1);
        IndexCheck.Same(bias.NumberOfElements, width, "elements of the bias");
        float* target = Ops.Address(y), b = Ops.Address(bias);
        for (var t = 0; t < rows; t++, target += width)
            Simd.AddScaled(target, 1f, b, width);
    }

    public void AddBiasGradient(Tensor dBias, Tensor dY)
    {
        int rows = (int)dY.size(0), width = (int)dY.size(1);
        IndexCheck.Same(dBias.NumberOfElements, width, "elements of the bias's gradient");
        float* target = Ops.Address(dBias), source = Ops.Address(dY);
        for (var t = 0; t < rows; t++, source += width)
            Simd.AddScaled(target, 1f, source, width);
    }

    public void NormHeads(Tensor qkv, HeadLayout heads, Tensor queryWeight, Tensor keyWeight, float eps)
    {
        IndexCheck.HeadNorms(qkv, heads, queryWeight, keyWeight);
        float* row = Ops.Address(qkv), query = Ops.Address(queryWeight), key = Ops.Address(keyWeight);
        for (var t = 0L; t < qkv.size(0); t++, row += heads.RowWidth)
            for (var h = 0; h < heads.Heads + heads.KeyValueHeads; h++)
            {
                var head = row + h * heads.HeadDim;
                NormRow(head, h < heads.Heads ? query : key, head, heads.HeadDim, eps);
            }
    }

    public void NormHeadsBackward(
        Tensor dQkv, Tensor unnormed, HeadLayout heads, Tensor queryWeight, Tensor keyWeight, float eps, Tensor? dQueryWeight,
            Tensor? dKeyWeight)
    {
        IndexCheck.HeadNorms(dQkv, heads, queryWeight, keyWeight, dQueryWeight, dKeyWeight);
        int dim = heads.HeadDim, normed = heads.Heads + heads.KeyValueHeads;
        IndexCheck.Same(unnormed.NumberOfElements, dQkv.size(0) * normed * dim, "elements of queries and keys");
        float* d = Ops.Address(dQkv), x = Ops.Address(unnormed), query = Ops.Address(queryWeight), key = Ops.Address(keyWeight);
        var dQuery = dQueryWeight is null ? null : Ops.Address(dQueryWeight);
        var dKey = dKeyWeight is null ? null : Ops.Address(dKeyWeight);
        var dHead = Scratch.Open(dim).Take(dim);
        for (var t = 0L; t < dQkv.size(0); t++, d += heads.RowWidth)
            for (var h = 0; h < normed; h++, x += dim)
            {
                var isQuery = h < heads.Heads;
                var target = new Span<float>(d + h * dim, dim);
                target.CopyTo(new Span<float>(dHead, dim));
                target.Clear();
                NormRowBackward(dHead, x, isQuery ? query : key, d + h * dim, isQuery ? dQuery : dKey, dim, eps);
            }
    }

    // The target may be the source.
    private static void NormRow(float* source, float* w, float* target, int width, float eps)
    {
        var inverse = InverseRms(source, width, eps);
        var f = Vector512.Create(inverse);
        var i = 0;
        for (; i <= width - Simd.Lanes; i += Simd.Lanes)
            (Vector512.Load(source + i) * f * Vector512.Load(w + i)).Store(target + i);
        for (; i < width; i++)
            target[i] = source[i] * inverse * w[i];
    }

    // y = x·s·w with s = (mean x² + eps)^-½, hence dx = s·(w·dy) − x·s³·mean(x·w·dy) and dw = Σ x·s·dy. Adds to dx and dw.
    private static void NormRowBackward(float* dy, float* x, float* w, float* dx, float* dw, int width, float eps)
    {
        var inverse = InverseRms(x, width, eps);
        var projection = ProductSum(x, w, dy, width) * inverse * inverse * inverse / width;
        var f = Vector512.Create(inverse);
        var g = Vector512.Create(-projection);
        var i = 0;
        for (; i <= width - Simd.Lanes; i += Simd.Lanes)
        {
            var xi = Vector512.Load(x + i);
            var dyi = Vector512.Load(dy + i) * f;
            var d = Vector512.FusedMultiplyAdd(dyi, Vector512.Load(w + i), g * xi);
            (Vector512.Load(dx + i) + d).Store(dx + i);
            if (dw != null)
                Vector512.FusedMultiplyAdd(dyi, xi, Vector512.Load(dw + i)).Store(dw + i);
        }
        for (; i < width; i++)
        {
            dx[i] += dy[i] * inverse * w[i] - projection * x[i];
            if (dw != null)
                dw[i] += dy[i] * inverse * x[i];
        }
    }

    private static float InverseRms(float* x, int n, float eps) => 1f / MathF.Sqrt(Simd.Dot(x, x, n) / n + eps);

    private static float ProductSum(float* a, float* b, float* c, int n)
    {
        var total = Vector512<float>.Zero;
        var i = 0;
        for (; i <= n - Simd.Lanes; i += Simd.Lanes)
            total = Vector512.FusedMultiplyAdd(Vector512.Load(a + i) * Vector512.Load(b + i), Vector512.Load(c + i), total);
        var sum = Vector512.Sum(total);
        for (; i < n; i++)
            sum += a[i] * b[i] * c[i];
        return sum;
    }
}
