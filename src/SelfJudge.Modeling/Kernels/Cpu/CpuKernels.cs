using System.Runtime.Intrinsics;
using SelfJudge.Modeling.Tensors;
using static TorchSharp.torch;

namespace SelfJudge.Modeling.Kernels.Cpu;

/// <summary>
/// Kernels over float32 tensors in host memory. Each makes one pass where a chain of tensor operations would make
/// five to ten, which on narrow models is most of the time. Single-threaded: a batch is split among workers above.
/// </summary>
public sealed unsafe partial class CpuKernels : IKernels
{
    private readonly bool _rounds;

    private CpuKernels(bool rounds) => _rounds = rounds;

    public static CpuKernels Instance { get; } = new(rounds: false);

    /// <summary>The same, but that products with a matrix of bfloat16 round the other factor to it (<see cref="RoundedProduct"/>), which
    /// needs a processor that can.</summary>
    public static CpuKernels Rounding { get; } = new(rounds: true);

    public Tensor Embed(Tensor table, int[] ids)
    {
        IndexCheck.Rows(ids, table.size(0), "token");
        var width = table.size(1);
        var result = Ops.Empty(Ops.Cpu, ScalarType.Float32, ids.Length, width);
        float* source = Ops.Address(table), target = Ops.Address(result);
        for (var i = 0; i < ids.Length; i++)
            Row(source, ids[i], width).CopyTo(Row(target, i, width));
        return result;
    }

    public void EmbedBackward(int[] ids, Tensor dOut, Tensor dTable)
    {
        IndexCheck.Rows(ids, dTable.size(0), "token");
        IndexCheck.Same(dOut.size(0), ids.Length, "rows of the gradient");
        IndexCheck.Same(dOut.size(1), dTable.size(1), "columns of the gradient");
        var width = (int)dTable.size(1);
        float* source = Ops.Address(dOut), target = Ops.Address(dTable);
        for (var i = 0; i < ids.Length; i++)
            Simd.AddScaled(target + (long)ids[i] * width, 1f, source + (long)i * width, width);
    }

    // Where there is no room for a packed copy, products pack what they read as they do without: more slowly, to the same bits.
    public void Prepare(WeightMatrix matrix) => matrix.Prepared ??= PackedMatrix.TryPack(MatrixView.Of(matrix.Weight).Transposed);

    public Tensor Times(Tensor x, WeightMatrix matrix, Tensor? residual = null)
    {
        var y = Ops.Empty(Ops.Cpu, ScalarType.Float32, x.size(0), matrix.Weight.size(0));
        Product(MatrixView.Of(x), matrix, MatrixView.Of(y), residual is null ? default : MatrixView.Of(residual));
        return y;
    }

    public Tensor TimesBackward(Tensor dY, WeightMatrix matrix)
    {
        var dX = Ops.Empty(Ops.Cpu, ScalarType.Float32, dY.size(0), matrix.Weight.size(1));
        MatrixView left = MatrixView.Of(dY), weight = MatrixView.Of(matrix.Weight), result = MatrixView.Of(dX);
        if (_rounds && weight.IsNarrow)
            RoundedProduct.Multiply(left, weight, result);
        else
            MatrixProduct.Multiply(left, weight, result);
        return dX;
    }

    public void AddTimes(Tensor target, Tensor x, WeightMatrix matrix, float scale) =>
        AddProduct(target, MatrixView.Of(x), MatrixView.Of(matrix.Weight).Transposed, scale);

    public void AddTimesBackward(Tensor dX, Tensor dY, WeightMatrix matrix, float scale) =>
        AddProduct(dX, MatrixView.Of(dY), MatrixView.Of(matrix.Weight), scale);

    public void AddWeightGradient(Tensor dW, Tensor dY, Tensor x, float scale = 1f) =>
        AddProduct(dW, MatrixView.Of(dY).Transposed, MatrixView.Of(x), scale);

    public void LogitsInto(Tensor result, Tensor hidden, WeightMatrix head) =>
        Product(MatrixView.Of(hidden), head, MatrixView.Of(result), default);

    public Tensor RmsNorm(Tensor x, Tensor weight, float eps)
    {
        int rows = (int)x.size(0), width = (int)x.size(1);
        IndexCheck.Same(weight.NumberOfElements, width, "elements of the norm's weight");
        var result = Ops.Empty(Ops.Cpu, ScalarType.Float32, rows, width);
        float* source = Ops.Address(x), w = Ops.Address(weight), target = Ops.Address(result);
        for (var t = 0; t < rows; t++, source += width, target += width)
            NormRow(source, w, target, width, eps);
        return result;
    }

    public void RmsNormBackward(Tensor dOut, Tensor x, Tensor weight, float eps, Tensor dX, Tensor? dWeight)
    {
        int rows = (int)x.size(0), width = (int)x.size(1);
        IndexCheck.Same(weight.NumberOfElements, width, "elements of the norm's weight");
        IndexCheck.Same(dOut.NumberOfElements, x.NumberOfElements, "elements of the outputs' gradient");
        IndexCheck.Same(dX.NumberOfElements, x.NumberOfElements, "elements of the inputs' gradient");
        if (dWeight is not null)
            IndexCheck.Same(dWeight.NumberOfElements, width, "elements of the weight's gradient");
        float* dy = Ops.Address(dOut), source = Ops.Address(x), w = Ops.Address(weight), dx = Ops.Address(dX);
        var dw = dWeight is null ? null : Ops.Address(dWeight);
        for (var t = 0; t < rows; t++, dy += width, source += width, dx += width)
            NormRowBackward(dy, source, w, dx, dw, width, eps);
    }

    public void Rotate(Tensor qkv, HeadLayout heads, int[] positions, RotaryTable table, bool inverse = false)
    {
        IndexCheck.Rotation(qkv, heads, positions, table);
        var row = Ops.Address(qkv);
        int half = table.Half, rotated = heads.Heads + heads.KeyValueHeads;
        fixed (float* cosTable = table.Cos, sinTable = table.Sin)
            for (var t = 0; t < positions.Length; t++, row += heads.RowWidth)
            {
                float* cos = cosTable + (long)positions[t] * half, sin = sinTable + (long)positions[t] * half;
                for (var h = 0; h < rotated; h++)
                    RotateHead(row + h * heads.HeadDim, cos, sin, half, inverse ? -1f : 1f);
            }
    }

    public (Tensor Out, Tensor LogSumExp) Attend(
        Tensor qkv, HeadLayout heads, int[] offsets, int[]? shared = null, HeldRows? held = null, int[]? rows = null)
    {
        IndexCheck.Attention(qkv, heads, offsets, shared, held, rows);
        var count = rows?.Length ?? qkv.size(0);
        var @out = Ops.Empty(Ops.Cpu, ScalarType.Float32, count, heads.QueryWidth);
        var logSumExp = Ops.Empty(Ops.Cpu, ScalarType.Float32, count, heads.Heads);
        Attention.Forward(Ops.Address(qkv), Ops.Address(@out), Ops.Address(logSumExp), heads, offsets,
            shared ?? new int[offsets.Length - 1], held, held is null ? null : Ops.Address(held.KeysValues), rows);
        return (@out, logSumExp);
    }

    public Tensor AttendBackward(Tensor dOut, Tensor qkv, Tensor @out, Tensor logSumExp, HeadLayout heads, int[] offsets)
    {
        IndexCheck.Attention(qkv, heads, offsets);
        IndexCheck.Same(dOut.NumberOfElements, qkv.size(0) * heads.QueryWidth, "elements of the outputs' gradient");
        IndexCheck.Same(@out.NumberOfElements, qkv.size(0) * heads.QueryWidth, "elements of the outputs");
        IndexCheck.Same(logSumExp.NumberOfElements, qkv.size(0) * heads.Heads, "log-sum-exps");
        var dQkv = Ops.Empty(Ops.Cpu, ScalarType.Float32, qkv.size(0), qkv.size(1));
        Attention.Backward(Ops.Address(dOut), Ops.Address(qkv), Ops.Address(@out), Ops.Address(logSumExp), Ops.Address(dQkv), heads,
            offsets);
        return dQkv;
    }

    public Tensor AttendCached(Tensor qkv, HeadLayout heads, int[] offsets, int[] slots, int[] lengths, CachedLayer cache)
    {
        IndexCheck.CachedAttention(qkv, heads, offsets, slots, lengths, cache);
        var @out = Ops.Empty(Ops.Cpu, ScalarType.Float32, qkv.size(0), heads.QueryWidth);
        var slotSize = (long)heads.KeyValueWidth * cache.Capacity;
        float* q = Ops.Address(qkv), o = Ops.Address(@out), keys = Ops.Address(cache.Keys), values = Ops.Address(cache.Values);
        for (var i = 0; i < slots.Length; i++)
        {
            if (i + 1 < slots.Length)
                CachePrefetch.AskFor(heads, lengths[i + 1], keys + slots[i + 1] * slotSize, values + slots[i + 1] * slotSize,
                    cache.Capacity);
            Attention.Cached(q, o, heads, offsets[i], offsets[i + 1] - offsets[i], lengths[i], keys + slots[i] * slotSize,
                values + slots[i] * slotSize, cache.Capacity);
        }
        return @out;
    }

    // Memory is copied as it lies: for a model of a few layers, tensor operations would take longer than what they copy.
    public void CopySlot(CachedLayer cache, int source, int[] targets, int length)
    {
        IndexCheck.CopiedSlot(cache, source, targets, length);
        int heads = (int)cache.Keys.size(1), dim = (int)cache.Keys.size(2);
        var slotSize = (long)heads * dim * cache.Capacity;
        float* keys = Ops.Address(cache.Keys), values = Ops.Address(cache.Values);
        foreach (var target in targets)
        {
            CopyRows(keys + source * slotSize, keys + target * slotSize, (long)heads * dim, cache.Capacity, length);
            CopyRows(values + source * slotSize, values + target * slotSize, heads, (long)cache.Capacity * dim, (long)length * dim);
        }
    }

    public void CopyKeysValues(Tensor qkv, HeadLayout heads, int[] rows, Tensor target, int[] places)
    {
        IndexCheck.CopiedKeysValues(qkv, heads, rows, target, places);
        float* from = Ops.Address(qkv) + heads.QueryWidth, to = Ops.Address(target);
        var width = 2L * heads.KeyValueWidth;
        for (var i = 0; i < rows.Length; i++)
            new Span<float>(from + (long)rows[i] * heads.RowWidth, (int)width).CopyTo(Row(to, places[i], width));
    }

    public Tensor SwiGlu(Tensor gateUp)
    {
        int rows = (int)gateUp.size(0), width = (int)gateUp.size(1) / 2;
        var result = Ops.Empty(Ops.Cpu, ScalarType.Float32, rows, width);
        float* gate = Ops.Address(gateUp), target = Ops.Address(result);
        for (var t = 0; t < rows; t++, gate += 2 * width, target += width)
        {
            var up = gate + width;
            var i = 0;
            for (; i <= width - Simd.Lanes; i += Simd.Lanes)
            {
                var g = Vector512.Load(gate + i);
                (g * Simd.Sigmoid(g) * Vector512.Load(up + i)).Store(target + i);
            }
            for (; i < width; i++)
                target[i] = gate[i] * Simd.Sigmoid(gate[i]) * up[i];
        }
        return result;
    }

    // silu(g) = g·σ(g), silu'(g) = σ(g)·(1 + g·(1 − σ(g))).
    public Tensor SwiGluBackward(Tensor dOut, Tensor gateUp)
    {
        int rows = (int)gateUp.size(0), width = (int)gateUp.size(1) / 2;
        IndexCheck.Same(dOut.NumberOfElements, (long)rows * width, "elements of the outputs' gradient");
        var result = Ops.Empty(Ops.Cpu, ScalarType.Float32, rows, 2 * width);
        float* gate = Ops.Address(gateUp), d = Ops.Address(dOut), dGate = Ops.Address(result);
        for (var t = 0; t < rows; t++, gate += 2 * width, dGate += 2 * width, d += width)
        {
            float* up = gate + width, dUp = dGate + width;
            var i = 0;
            for (; i <= width - Simd.Lanes; i += Simd.Lanes)
            {
                var g = Vector512.Load(gate + i);
                var sigmoid = Simd.Sigmoid(g);
                var silu = g * sigmoid;
                var di = Vector512.Load(d + i);
                (di * Vector512.Load(up + i) * (sigmoid + silu * (Vector512<float>.One - sigmoid))).Store(dGate + i);
                (di * silu).Store(dUp + i);
            }
            for (; i < width; i++)
            {
                var sigmoid = Simd.Sigmoid(gate[i]);
                var silu = gate[i] * sigmoid;
                dGate[i] = d[i] * up[i] * (sigmoid + silu * (1f - sigmoid));
                dUp[i] = d[i] * silu;
            }
        }
        return result;
    }

    private void Product(MatrixView x, WeightMatrix matrix, MatrixView result, MatrixView add)
    {
        var weight = MatrixView.Of(matrix.Weight).Transposed;
        switch (matrix.Prepared, _rounds && weight.IsNarrow)
        {
            case (PackedMatrix packed, true):
                RoundedProduct.Multiply(x, packed, result, add);
                break;
            case (PackedMatrix packed, false):
                MatrixProduct.Multiply(x, packed, result, add: add);
                break;
            case (_, true):
                RoundedProduct.Multiply(x, weight, result, add);
                break;
            default:
                MatrixProduct.Multiply(x, weight, result, add: add);
                break;
        }
    }

    private static void AddProduct(Tensor target, MatrixView a, MatrixView b, float scale)
    {
        var c = MatrixView.Of(target);
        MatrixProduct.Multiply(a, b, c, scale, add: c);
    }

    private static void Scale(float* a, float factor, long n)
    {
        for (long done = 0; done < n; done += int.MaxValue / 2)
            Simd.Scale(a + done, factor, (int)Math.Min(n - done, int.MaxValue / 2));
    }

    // The first elements of every row, from one place to another.
    private static void CopyRows(float* source, float* target, long rows, long stride, long elements)
    {
        for (var r = 0L; r < rows; r++, source += stride, target += stride)
            Buffer.MemoryCopy(source, target, elements * sizeof(float), elements * sizeof(float));
    }

    private static void RotateHead(float* head, float* cos, float* sin, int half, float sign)
    {
        var i = 0;
        for (; i <= half - Simd.Width; i += Simd.Width)
        {
            Vector256<float> a = Vector256.Load(head + i), b = Vector256.Load(head + half + i);
            Vector256<float> c = Vector256.Load(cos + i), s = Vector256.Load(sin + i) * sign;
            (a * c - b * s).Store(head + i);
            (b * c + a * s).Store(head + half + i);
        }
        for (; i < half; i++)
        {
            float a = head[i], b = head[half + i], s = sin[i] * sign;
            head[i] = a * cos[i] - b * s;
            head[half + i] = b * cos[i] + a * s;
        }
    }

    private static Span<float> Row(float* matrix, long row, long width) => new(matrix + row * width, (int)width);
}
