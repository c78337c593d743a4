using System.Runtime.InteropServices;
using SelfJudge.Modeling.Kernels;
using SelfJudge.Modeling.Kernels.Cpu;
using static TorchSharp.torch;

namespace SelfJudge.Modeling.Tests.Hosting;

/// <summary>A processor's kernels, of which one fails when it is told to.</summary>
internal sealed class ScarceKernels : IKernels
{
    private static readonly CpuKernels Kernels = CpuKernels.Instance;

    private volatile string? _failing;
    private Exception? _failure;

    /// <param name="native">What LibTorch says; null where the managed heap has no room.</param>
    public void Fail(string kernel, string? native = null)
    {
#pragma warning disable CA2201 // These are what the runtime and TorchSharp throw.
        _failure = native is null ? new OutOfMemoryException() : new ExternalException(native);
#pragma warning restore CA2201
        _failing = kernel;
    }

    public void Recover() => _failing = null;

    public Tensor Embed(Tensor table, int[] ids) => Kernels.Embed(table, ids);

    public void EmbedBackward(int[] ids, Tensor dOut, Tensor dTable) => Kernels.EmbedBackward(ids, dOut, dTable);

    public void Prepare(WeightMatrix matrix)
    {
        Try(nameof(Prepare));
        Kernels.Prepare(matrix);
    }

    public Tensor Times(Tensor x, WeightMatrix matrix, Tensor? residual = null) => Kernels.Times(x, matrix, residual);

    public Tensor TimesBackward(Tensor dY, WeightMatrix matrix) => Kernels.TimesBackward(dY, matrix);

    public void AddTimes(Tensor target, Tensor x, WeightMatrix matrix, float scale) => Kernels.AddTimes(target, x, matrix, scale);

    public void AddTimesBackward(Tensor dX, Tensor dY, WeightMatrix matrix, float scale) => Kernels.AddTimesBackward(dX, dY, matrix, scale);

    public void AddWeightGradient(Tensor dW, Tensor dY, Tensor x, float scale = 1f) => Kernels.AddWeightGradient(dW, dY, x, scale);

    public void AddBias(Tensor y, Tensor bias) => Kernels.AddBias(y, bias);

    public void AddBiasGradient(Tensor dBias, Tensor dY) => Kernels.AddBiasGradient(dBias, dY);

    public void NormHeads(Tensor qkv, HeadLayout heads, Tensor queryWeight, Tensor keyWeight, float eps) =>
        Kernels.NormHeads(qkv, heads, queryWeight, keyWeight, eps);

    public void NormHeadsBackward(
        Tensor dQkv, Tensor unnormed, HeadLayout heads, Tensor queryWeight, Tensor keyWeight, float eps, Tensor? dQueryWeight,
            Tensor? dKeyWeight) =>
        Kernels.NormHeadsBackward(dQkv, unnormed, heads, queryWeight, keyWeight, eps, dQueryWeight, dKeyWeight);

    public void LogitsInto(Tensor result, Tensor hidden, WeightMatrix head) => Kernels.LogitsInto(result, hidden, head);

    public Tensor RmsNorm(Tensor x, Tensor weight, float eps) => Kernels.RmsNorm(x, weight, eps);

    public void RmsNormBackward(Tensor dOut, Tensor x, Tensor weight, float eps, Tensor dX, Tensor? dWeight) =>
        Kernels.RmsNormBackward(dOut, x, weight, eps, dX, dWeight);

    public void Rotate(Tensor qkv, HeadLayout heads, int[] positions, RotaryTable table, bool inverse = false) =>
        Kernels.Rotate(qkv, heads, positions, table, inverse);

    public (Tensor Out, Tensor LogSumExp) Attend(
        Tensor qkv, HeadLayout heads, int[] offsets, int[]? shared = null, HeldRows? held = null, int[]? rows = null)
    {
        Try(nameof(Attend));
        return Kernels.Attend(qkv, heads, offsets, shared, held, rows);
    }

    public Tensor AttendBackward(Tensor dOut, Tensor qkv, Tensor @out, Tensor logSumExp, HeadLayout heads, int[] offsets)
    {
        Try(nameof(AttendBackward));
        return Kernels.AttendBackward(dOut, qkv, @out, logSumExp, heads, offsets);
    }

    public Tensor AttendCached(Tensor qkv, HeadLayout heads, int[] offsets, int[] slots, int[] lengths, CachedLayer cache)
    {
        Try(nameof(AttendCached));
        return Kernels.AttendCached(qkv, heads, offsets, slots, lengths, cache);
    }

    public void CopySlot(CachedLayer cache, int source, int[] targets, int length) => Kernels.CopySlot(cache, source, targets, length);

    public void CopyKeysValues(Tensor qkv, HeadLayout heads, int[] rows, Tensor target, int[] places) =>
        Kernels.CopyKeysValues(qkv, heads, rows, target, places);

    public Tensor SwiGlu(Tensor gateUp) => Kernels.SwiGlu(gateUp);

    public Tensor SwiGluBackward(Tensor dOut, Tensor gateUp) => Kernels.SwiGluBackward(dOut, gateUp);

    public float[] TargetLogProbs(Tensor logits, int[] targets) => Kernels.TargetLogProbs(logits, targets);

    public float[] TargetLogProbsBackward(Tensor logits, int[] targets, float[] coefficients) =>
        Kernels.TargetLogProbsBackward(logits, targets, coefficients);

    public double SumOfSquares(Tensor flat) => Kernels.SumOfSquares(flat);

    public void AdamW(Tensor weights, Tensor gradient, Tensor mean, Tensor variance, AdamWStep step) =>
        Kernels.AdamW(weights, gradient, mean, variance, step);

    private void Try(string kernel)
    {
        if (kernel == _failing)
            throw _failure!;
    }
}
