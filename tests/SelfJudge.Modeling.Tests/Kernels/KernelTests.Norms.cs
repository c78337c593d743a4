using SelfJudge.Modeling.Kernels;
using SelfJudge.Modeling.Tensors;
using static TorchSharp.torch;

namespace SelfJudge.Modeling.Tests.Kernels;

public sealed partial class KernelTests
{
    [Theory]
    [InlineData(4, 2, 6)]
    [InlineData(3, 1, 24)]
    [InlineData(2, 2, 64)]
    public void Norms_of_heads(int heads, int keyValueHeads, int dim)
    {
        var layout = new HeadLayout(heads, keyValueHeads, dim);
        int keys = layout.QueryWidth, values = keys + layout.KeyValueWidth;
        Tensor a = Random(1, 5, layout.RowWidth), b = a.clone(), wq = Random(2, dim), wk = Random(3, dim);
        Tensor unnormed = a.narrow(1, 0, values).clone(), asTheyWere = a.narrow(1, values, layout.KeyValueWidth).clone();
        Torch.NormHeads(a, layout, wq, wk, 1e-5f);
        Cpu.NormHeads(b, layout, wq, wk, 1e-5f);
        Same(a, b);
        // Values are left alone; a head is a row of its own.
        Same(asTheyWere, b.narrow(1, values, layout.KeyValueWidth).clone());
        Same(Torch.RmsNorm(unnormed.narrow(1, keys, dim).clone(), wk, 1e-5f), b.narrow(1, keys, dim).clone());
        Tensor d1 = Random(4, 5, layout.RowWidth), d2 = d1.clone();
        Tensor dq1 = Random(5, dim), dq2 = dq1.clone(), dk1 = Random(6, dim), dk2 = dk1.clone();
        Torch.NormHeadsBackward(d1, unnormed, layout, wq, wk, 1e-5f, dq1, dk1);
        Cpu.NormHeadsBackward(d2, unnormed, layout, wq, wk, 1e-5f, dq2, dk2);
        Same(d1, d2);
        Same(dq1, dq2);
        Same(dk1, dk2);
        var tooLong = Random(3, dim + 1);
        Assert.Contains("elements of the norm of heads",
            Assert.Throws<ArgumentException>(() => Cpu.NormHeads(b, layout, wq, tooLong, 1e-5f)).Message);
    }

    [Fact]
    public void Biases()
    {
        Tensor y = Random(1, 5, 21), y2 = y.clone(), bias = Random(2, 21), d1 = Random(3, 21), d2 = d1.clone(), expected = y.clone();
        Torch.AddBias(y, bias);
        Cpu.AddBias(y2, bias);
        Same(y, y2);
        for (var i = 0; i < 5 * 21; i++)
            Ops.Floats(expected)[i] += Ops.Floats(bias)[i % 21];
        Same(expected, y2);
        Torch.AddBiasGradient(d1, y);
        Cpu.AddBiasGradient(d2, y);
        Same(d1, d2);
        Assert.Contains("elements of the bias", Assert.Throws<ArgumentException>(() => Cpu.AddBias(y, Random(2, 20))).Message);
    }
}
