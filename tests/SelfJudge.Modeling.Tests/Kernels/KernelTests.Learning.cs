using SelfJudge.Modeling.Kernels;
using SelfJudge.Modeling.Kernels.Cpu;
using SelfJudge.Modeling.Tensors;
using static TorchSharp.torch;

namespace SelfJudge.Modeling.Tests.Kernels;

public sealed partial class KernelTests
{
    [Theory]
    [InlineData(5, 28)]
    [InlineData(3, 16)]
    public void SwiGlu(int rows, int width)
    {
        Tensor x = Random(1, rows, 2 * width), d = Random(2, rows, width);
        Same(Torch.SwiGlu(x), Cpu.SwiGlu(x));
        Same(Torch.SwiGluBackward(d, x), Cpu.SwiGluBackward(d, x));
    }

    [Fact]
    public void Log_probabilities_of_targets()
    {
        var logits = Random(1, 6, 37);
        int[] targets = [0, 36, 5, 5, 20, 1];
        float[] coefficients = [1, -0.5f, 0, 2, 0.1f, -3];
        TestModels.AssertClose(Torch.TargetLogProbs(logits, targets), Cpu.TargetLogProbs(logits, targets), 1e-6f);
        Tensor a = logits.clone(), b = logits.clone();
        Assert.Equal(Torch.TargetLogProbs(logits, targets), Torch.TargetLogProbsBackward(a, targets, coefficients));
        Assert.Equal(Cpu.TargetLogProbs(logits, targets), Cpu.TargetLogProbsBackward(b, targets, coefficients));
        Same(a, b);
    }

    [Fact]
    public void Embedding_and_its_gradient()
    {
        var table = Random(1, 37, 20);
        int[] ids = [3, 3, 0, 36];
        Same(Torch.Embed(table, ids), Cpu.Embed(table, ids), 0);
        Tensor d = Random(2, 4, 20), a = Random(3, 37, 20), b = a.clone();
        Torch.EmbedBackward(ids, d, a);
        Cpu.EmbedBackward(ids, d, b);
        Same(a, b);
    }

    [Theory]
    [InlineData(3)]
    [InlineData(100)]
    public void The_sum_of_squares(int n)
    {
        var flat = Random(1, n);
        var expected = Ops.ToArray(flat).Sum(x => (double)x * x);
        Assert.Equal(expected, Cpu.SumOfSquares(flat), 1e-12 * n);
        Assert.Equal(expected, Torch.SumOfSquares(flat), 1e-6 * n);
    }

    /// <summary>As workers divide an update among them.</summary>
    [Fact]
    public void An_update_by_stretches_is_that_of_the_whole()
    {
        var step = new AdamWStep(3, 0.01f, 0.9f, 0.99f, 1e-8f, 0.1f, 0.5f, [(8, 20), (40, 10), (90, 3)]);
        Tensor[] whole = [Random(1, 100), Random(2, 100), Random(3, 100), Ops.Multiply(Random(4, 100), Random(4, 100))],
            parts = Array.ConvertAll(whole, t => t.clone());
        Cpu.AdamW(whole[0], whole[1], whole[2], whole[3], step);
        foreach (var (start, length) in new[] { (0L, 16L), (16, 32), (48, 52) })
        {
            var part = Array.ConvertAll(parts, t => t.narrow(0, start, length));
            Cpu.AdamW(part[0], part[1], part[2], part[3], step.Within(start, length));
        }
        Assert.Equal(Ops.ToArray(whole[0]), Ops.ToArray(parts[0]));
        Assert.Equal(Ops.ToArray(whole[3]), Ops.ToArray(parts[3]));
    }

    [Fact]
    public void AdamW_by_hand_and_by_LibTorch()
    {
        // First step, gradient 0.5: m = 0.05, v = 0.00025·…; bias-corrected both are exactly the gradient and its square,
        // so the step is lr·sign: 2·(1 − 0.1·0.01) − 0.1·0.5/(0.5 + 1e-8).
        Tensor w = Filled(2f), g = Filled(0.5f), m = Filled(0f), v = Filled(0f);
        Cpu.AdamW(w, g, m, v, new AdamWStep(1, 0.1f, 0.9f, 0.999f, 1e-8f, 0.01f, 1f, [(0, 9)]));
        Assert.Equal(2 * 0.999 - 0.1, Ops.ToArray(w)[0], 5);
        Assert.Equal(0.05, Ops.ToArray(m)[0], 6);
        Assert.Equal(0.00025, Ops.ToArray(v)[0], 8);

        Tensor[] a = [Random(1, 50), Random(2, 50), Random(3, 50), Ops.Multiply(Random(4, 50), Random(4, 50))];
        var b = Array.ConvertAll(a, t => t.clone());
        for (var step = 1; step <= 5; step++)
        {
            var s = new AdamWStep(step, 0.01f, 0.9f, 0.99f, 1e-8f, 0.1f, 0.5f, [(8, 20), (40, 10)]);
            Torch.AdamW(a[0], a[1].clone(), a[2], a[3], s);
            Cpu.AdamW(b[0], b[1].clone(), b[2], b[3], s);
        }
        Same(a[0], b[0]);
        Same(a[3], b[3]);
    }

    [Fact]
    public unsafe void Exponential_is_within_two_units_in_the_last_place()
    {
        var x = Ops.FromArray([.. Enumerable.Range(0, 8000).Select(i => -87f + i * 0.0218f)], Ops.Cpu);
        var y = Ops.Empty(Ops.Cpu, ScalarType.Float32, 8000);
        Simd.ExpShifted(Ops.Address(y), Ops.Address(x), 0, 8000);
        foreach (var (input, output) in Ops.ToArray(x).Zip(Ops.ToArray(y)))
        {
            var exact = (float)Math.Exp(input);
            Assert.True(Math.Abs(output - exact) <= 2 * Math.Abs(MathF.BitIncrement(exact) - exact),
                $"exp({input}) = {output}, exactly {exact}");
        }
    }
}
