using System.Runtime.Intrinsics;
using SelfJudge.Modeling.Tensors;
using static TorchSharp.torch;

namespace SelfJudge.Modeling.Kernels.Cpu;

public sealed unsafe partial class CpuKernels
{
    public float[] TargetLogProbs(Tensor logits, int[] targets)
    {
        IndexCheck.Targets(logits, targets);
        var width = (int)logits.size(1);
        var row = Ops.Address(logits);
        var scratch = Scratch.Open(width).Take(width);
        var result = new float[targets.Length];
        for (var t = 0; t < targets.Length; t++, row += width)
        {
            var max = Simd.Max(row, width);
            result[t] = row[targets[t]] - max - MathF.Log(Simd.ExpShifted(scratch, row, max, width));
        }
        return result;
    }

    public float[] TargetLogProbsBackward(Tensor logits, int[] targets, float[] coefficients)
    {
        IndexCheck.Targets(logits, targets);
        IndexCheck.Same(coefficients.Length, targets.Length, "coefficients");
        var width = (int)logits.size(1);
        var row = Ops.Address(logits);
        var result = new float[targets.Length];
        for (var t = 0; t < targets.Length; t++, row += width)
        {
            var (max, logit) = (Simd.Max(row, width), row[targets[t]]);
            var sum = Simd.ExpShifted(row, row, max, width);
            result[t] = logit - max - MathF.Log(sum);
            Simd.Scale(row, -coefficients[t] / sum, width);
            row[targets[t]] += coefficients[t];
        }
        return result;
    }

    public double SumOfSquares(Tensor flat)
    {
        var n = flat.NumberOfElements;
        var a = Ops.Address(flat);
        Vector512<double> low = default, high = default;
        long i = 0;
        for (; i <= n - Simd.Lanes; i += Simd.Lanes)
        {
            var x = Vector512.Load(a + i);
            Vector512<double> x0 = Vector512.WidenLower(x), x1 = Vector512.WidenUpper(x);
            low = Vector512.FusedMultiplyAdd(x0, x0, low);
            high = Vector512.FusedMultiplyAdd(x1, x1, high);
        }
        var sum = Vector512.Sum(low + high);
        for (; i < n; i++)
            sum += (double)a[i] * a[i];
        return sum;
    }

    public void AdamW(Tensor weights, Tensor gradient, Tensor mean, Tensor variance, AdamWStep step)
    {
        IndexCheck.Update(weights, gradient, mean, variance, step);
        float* w = Ops.Address(weights), g = Ops.Address(gradient), m = Ops.Address(mean), v = Ops.Address(variance);
        foreach (var (start, length) in step.DecayRanges)
            Scale(w + start, 1f - step.LearningRate * step.WeightDecay, length);
        var rate = step.LearningRate / (1f - MathF.Pow(step.Beta1, step.Step));
        var correction = 1f / MathF.Sqrt(1f - MathF.Pow(step.Beta2, step.Step));
        var n = weights.NumberOfElements;
        long i = 0;
        for (; i <= n - Simd.Lanes; i += Simd.Lanes)
        {
            var gi = Vector512.Load(g + i) * step.GradientScale;
            var mi = Vector512.Load(m + i) * step.Beta1 + gi * (1f - step.Beta1);
            var vi = Vector512.Load(v + i) * step.Beta2 + gi * gi * (1f - step.Beta2);
            mi.Store(m + i);
            vi.Store(v + i);
            var denominator = Vector512.Sqrt(vi) * correction + Vector512.Create(step.Epsilon);
            (Vector512.Load(w + i) - mi * rate / denominator).Store(w + i);
        }
        for (; i < n; i++)
        {
            var gi = g[i] * step.GradientScale;
            m[i] = m[i] * step.Beta1 + gi * (1f - step.Beta1);
            v[i] = v[i] * step.Beta2 + gi * gi * (1f - step.Beta2);
            w[i] -= m[i] * rate / (MathF.Sqrt(v[i]) * correction + step.Epsilon);
        }
    }
}
