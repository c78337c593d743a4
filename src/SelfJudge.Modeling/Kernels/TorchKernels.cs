using SelfJudge.Modeling.Tensors;
using static TorchSharp.torch;

namespace SelfJudge.Modeling.Kernels;

/// <summary>
/// Kernels composed of LibTorch's operations, for any device. Gradients are LibTorch's own, one kernel at a time: the
/// forward part is run again on leaves and differentiated, so that no graph outlives a call.
/// </summary>
public sealed class TorchKernels : IKernels
{
    public static TorchKernels Instance { get; } = new();

    // A GPU's own check of indices ends its context: they are looked at here.
    public Tensor Embed(Tensor table, int[] ids)
    {
        IndexCheck.Rows(ids, table.size(0), "token");
        return Ops.Rows(table, Ops.FromArray(ids, table.device));
    }

    public void EmbedBackward(int[] ids, Tensor dOut, Tensor dTable)
    {
        IndexCheck.Rows(ids, dTable.size(0), "token");
        Ops.AddRowsInto(dTable, Ops.FromArray(ids, dTable.device), dOut);
    }

    public void Prepare(WeightMatrix matrix)
    {
        // LibTorch's products take matrices as they lie.
    }

    public Tensor Times(Tensor x, WeightMatrix matrix, Tensor? residual = null)
    {
        if (residual is not null && !IsNarrow(matrix))
            return Ops.AddMatMul(residual, x, matrix.Weight.t());
        var y = InTypeOf(matrix, x, matrix.Weight.t());
        if (residual is not null)
            Ops.AddInto(y, residual);
        return y;
    }

    public Tensor TimesBackward(Tensor dY, WeightMatrix matrix) => InTypeOf(matrix, dY, matrix.Weight);

    public void AddTimes(Tensor target, Tensor x, WeightMatrix matrix, float scale) =>
        Ops.AddMatMulInto(target, x, matrix.Weight.t(), scale);

    public void AddTimesBackward(Tensor dX, Tensor dY, WeightMatrix matrix, float scale) => Ops.AddMatMulInto(dX, dY, matrix.Weight, scale);

    public void AddWeightGradient(Tensor dW, Tensor dY, Tensor x, float scale = 1f) => Ops.AddMatMulInto(dW, dY.t(), x, scale);

    public void AddBias(Tensor y, Tensor bias) => Ops.AddInto(y, bias);

    public void AddBiasGradient(Tensor dBias, Tensor dY) => Ops.AddRowSumInto(dBias, dY);

    public void LogitsInto(Tensor result, Tensor hidden, WeightMatrix head)
    {
        if (IsNarrow(head))
            WidenedProduct.Into(result, hidden, head.Weight);
        else
            Ops.MatMulInto(result, hidden, head.Weight.t());
    }

    public Tensor RmsNorm(Tensor x, Tensor weight, float eps) => Ops.Multiply(Ops.Multiply(x, Ops.InverseRms(x, eps)), weight);

    public void RmsNormBackward(Tensor dOut, Tensor x, Tensor weight, float eps, Tensor dX, Tensor? dWeight)
    {
        var gradients = Ops.Gradients(leaves => RmsNorm(leaves[0], leaves[1], eps), dOut, x, weight);
        Ops.AddInto(dX, gradients[0]);
        if (dWeight is not null)
            Ops.AddInto(dWeight, gradients[1]);
    }

    public void NormHeads(Tensor qkv, HeadLayout heads, Tensor queryWeight, Tensor keyWeight, float eps)
    {
        IndexCheck.HeadNorms(qkv, heads, queryWeight, keyWeight);
        foreach (var (start, width, weight) in new[] { (0, heads.QueryWidth, queryWeight),
            (heads.QueryWidth, heads.KeyValueWidth, keyWeight) })
        {
            var part = qkv.narrow(1, start, width);
            Ops.CopyInto(part, RmsNorm(part.reshape(-1, heads.HeadDim), weight, eps).view(-1, width));
        }
    }

    public void NormHeadsBackward(
        Tensor dQkv, Tensor unnormed, HeadLayout heads, Tensor queryWeight, Tensor keyWeight, float eps, Tensor? dQueryWeight,
            Tensor? dKeyWeight)
    {
        IndexCheck.HeadNorms(dQkv, heads, queryWeight, keyWeight, dQueryWeight, dKeyWeight);
        Backward(0, heads.QueryWidth, queryWeight, dQueryWeight);
        Backward(heads.QueryWidth, heads.KeyValueWidth, keyWeight, dKeyWeight);

        void Backward(int start, int width, Tensor weight, Tensor? dWeight)
        {
            var d = dQkv.narrow(1, start, width);
            var x = unnormed.narrow(1, start, width).reshape(-1, heads.HeadDim);
            var dX = Ops.ZerosLike(x);
            RmsNormBackward(d.reshape(-1, heads.HeadDim), x, weight, eps, dX, dWeight);
            Ops.CopyInto(d, dX.view(-1, width));
        }
    }

    public void Rotate(Tensor qkv, HeadLayout heads, int[] positions, RotaryTable table, bool inverse = false)
    {
        IndexCheck.Rotation(qkv, heads, positions, table);
        int half = table.Half, rotated = heads.Heads + heads.KeyValueHeads;
        float[] cos = Gather(table.Cos, positions, half), sin = Gather(table.Sin, positions, half);
        var c = Ops.FromArray(cos, qkv.device, positions.Length, 1, half);
        var s = Ops.Affine(Ops.FromArray(sin, qkv.device, positions.Length, 1, half), inverse ? -1 : 1, 0);
        var x = qkv.narrow(1, 0, (long)rotated * heads.HeadDim).view(positions.Length, rotated, heads.HeadDim);
        Tensor a = x.narrow(2, 0, half), b = x.narrow(2, half, half);
        var turned = Ops.Concatenate(2, Ops.Subtract(Ops.Multiply(a, c), Ops.Multiply(b, s)),
            Ops.Add(Ops.Multiply(b, c), Ops.Multiply(a, s)));
        Ops.CopyInto(x, turned);
    }

    public (Tensor Out, Tensor LogSumExp) Attend(
        Tensor qkv, HeadLayout heads, int[] offsets, int[]? shared = null, HeldRows? held = null, int[]? rows = null)
    {
        IndexCheck.Attention(qkv, heads, offsets, shared, held, rows);
        var attended = AttendPadded(qkv, heads, offsets, shared, held);
        // The gradient below does without the log-sum-exp.
        return (rows is null ? attended : Ops.Rows(attended, Ops.FromArray(rows, qkv.device)), Ops.Zeros(qkv.device, 1, 1));
    }

    public Tensor AttendBackward(Tensor dOut, Tensor qkv, Tensor @out, Tensor logSumExp, HeadLayout heads, int[] offsets) =>
        Ops.Gradients(leaves => AttendPadded(leaves[0], heads, offsets), dOut, qkv)[0];

    public Tensor AttendCached(Tensor qkv, HeadLayout heads, int[] offsets, int[] slots, int[] lengths, CachedLayer cache)
    {
        IndexCheck.CachedAttention(qkv, heads, offsets, slots, lengths, cache);
        int sequences = slots.Length, kv = heads.KeyValueHeads, dim = heads.HeadDim, group = heads.HeadsPerGroup;
        var (rowSlots, rowPlaces) = (new int[offsets[^1]], new int[offsets[^1]]);
        for (var i = 0; i < sequences; i++)
            for (var t = offsets[i]; t < offsets[i + 1]; t++)
                (rowSlots[t], rowPlaces[t]) = (slots[i], lengths[i] + t - offsets[i]);
        var slotIndex = Ops.FromArray(rowSlots, qkv.device);
        var placeIndex = Ops.FromArray(rowPlaces, qkv.device);
        var (q, k, v) = Split(qkv, heads); // [T, heads, dim]
        Ops.PutAtEnds(cache.Keys, slotIndex, placeIndex, k);
        Ops.PutAtRows(cache.Values, slotIndex, placeIndex, v);
        // Prompts see themselves only. Through the cache, each of their rows would gather all the keys before it.
        if (Array.TrueForAll(lengths, n => n == 0))
            return AttendPadded(qkv, heads, offsets);
        // Every row sees its slot's cache up to its own place.
        long longest = rowPlaces.Max() + 1;
        var keys = Ops.Rows(cache.Keys.narrow(3, 0, longest), slotIndex);     // [T, kv, dim, longest]
        var values = Ops.Rows(cache.Values.narrow(2, 0, longest), slotIndex); // [T, kv, longest, dim]
        var scores = Ops.Affine(Ops.BatchedMatMul(q.reshape(-1, kv, group, dim), keys), heads.Scale, 0);
        var later = Ops.AtLeast(longest, Ops.Affine(placeIndex, 1, 1)).view(-1, 1, 1, longest);
        scores = Ops.Mask(scores, later);
        if (heads.Window < longest)
            scores = Ops.Mask(scores, Ops.Below(longest, Ops.Affine(placeIndex, 1, 1 - heads.Window.Value)).view(-1, 1, 1, longest));
        return Ops.BatchedMatMul(Ops.Softmax(scores), values).reshape(-1, heads.QueryWidth);
    }

    public void CopySlot(CachedLayer cache, int source, int[] targets, int length)
    {
        IndexCheck.CopiedSlot(cache, source, targets, length);
        using var scope = Ops.Scope();
        Tensor Keys(int slot) => cache.Keys.select(0, slot).narrow(2, 0, length);
        Tensor Values(int slot) => cache.Values.select(0, slot).narrow(1, 0, length);
        foreach (var target in targets)
        {
            Ops.CopyInto(Keys(target), Keys(source));
            Ops.CopyInto(Values(target), Values(source));
        }
    }

    public void CopyKeysValues(Tensor qkv, HeadLayout heads, int[] rows, Tensor target, int[] places)
    {
        IndexCheck.CopiedKeysValues(qkv, heads, rows, target, places);
        var keysValues = Ops.Rows(qkv.narrow(1, heads.QueryWidth, 2L * heads.KeyValueWidth), Ops.FromArray(rows, qkv.device));
        Ops.PutRows(target, Ops.FromArray(places, qkv.device), keysValues);
    }

    public Tensor SwiGlu(Tensor gateUp)
    {
        var width = gateUp.size(1) / 2;
        return Ops.Multiply(Ops.Silu(gateUp.narrow(1, 0, width)), gateUp.narrow(1, width, width));
    }

    public Tensor SwiGluBackward(Tensor dOut, Tensor gateUp) => Ops.Gradients(leaves => SwiGlu(leaves[0]), dOut, gateUp)[0];

    public float[] TargetLogProbs(Tensor logits, int[] targets)
    {
        IndexCheck.Targets(logits, targets);
        return Ops.ToArray(Ops.Pick(Ops.LogSoftmax(logits), Ops.FromArray(targets, logits.device)));
    }

    public float[] TargetLogProbsBackward(Tensor logits, int[] targets, float[] coefficients)
    {
        IndexCheck.Same(coefficients.Length, targets.Length, "coefficients");
        var logProbs = TargetLogProbs(logits, targets);
        var c = Ops.FromArray(coefficients, logits.device, coefficients.Length, 1);
        var gradient = Ops.Multiply(Ops.Softmax(logits), Ops.Affine(c, -1, 0));
        Ops.AddAtPicked(gradient, Ops.FromArray(targets, logits.device), c);
        Ops.CopyInto(logits, gradient);
        return logProbs;
    }

    public double SumOfSquares(Tensor flat) => Ops.SumOfSquares(flat);

    public void AdamW(Tensor weights, Tensor gradient, Tensor mean, Tensor variance, AdamWStep step)
    {
        IndexCheck.Update(weights, gradient, mean, variance, step);
        foreach (var (start, length) in step.DecayRanges)
            Ops.ScaleInto(weights.narrow(0, start, length), 1f - step.LearningRate * step.WeightDecay);
        var rate = step.LearningRate / (1 - Math.Pow(step.Beta1, step.Step));
        var correction = 1 / Math.Sqrt(1 - Math.Pow(step.Beta2, step.Step));
        foreach (var (start, length) in Ops.Blocks(weights.NumberOfElements))
        {
            using var scope = Ops.Scope();
            Tensor Block(Tensor whole) => whole.narrow(0, start, length);
            Tensor g = Block(gradient), m = Block(mean), v = Block(variance);
            Ops.ScaleInto(g, step.GradientScale);
            var one = Ops.Affine(g.narrow(0, 0, 1), 0, 1);
            Ops.DecayAndAdd(m, step.Beta1, g, one, 1 - step.Beta1);
            Ops.DecayAndAdd(v, step.Beta2, g, g, 1 - step.Beta2);
            Ops.AddRatio(Block(weights), -rate, m, v, correction, step.Epsilon);
        }
    }

    // In the matrix's own type, for which a GPU has units of its own: x is rounded, sums are float32, the result is rounded.
    private static Tensor InTypeOf(WeightMatrix matrix, Tensor x, Tensor factor) =>
        IsNarrow(matrix) ? Ops.To(Ops.MatMul(Ops.To(x, matrix.Weight.dtype), factor), ScalarType.Float32) : Ops.MatMul(x, factor);

    private static bool IsNarrow(WeightMatrix matrix) => matrix.Weight.dtype != ScalarType.Float32;

    // LibTorch has no attention over packed rows: sequences are padded to the longest, attended, and packed again. Those
    // that share beginnings are whole again meanwhile, so many at a time as the rows without sharing would be.
    private static Tensor AttendPadded(Tensor qkv, HeadLayout heads, int[] offsets, int[]? shared = null, HeldRows? held = null)
    {
        IndexCheck.Attention(qkv, heads, offsets, shared, held);
        int Known(int i) => (shared?[i] ?? 0) + (held?.Count(i) ?? 0);
        int sequences = offsets.Length - 1, longest = Enumerable.Range(0, sequences).Max(i => Known(i) + offsets[i + 1] - offsets[i]);
        // What is held comes after the rows, without queries, for which nobody asks.
        if (held is { Rows.Length: > 0 })
        {
            var keysValues = Ops.Rows(held.KeysValues, Ops.FromArray(held.Rows, qkv.device));
            qkv = Ops.Concatenate(0, qkv, Ops.Concatenate(1, Ops.Zeros(qkv.device, held.Rows.Length, heads.QueryWidth), keysValues));
        }
        var atATime = shared is null ? sequences : Math.Max(1, offsets[^1] / longest);
        var path = new int[longest]; // the rows of the sequence's tokens
        var parts = new List<Tensor>();
        for (var first = 0; first < sequences; first += atATime)
        {
            var end = Math.Min(sequences, first + atATime);
            var (padding, packing) = (new int[(end - first) * longest], new int[offsets[end] - offsets[first]]);
            for (var i = first; i < end; i++)
            {
                int begin = Known(i), own = offsets[i + 1] - offsets[i], at = (i - first) * longest;
                for (var t = 0; t < (held?.Count(i) ?? 0); t++)
                    path[begin - held!.Count(i) + t] = offsets[^1] + held.Offsets[i] + t;
                for (var t = 0; t < own; t++)
                {
                    path[begin + t] = offsets[i] + t;
                    packing[offsets[i] - offsets[first] + t] = at + begin + t;
                }
                for (var t = 0; t < longest; t++)
                    padding[at + t] = path[t < begin + own ? t : 0]; // a row past the end repeats the first; nothing sees it
            }
            parts.Add(AttendRectangle(qkv, heads, end - first, longest, padding, packing));
        }
        return parts.Count == 1 ? parts[0] : Ops.Concatenate(0, [.. parts]);
    }

    // Attention over sequences of one length, whose rows are named by the padding; returns those of its rows that the packing names.
    private static Tensor AttendRectangle(Tensor qkv, HeadLayout heads, int sequences, int longest, int[] padding, int[] packing)
    {
        var (q, k, v) = Split(Ops.Rows(qkv, Ops.FromArray(padding, qkv.device)), heads);
        Tensor Padded(Tensor x, int repeat) => x.view(sequences, longest, -1, heads.HeadDim).transpose(1, 2).repeat_interleave(repeat, 1);
        var (queries, keys, values) = (Padded(q, 1), Padded(k, heads.HeadsPerGroup), Padded(v, heads.HeadsPerGroup));
        var attended = heads.Window is { } window && window < longest ? Ops.WindowAttention(queries, keys, values, window)
            : Ops.CausalAttention(queries, keys, values);
        return Ops.Rows(attended.transpose(1, 2).reshape(sequences * longest, heads.QueryWidth), Ops.FromArray(packing, qkv.device));
    }

    private static (Tensor Q, Tensor K, Tensor V) Split(Tensor qkv, HeadLayout heads)
    {
        Tensor Part(long start, int count) => qkv.narrow(1, start, (long)count * heads.HeadDim).reshape(qkv.size(0), count, heads.HeadDim);
        return (Part(0, heads.Heads), Part(heads.QueryWidth, heads.KeyValueHeads),
            Part(heads.QueryWidth + heads.KeyValueWidth, heads.KeyValueHeads));
    }

    private static float[] Gather(float[] table, int[] positions, int half)
    {
        var rows = new float[positions.Length * half];
        for (var t = 0; t < positions.Length; t++)
            table.AsSpan(positions[t] * half, half).CopyTo(rows.AsSpan(t * half));
        return rows;
    }
}
