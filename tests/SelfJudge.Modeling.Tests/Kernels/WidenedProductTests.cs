using SelfJudge.Modeling.Kernels;
using SelfJudge.Modeling.Kernels.Cpu;
using SelfJudge.Modeling.Tensors;
using static TorchSharp.torch;

namespace SelfJudge.Modeling.Tests.Kernels;

public sealed class WidenedProductTests : IDisposable
{
    private readonly TorchSharp.DisposeScope _scope = Ops.Scope();

    public void Dispose() => _scope.Dispose();

    /// <summary>4 Mi elements a block: 600 × 20,000 takes three, of 209, 209 and 182 rows.</summary>
    [Theory]
    [InlineData(12, 8)]
    [InlineData(600, 20_000)]
    public void It_is_the_product_with_the_widened_matrix(int outputs, int inputs)
    {
        var narrow = Ops.To(Random(1, outputs, inputs), ScalarType.BFloat16);
        var wide = Ops.To(narrow, ScalarType.Float32);
        Tensor x = Random(2, 3, inputs), dY = Random(3, 3, outputs);
        TestModels.AssertClose(Ops.ToArray(Ops.MatMul(x, wide.t())), Ops.ToArray(CpuKernels.Instance.TimesNarrow(x, narrow, transposed: true)), 1e-4f);
        TestModels.AssertClose(Ops.ToArray(Ops.MatMul(dY, wide)), Ops.ToArray(CpuKernels.Instance.TimesNarrow(dY, narrow, transposed: false)), 1e-4f);
    }

    [Fact]
    public void On_a_gpu_the_other_factor_and_the_result_are_rounded_too()
    {
        var x = Ops.FromArray([1.00390625f, 1], Ops.Cpu, 1, 2); // 1 + 2⁻⁸, which lies between two numbers of bfloat16 and goes to the even one
        var narrow = Ops.To(Ops.FromArray([2, 0, 0, 3], Ops.Cpu, 2, 2), ScalarType.BFloat16);
        Assert.Equal([2.0078125f, 3], Ops.ToArray(CpuKernels.Instance.TimesNarrow(x, narrow, transposed: true)));
        var rounded = TorchKernels.Instance.TimesNarrow(x, narrow, transposed: true);
        Assert.Equal(ScalarType.Float32, rounded.dtype);
        Assert.Equal([2f, 3], Ops.ToArray(rounded));
    }

    private static Tensor Random(ulong seed, int rows, int columns) => Ops.FromArray(TestModels.Randoms(rows * columns, seed), Ops.Cpu, rows, columns);
}
