using SelfJudge.Modeling.Hosting;
using SelfJudge.Modeling.Kernels;
using SelfJudge.Modeling.Kernels.Cpu;
using SelfJudge.Modeling.Tensors;
using static TorchSharp.torch;

namespace SelfJudge.Modeling.Tests.Kernels;

/// <summary>Products that round activations to bfloat16, against double precision. On a processor that cannot, they are refused.</summary>
public sealed class RoundedProductTests : IDisposable
{
    private static readonly CpuKernels Rounding = CpuKernels.Rounding;
    private readonly TorchSharp.DisposeScope _scope = Ops.Scope();

    public void Dispose() => _scope.Dispose();

    /// <summary>Rows around those of a call and of a block, columns around a panel's, depths odd, even, and of several calls.</summary>
    [Theory]
    [InlineData(1, 1, 1)]
    [InlineData(1, 48, 288)]
    [InlineData(5, 50, 7)]
    [InlineData(64, 16, 1024)]
    [InlineData(65, 97, 1025)]
    [InlineData(31, 200, 2050)]
    [InlineData(513, 49, 33)]
    public void Every_form_of_a_product_is_that_of_rounded_activations(int rows, int columns, int depth)
    {
        Assert.SkipWhen(RoundedProduct.Problem is not null, RoundedProduct.Problem ?? "");
        Tensor x = Random(1, rows, depth), w = Narrow(Random(2, columns, depth)), dY = Random(3, rows, columns),
            residual = Random(4, rows, columns);
        var matrix = new WeightMatrix(w);
        var unpacked = Rounding.Times(x, matrix);
        Close(x, w.t(), null, unpacked);
        Close(x, w.t(), residual, Rounding.Times(x, matrix, residual));
        Close(dY, w, null, Rounding.TimesBackward(dY, matrix));
        var logits = Ops.Zeros(Ops.Cpu, rows, columns);
        Rounding.LogitsInto(logits, x, matrix);
        Close(x, w.t(), null, logits);
        Rounding.Prepare(matrix);
        Assert.Equal(Ops.ToArray(unpacked), Ops.ToArray(Rounding.Times(x, matrix)));
        Close(x, w.t(), residual, Rounding.Times(x, matrix, residual));
        matrix.Release();
    }

    [Fact]
    public void It_is_refused_where_it_cannot_be_computed()
    {
        var problem = Record.Exception(() => Rounding.Times(Random(1, 3, 8), new WeightMatrix(Narrow(Random(2, 4, 8)))));
        Assert.Equal(RoundedProduct.Problem, problem?.Message);
    }

    [Fact]
    public void A_row_has_the_same_bits_whatever_rows_are_beside_it()
    {
        Assert.SkipWhen(RoundedProduct.Problem is not null, RoundedProduct.Problem ?? "");
        Tensor x = Random(1, 600, 1300);
        var matrix = new WeightMatrix(Narrow(Random(2, 190, 1300)));
        var all = Ops.ToArray(Rounding.Times(x, matrix));
        foreach (var (first, count) in Enumerable.Range(1, 70).Select(n => (3 * n, n)).Append((80, 515)))
            Assert.Equal(all[(first * 190)..((first + count) * 190)], Ops.ToArray(Rounding.Times(x.narrow(0, first, count), matrix)));
    }

    /// <summary>1 + 2⁻⁸ lies between two numbers of bfloat16 and goes to the even one; what is no number stays none, also where all its
    /// bits are set.</summary>
    [Fact]
    public void Activations_are_rounded_to_the_nearest()
    {
        Assert.SkipWhen(RoundedProduct.Problem is not null, RoundedProduct.Problem ?? "");
        var one = new WeightMatrix(Narrow(Ops.FromArray([1, 0], Ops.Cpu, 1, 2)));
        foreach (var (given, expected) in new[] { (1.00390625f, 1f), (1.00390637f, 1.0078125f), (1.01171875f, 1.015625f),
            (-1.00390637f, -1.0078125f), (float.PositiveInfinity, float.PositiveInfinity),
            (float.NaN, float.NaN), (BitConverter.UInt32BitsToSingle(0x7FFFFFFF), float.NaN),
                (BitConverter.UInt32BitsToSingle(0x7F800001), float.NaN) })
            foreach (var width in new[] { 2, 32 }) // one by one, and by vectors
            {
                var x = new float[width];
                x[0] = given;
                var weight = width == 2 ? one : new WeightMatrix(Narrow(Ops.FromArray([1, .. new float[width - 1]], Ops.Cpu, 1, width)));
                Assert.Equal([expected], Ops.ToArray(Rounding.Times(Ops.FromArray(x, Ops.Cpu, 1, width), weight)));
            }
    }

    [Fact]
    public void Matrices_of_float32_are_multiplied_as_ever()
    {
        Tensor x = Random(1, 9, 64);
        var matrix = new WeightMatrix(Random(2, 50, 64));
        Assert.Equal(Ops.ToArray(CpuKernels.Instance.Times(x, matrix)), Ops.ToArray(Rounding.Times(x, matrix)));
    }

    [Fact]
    public void Shapes_that_do_not_fit_are_refused()
    {
        var matrix = new WeightMatrix(Narrow(Random(1, 5, 4)));
        Assert.Contains("does not fit", Assert.Throws<ArgumentException>(() => Rounding.Times(Random(2, 3, 5), matrix)).Message,
            StringComparison.Ordinal);
        Assert.Contains("does not fit", Assert.Throws<ArgumentException>(() => Rounding.TimesBackward(Random(2, 3, 4), matrix)).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void A_host_says_that_it_rounds_or_why_it_cannot()
    {
        Assert.Contains("on a GPU bfloat16 rounds", Assert.Throws<DeviceException>(() => WeightDtypes.Resolve("rounded", "cuda:0")).Message,
            StringComparison.Ordinal);
        if (RoundedProduct.Problem is { } problem)
        {
            Assert.Contains(problem, Assert.Throws<DeviceException>(() =>
                new ModelHost(new ModelHostOptions { Dtype = WeightDtype.Rounded })).Message, StringComparison.Ordinal);
            return;
        }
        using var host = new ModelHost(new ModelHostOptions { Dtype = WeightDtype.Rounded });
        Assert.Equal("cpu, activations rounded to bfloat16 in products (some 3e-3 off)", host.Device);
    }

    // Against the product of what is rounded by LibTorch, to the rounding of float32's sums (2⁻²³ each, since the instruction
    // rounds twice); and against that of what is not, to 2⁻⁸ of every term, bfloat16's half unit.
    private static void Close(Tensor a, Tensor b, Tensor? add, Tensor actual)
    {
        int m = (int)a.size(0), k = (int)a.size(1), n = (int)b.size(1);
        float[] given = Ops.ToArray(a), rounded = Ops.ToArray(Narrow(a)), y = Ops.ToArray(b), found = Ops.ToArray(actual),
            added = add is null ? new float[m * n] : Ops.ToArray(add);
        for (var i = 0; i < m; i++)
            for (var j = 0; j < n; j++)
            {
                double exact = added[i * n + j], expected = exact, size = Math.Abs(exact), terms = 0;
                for (var l = 0; l < k; l++)
                {
                    exact += (double)given[i * k + l] * y[l * n + j];
                    expected += (double)rounded[i * k + l] * y[l * n + j];
                    terms += Math.Abs((double)given[i * k + l] * y[l * n + j]);
                }
                var sums = (2 + Math.Sqrt(k)) * Math.ScaleB(1, -23) * (size + terms);
                Assert.True(Math.Abs(expected - found[i * n + j]) <= sums, $"element {i}, {j}: {expected}, not {found[i * n + j]}");
                Assert.True(Math.Abs(exact - found[i * n + j]) <= Math.ScaleB(terms, -8) + sums,
                    $"element {i}, {j}: {exact}, not {found[i * n + j]}");
            }
    }

    private static Tensor Narrow(Tensor x) => Ops.To(x, ScalarType.BFloat16);

    private static Tensor Random(ulong seed, int rows, int columns) =>
        Ops.FromArray(TestModels.Randoms(rows * columns, seed), Ops.Cpu, rows, columns);
}
