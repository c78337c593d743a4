using SelfJudge.Modeling.Kernels;
using SelfJudge.Modeling.Kernels.Cpu;
using SelfJudge.Modeling.Tensors;
using static TorchSharp.torch;

namespace SelfJudge.Modeling.Tests.Kernels;

/// <summary>Products of matrices against plain loops in double precision, and against LibTorch's.</summary>
public sealed class MatrixProductTests : IDisposable
{
    private static readonly CpuKernels Cpu = CpuKernels.Instance;
    private static readonly TorchKernels Torch = TorchKernels.Instance;
    private readonly TorchSharp.DisposeScope _scope = Ops.Scope();

    public void Dispose() => _scope.Dispose();

    /// <summary>Rows below, at and above a tile's; columns around a vector's, a panel's and several panels'; depths of one stretch and of
    /// several.</summary>
    public static TheoryData<int, int, int> Shapes()
    {
        var shapes = new TheoryData<int, int, int>();
        foreach (var rows in new[] { 1, 2, 5, 8, 9, 31 })
            foreach (var columns in new[] { 1, 15, 16, 17, 47, 48, 50, 64, 190 })
                foreach (var depth in new[] { 1, 7, 64, 513 })
                    shapes.Add(rows, columns, depth);
        shapes.Add(200, 97, 300); // more rows than are multiplied with one panel after the other
        shapes.Add(3, 40, 1700); // four stretches
        shapes.Add(300, 1600, 40); // more panels than the gradient of a matrix packs at once
        return shapes;
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Every_form_of_a_product_is_that_of_double_precision(int rows, int columns, int depth)
    {
        Tensor x = Random(1, rows, depth), w = Random(2, columns, depth), dY = Random(3, rows, columns),
            residual = Random(4, rows, columns);
        var matrix = new WeightMatrix(w);
        var product = Exact(x, w.t());
        Close(product, Cpu.Times(x, matrix), depth);
        Close(product.Plus(residual), Cpu.Times(x, matrix, residual), depth);
        Close(Exact(dY, w), Cpu.TimesBackward(dY, matrix), columns);
        var target = residual.clone();
        Cpu.AddTimes(target, x, matrix, 0.5f);
        Close(product.Plus(residual, 0.5), target, depth);
        Tensor dX = Random(5, rows, depth), dXBefore = dX.clone();
        Cpu.AddTimesBackward(dX, dY, matrix, 0.25f);
        Close(Exact(dY, w).Plus(dXBefore, 0.25), dX, columns);
        Tensor dW = Random(6, columns, depth), dWBefore = dW.clone();
        Cpu.AddWeightGradient(dW, dY, x, -2f);
        Close(Exact(dY.t(), x).Plus(dWBefore, -2), dW, rows);
        Cpu.Prepare(matrix);
        Close(product, Cpu.Times(x, matrix), depth);
        matrix.Release();
    }

    [Fact]
    public void Both_kernels_compute_the_same()
    {
        Tensor x = Random(1, 37, 288), w = Random(2, 768, 288), dY = Random(3, 37, 768);
        var matrix = new WeightMatrix(w);
        TestModels.AssertClose(Ops.ToArray(Torch.Times(x, matrix)), Ops.ToArray(Cpu.Times(x, matrix)), 1e-4f);
        TestModels.AssertClose(Ops.ToArray(Torch.Times(x, matrix, dY)), Ops.ToArray(Cpu.Times(x, matrix, dY)), 1e-4f);
        TestModels.AssertClose(Ops.ToArray(Torch.TimesBackward(dY, matrix)), Ops.ToArray(Cpu.TimesBackward(dY, matrix)), 1e-4f);
        Tensor a = Random(4, 768, 288), b = a.clone();
        Torch.AddWeightGradient(a, dY, x, 0.5f);
        Cpu.AddWeightGradient(b, dY, x, 0.5f);
        TestModels.AssertClose(Ops.ToArray(a), Ops.ToArray(b), 1e-4f);
    }

    /// <summary>The columns of one projection within a fused matrix, as an adapter adds to them and reads their gradient.</summary>
    [Theory]
    [InlineData(0, 16)]
    [InlineData(5, 30)]
    [InlineData(96, 48)]
    public void Columns_of_a_wider_matrix_are_computed_in_place(int start, int count)
    {
        Tensor x = Random(1, 11, 8), wide = Random(2, 11, 144), before = wide.clone();
        var b = new WeightMatrix(Random(3, count, 8));
        Cpu.AddTimes(wide.narrow(1, start, count), x, b, 2f);
        var expected = before.clone();
        Torch.AddTimes(expected.narrow(1, start, count), x, b, 2f);
        TestModels.AssertClose(Ops.ToArray(expected), Ops.ToArray(wide), 1e-5f);
        var part = before.narrow(1, start, count);
        Close(Exact(part, b.Weight), Cpu.TimesBackward(part, b), count);
        Tensor dB = Random(4, count, 8), dBefore = dB.clone();
        Cpu.AddWeightGradient(dB, part, x);
        Close(Exact(part.t(), x).Plus(dBefore), dB, 11);
    }

    /// <summary>What samples a sequence, trains on it and judges it does so in batches of other sizes.</summary>
    [Fact]
    public void A_row_has_the_same_bits_whatever_rows_are_beside_it_and_whether_the_matrix_is_packed()
    {
        Tensor x = Random(1, 205, 700), w = Random(2, 190, 700);
        var matrix = new WeightMatrix(w);
        var all = Ops.ToArray(Cpu.Times(x, matrix));
        Cpu.Prepare(matrix);
        Assert.Equal(all, Ops.ToArray(Cpu.Times(x, matrix)));
        foreach (var (first, count) in new[] { (0, 1), (7, 2), (50, 13), (100, 105) })
            Assert.Equal(all[(first * 190)..((first + count) * 190)], Ops.ToArray(Cpu.Times(x.narrow(0, first, count), matrix)));
        matrix.Release();
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public void A_matrix_in_bfloat16_is_widened_and_nothing_is_rounded(int rows, int columns, int depth)
    {
        var narrow = Ops.To(Random(1, columns, depth), ScalarType.BFloat16);
        Tensor wide = Ops.To(narrow, ScalarType.Float32), x = Random(2, rows, depth), dY = Random(3, rows, columns);
        WeightMatrix matrix = new(narrow), widened = new(wide);
        var product = Ops.ToArray(Cpu.Times(x, widened));
        Assert.Equal(product, Ops.ToArray(Cpu.Times(x, matrix)));
        Assert.Equal(Ops.ToArray(Cpu.TimesBackward(dY, widened)), Ops.ToArray(Cpu.TimesBackward(dY, matrix)));
        Assert.Equal(Ops.ToArray(AcrossRows(x, wide)), Ops.ToArray(AcrossRows(x, narrow)));
        Cpu.Prepare(matrix);
        Assert.Equal(product, Ops.ToArray(Cpu.Times(x, matrix)));
        matrix.Release();
        // Logits are not rounded on a GPU either, whose products otherwise are.
        var logits = Ops.Zeros(Ops.Cpu, rows, columns);
        Torch.LogitsInto(logits, x, matrix);
        TestModels.AssertClose(product, Ops.ToArray(logits), 1e-3f);
    }

    // x·wᵀ with x read across its rows, as it is where the gradient of a matrix is computed.
    private static Tensor AcrossRows(Tensor x, Tensor w)
    {
        Tensor result = Ops.Empty(Ops.Cpu, ScalarType.Float32, x.size(0), w.size(0)), turned = x.t().contiguous();
        MatrixProduct.Multiply(MatrixView.Of(turned).Transposed, MatrixView.Of(w).Transposed, MatrixView.Of(result));
        return result;
    }

    /// <summary>A copy of a matrix for generation takes what the matrix takes, where the panels' columns divide its own.</summary>
    [Theory]
    [InlineData(ScalarType.Float32, 4)]
    [InlineData(ScalarType.BFloat16, 2)]
    public void A_packed_copy_is_of_the_matrix_own_type(ScalarType type, int bytes)
    {
        var matrix = new WeightMatrix(Ops.To(Random(1, 96, 30), type));
        Cpu.Prepare(matrix);
        Assert.Equal(96 * 30 * bytes, matrix.Prepared!.Bytes);
        matrix.Release();
    }

    /// <summary>4 Mi elements a block: 600 × 20,000 takes three, of 209, 209 and 182 rows.</summary>
    [Fact]
    public void A_large_head_in_bfloat16_is_widened_in_blocks()
    {
        var narrow = Ops.To(Random(1, 600, 20_000), ScalarType.BFloat16);
        var x = Random(2, 3, 20_000);
        var logits = Ops.Zeros(Ops.Cpu, 3, 600);
        Torch.LogitsInto(logits, x, new WeightMatrix(narrow));
        TestModels.AssertClose(Ops.ToArray(Ops.MatMul(x, Ops.To(narrow, ScalarType.Float32).t())), Ops.ToArray(logits), 1e-3f);
    }

    [Fact]
    public void On_a_gpu_the_other_factor_and_the_result_are_rounded_too()
    {
        // 1 + 2⁻⁸, which lies between two numbers of bfloat16 and goes to the even one
        var x = Ops.FromArray([1.00390625f, 1], Ops.Cpu, 1, 2);
        var narrow = new WeightMatrix(Ops.To(Ops.FromArray([2, 0, 0, 3], Ops.Cpu, 2, 2), ScalarType.BFloat16));
        Assert.Equal([2.0078125f, 3], Ops.ToArray(Cpu.Times(x, narrow)));
        var rounded = Torch.Times(x, narrow);
        Assert.Equal(ScalarType.Float32, rounded.dtype);
        Assert.Equal([2f, 3], Ops.ToArray(rounded));
    }

    [Fact]
    public unsafe void A_matrix_for_whose_copy_there_is_no_room_stays_unpacked()
    {
        var first = 0f;
        Assert.Null(PackedMatrix.TryPack(new MatrixView(&first, 1 << 30, 1 << 26, 1))); // 2⁵⁸ bytes
    }

    [Fact]
    public void No_number_and_infinity_are_not_hidden()
    {
        var x = Ops.FromArray([float.NaN, 1, 0, float.PositiveInfinity], Ops.Cpu, 2, 2);
        var y = Ops.ToArray(Cpu.Times(x, new WeightMatrix(Ops.FromArray([1, 0, 0, 1], Ops.Cpu, 2, 2))));
        Assert.True(float.IsNaN(y[0]) && float.IsNaN(y[1]) && float.IsNaN(y[2]));
        Assert.Equal(float.PositiveInfinity, y[3]);
    }

    [Fact]
    public void Shapes_that_do_not_fit_are_refused()
    {
        var matrix = new WeightMatrix(Random(1, 5, 4));
        Assert.Contains("does not fit", Assert.Throws<ArgumentException>(() => Cpu.Times(Random(2, 3, 5), matrix)).Message,
            StringComparison.Ordinal);
        Assert.Contains("does not fit", Assert.Throws<ArgumentException>(() => Cpu.Times(Random(2, 3, 4), matrix, Random(3, 3, 4))).Message,
            StringComparison.Ordinal);
        Assert.Contains("does not fit", Assert.Throws<ArgumentException>(() => Cpu.TimesBackward(Random(2, 3, 4), matrix)).Message,
            StringComparison.Ordinal);
        Assert.Contains("does not fit", Assert.Throws<ArgumentException>(() =>
            Cpu.AddWeightGradient(Random(2, 5, 4), Random(3, 3, 5), Random(4, 2, 4))).Message, StringComparison.Ordinal);
        Assert.Contains("no matrix", Assert.Throws<ArgumentException>(() => Cpu.Times(Random(2, 3, 4).view(12), matrix)).Message,
            StringComparison.Ordinal);
    }

    /// <summary>Sums of products in double precision, and of their absolute values, by which rounding is measured.</summary>
    private sealed record Sums(double[] Values, double[] Sizes)
    {
        public Sums Plus(Tensor add, double scale = 1) =>
            new([.. Values.Zip(Ops.ToArray(add), (v, a) => scale * v + a)],
                [.. Sizes.Zip(Ops.ToArray(add), (s, a) => Math.Abs(scale) * s + Math.Abs(a))]);
    }

    private static Sums Exact(Tensor a, Tensor b)
    {
        int m = (int)a.size(0), k = (int)a.size(1), n = (int)b.size(1);
        float[] x = Ops.ToArray(a), y = Ops.ToArray(b);
        double[] values = new double[m * n], sizes = new double[m * n];
        for (var i = 0; i < m; i++)
            for (var l = 0; l < k; l++)
                for (var j = 0; j < n; j++)
                {
                    var term = (double)x[i * k + l] * y[l * n + j];
                    values[i * n + j] += term;
                    sizes[i * n + j] += Math.Abs(term);
                }
        return new Sums(values, sizes);
    }

    // Each addition rounds by 2⁻²⁴ at most; roundings add up as a random walk does.
    private static void Close(Sums expected, Tensor actual, int terms)
    {
        var found = Ops.ToArray(actual);
        Assert.Equal(expected.Values.Length, found.Length);
        for (var i = 0; i < found.Length; i++)
            Assert.True(Math.Abs(expected.Values[i] - found[i]) <= (2 + Math.Sqrt(terms)) * Math.ScaleB(1, -24) * expected.Sizes[i],
                $"element {i}: {expected.Values[i]}, not {found[i]}");
    }

    private static Tensor Random(ulong seed, int rows, int columns) =>
        Ops.FromArray(TestModels.Randoms(rows * columns, seed), Ops.Cpu, rows, columns);
}
