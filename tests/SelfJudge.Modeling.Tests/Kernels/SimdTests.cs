using SelfJudge.Modeling.Kernels.Cpu;

namespace SelfJudge.Modeling.Tests.Kernels;

public sealed class SimdTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(15)]
    [InlineData(16)]
    [InlineData(33)]
    [InlineData(49)]
    [InlineData(190)]
    public unsafe void Loops_over_rows_of_any_length_touch_that_row_alone(int n)
    {
        float[] a = [.. Enumerable.Range(0, n).Select(i => (float)Math.Sin(i))],
            b = [.. Enumerable.Range(0, n).Select(i => (float)Math.Cos(3 * i))];
        var target = Enumerable.Repeat(7f, n + 20).ToArray();
        fixed (float* x = a, y = b, t = target)
        {
            Assert.Equal(a.Zip(b, (p, q) => (double)p * q).Sum(), Simd.Dot(x, y, n), 1e-5);
            Assert.Equal(a.Max(), Simd.Max(x, n));
            Assert.Equal(a.Sum(p => Math.Exp(p - 0.5)), Simd.ExpShifted(t, x, 0.5f, n), 1e-4);
            Simd.AddScaled(t, 2f, y, n);
            Simd.Scale(t, 0.5f, n);
        }
        for (var i = 0; i < n; i++)
            Assert.Equal((Math.Exp(a[i] - 0.5) + 2 * b[i]) / 2, target[i], 1e-6);
        Assert.All(target[n..], rest => Assert.Equal(7f, rest));
    }
}
