using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using SelfJudge.Preferences.Numerics;

namespace SelfJudge.Modeling.Kernels.Cpu;

/// <summary>
/// Causal attention over packed sequences in blocks of four query rows, each row's scores in full: on a CPU the scores
/// of four rows stay in the first-level cache, so nothing is gained by an online softmax. The gradient recomputes the
/// probabilities from the log-sum-exp, so no [time, time] matrix is kept. With a sliding window a block begins at the first
/// key that its first row sees, rounded down to a block of columns.
/// Methods are compiled for speed at once, as in <see cref="Blocks"/>.
/// </summary>
internal static unsafe class Attention
{
    /// <summary>
    /// As <see cref="IKernels.Attend"/>. The keys and values of the sequence before stay where they are: one that shares a beginning
    /// with it brings only its own. What is held of it comes first from <paramref name="heldKeysValues"/>.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Forward(float* qkv, float* @out, float* logSumExp, HeadLayout heads, int[] offsets, int[] shared,
        HeldRows? held, float* heldKeysValues, int[]? rows)
    {
        int width = heads.RowWidth, dim = heads.HeadDim, padded = Simd.RoundUp(dim, Simd.Width);
        int[] wanted = [.. rows ?? []], places = [.. Enumerable.Range(0, wanted.Length)];
        Array.Sort(wanted, places);
        for (int first = 0, end, asked = 0; first < shared.Length; first = end)
        {
            int Known(int s) => shared[s] + (held?.Count(s) ?? 0);
            int longest = Known(first) + offsets[first + 1] - offsets[first];
            for (end = first + 1; end < shared.Length && shared[end] > 0; end++)
                longest = Math.Max(longest, Known(end) + offsets[end + 1] - offsets[end]);
            var columns = Simd.RoundUp(longest, Blocks.Columns);
            var scratch = Scratch.Open((long)dim * columns + (long)longest * padded + Blocks.Rows * (columns + padded));
            var seen = new Seen(scratch.Take((long)dim * columns), columns, scratch.Take((long)longest * padded), padded,
                scratch.Take(Blocks.Rows * columns), scratch.Take(Blocks.Rows * padded));
            var before = asked;
            for (var group = 0; group < heads.KeyValueHeads; group++)
            {
                asked = before;
                for (var s = first; s < end; s++)
                {
                    int begin = offsets[s], n = offsets[s + 1] - begin, known = Known(s);
                    if (held is not null)
                        LoadHeld(held, s, heldKeysValues + group * dim, heads, shared[s], seen);
                    Load(qkv + (long)begin * width + heads.QueryWidth + group * dim, width, n, heads, known, seen);
                    var firstAsked = asked;
                    while (asked < wanted.Length && wanted[asked] < begin + n)
                        asked++;
                    for (var head = group * heads.HeadsPerGroup; head < (group + 1) * heads.HeadsPerGroup; head++)
                        if (rows is null)
                            for (var row = begin; row < begin + n; row += Blocks.Rows)
                                AttendRows(qkv + (long)row * width + head * dim, Math.Min(Blocks.Rows, begin + n - row),
                                    known + row - begin,
                                    heads, seen, @out + (long)row * heads.QueryWidth + head * dim,
                                        logSumExp + (long)row * heads.Heads + head);
                        else
                            for (var i = firstAsked; i < asked; i++)
                                AttendRows(qkv + (long)wanted[i] * width + head * dim, 1, known + wanted[i] - begin, heads, seen,
                                    @out + (long)places[i] * heads.QueryWidth + head * dim,
                                    logSumExp + (long)places[i] * heads.Heads + head);
                }
            }
        }
    }

    /// <summary>A sequence's keys, transposed [dim, columns], and values [tokens, padded] of a group of heads; memory for four rows' scores
    /// and sums.</summary>
    private readonly struct Seen(float* keysT, int columns, float* values, int padded, float* scores, float* result)
    {
        public readonly float* KeysT = keysT, Values = values, Scores = scores, Result = result;
        public readonly int Columns = columns, Padded = padded;
    }

    // Keys and values of n tokens, from a row of which the keys of one group begin, to their places from a position on.
    private static void Load(float* keys, int stride, int n, HeadLayout heads, int position, in Seen seen)
    {
        Blocks.Transpose(keys, stride, n, heads.HeadDim, seen.KeysT + position, seen.Columns);
        Blocks.CopyPadded(keys + heads.KeyValueWidth, stride, n, heads.HeadDim, seen.Values + (long)position * seen.Padded, seen.Padded);
    }

    // The same of held rows, as many at a time as follow each other.
    private static void LoadHeld(HeldRows held, int sequence, float* keys, HeadLayout heads, int position, in Seen seen)
    {
        var rows = held.Rows.AsSpan(held.Offsets[sequence], held.Count(sequence));
        for (int i = 0, end; i < rows.Length; i = end)
        {
            for (end = i + 1; end < rows.Length && rows[end] == rows[end - 1] + 1; end++)
            {
            }
            Load(keys + (long)rows[i] * 2 * heads.KeyValueWidth, 2 * heads.KeyValueWidth, end - i, heads, position + i, seen);
        }
    }

    // One head of up to four rows that follow each other, the first at a position of its sequence. A log-sum-exp is written where
    // there is a place for it.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void AttendRows(float* q, int rows, int position, HeadLayout heads, in Seen seen, float* @out, float* logSumExp)
    {
        float* inverse = stackalloc float[Blocks.Rows], max = stackalloc float[Blocks.Rows], sum = stackalloc float[Blocks.Rows];
        int columns = seen.Columns, padded = seen.Padded, dim = heads.HeadDim;
        float* scores = seen.Scores, result = seen.Result;
        var from = Simd.RoundDown(heads.FirstSeen(position), Blocks.Columns);
        var visible = position + rows - from;
        Scores(q, heads.RowWidth, rows, dim, seen.KeysT + from, columns, visible, scores, columns);
        for (var r = 0; r < rows; r++)
        {
            var own = position + r;
            (max[r], sum[r]) = Softmax(scores + r * columns, heads.FirstSeen(own) - from, own + 1 - from, visible, heads.Scale);
        }
        (Vector128<float>.One / Vector128.Load(sum)).Store(inverse);
        if (logSumExp != null)
        {
            var logSums = Vector128.Load(max) + Vector128.Log(Vector128.Load(sum));
            for (var r = 0; r < rows; r++)
                logSumExp[r * heads.Heads] = logSums[r];
        }
        Blocks.Multiply(scores, scores + columns, scores + 2 * columns, scores + 3 * columns, visible,
            seen.Values + (long)from * padded, padded, padded, result, padded);
        for (var r = 0; r < rows; r++)
            Simd.CopyScaled(@out + (long)r * heads.QueryWidth, inverse[r], result + r * padded, dim);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Backward(float* dOut, float* qkv, float* @out, float* logSumExp, float* dQkv, HeadLayout heads, int[] offsets)
    {
        int width = heads.RowWidth, dim = heads.HeadDim, padded = Simd.RoundUp(dim, Simd.Width);
        for (var s = 0; s + 1 < offsets.Length; s++)
        {
            int begin = offsets[s], n = offsets[s + 1] - begin;
            var columns = Simd.RoundUp(n, Blocks.Columns);
            var scratch = Scratch.Open(2L * dim * columns + 3L * n * padded + Blocks.Rows * (2L * columns + 3L * padded));
            float* keysT = scratch.Take((long)dim * columns), valuesT = scratch.Take((long)dim * columns);
            float* keys = scratch.Take((long)n * padded), dKeys = scratch.Take((long)n * padded), dValues = scratch.Take((long)n * padded);
            float* p = scratch.Take(Blocks.Rows * columns), dP = scratch.Take(Blocks.Rows * columns);
            float* queries = scratch.Take(Blocks.Rows * padded), dOuts = scratch.Take(Blocks.Rows * padded),
                dQueries = scratch.Take(Blocks.Rows * padded);
            for (var group = 0; group < heads.KeyValueHeads; group++)
            {
                var keyRows = (long)begin * width + heads.QueryWidth + group * dim;
                LoadKeysTransposed(qkv + keyRows, width, n, dim, keysT, columns);
                LoadKeysTransposed(qkv + keyRows + heads.KeyValueWidth, width, n, dim, valuesT, columns);
                Blocks.CopyPadded(qkv + keyRows, width, n, dim, keys, padded);
                new Span<float>(dKeys, n * padded).Clear();
                new Span<float>(dValues, n * padded).Clear();
                for (var head = group * heads.HeadsPerGroup; head < (group + 1) * heads.HeadsPerGroup; head++)
                    for (var row = 0; row < n; row += Blocks.Rows)
                    {
                        int rows = Math.Min(Blocks.Rows, n - row), from = Simd.RoundDown(heads.FirstSeen(row), Blocks.Columns),
                            visible = row + rows - from;
                        var q = qkv + (long)(begin + row) * width + head * dim;
                        var headOut = (long)(begin + row) * heads.QueryWidth + head * dim;
                        Scores(q, width, rows, dim, keysT + from, columns, visible, p, columns);
                        Scores(dOut + headOut, heads.QueryWidth, rows, dim, valuesT + from, columns, visible, dP, columns);
                        for (var r = 0; r < Blocks.Rows; r++)
                        {
                            // Rows past the end of the sequence contribute nothing.
                            if (r >= rows)
                            {
                                new Span<float>(p + r * columns, visible).Clear();
                                new Span<float>(dP + r * columns, visible).Clear();
                                continue;
                            }
                            var lse = logSumExp[(long)(begin + row + r) * heads.Heads + head];
                            var delta = Simd.Dot(dOut + headOut + r * heads.QueryWidth, @out + headOut + r * heads.QueryWidth, dim);
                            ScoreGradient(p + r * columns, dP + r * columns, heads.FirstSeen(row + r) - from, row + r + 1 - from, visible,
                                heads.Scale, lse, delta);
                        }
                        Blocks.CopyPadded(q, width, rows, dim, queries, padded);
                        Blocks.CopyPadded(dOut + headOut, heads.QueryWidth, rows, dim, dOuts, padded);
                        new Span<float>(queries + rows * padded, (Blocks.Rows - rows) * padded).Clear();
                        new Span<float>(dOuts + rows * padded, (Blocks.Rows - rows) * padded).Clear();
                        Blocks.Multiply(dP, dP + columns, dP + 2 * columns, dP + 3 * columns, visible, keys + from * padded, padded, padded,
                            dQueries, padded);
                        Blocks.AddOuter(dP, columns, visible, queries, queries + padded, queries + 2 * padded, queries + 3 * padded, padded,
                            dKeys + from * padded, padded);
                        Blocks.AddOuter(p, columns, visible, dOuts, dOuts + padded, dOuts + 2 * padded, dOuts + 3 * padded, padded,
                            dValues + from * padded, padded);
                        for (var r = 0; r < rows; r++)
                            new ReadOnlySpan<float>(dQueries + r * padded, dim)
                                .CopyTo(new Span<float>(dQkv + (long)(begin + row + r) * width + head * dim, dim));
                    }
                for (var i = 0; i < n; i++)
                {
                    var target = dQkv + keyRows + (long)i * width;
                    new ReadOnlySpan<float>(dKeys + i * padded, dim).CopyTo(new Span<float>(target, dim));
                    new ReadOnlySpan<float>(dValues + i * padded, dim).CopyTo(new Span<float>(target + heads.KeyValueWidth, dim));
                }
            }
        }
    }

    /// <summary>One sequence continued from its cache: its new rows' keys and values are appended, then each new row attends to all up to
    /// itself.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Cached(float* qkv, float* @out, HeadLayout heads, int begin, int n, int held, float* keys, float* values,
        int capacity)
    {
        if (n == 1)
        {
            OneToken(qkv + (long)begin * heads.RowWidth, @out + (long)begin * heads.QueryWidth, heads, held, keys, values, capacity);
            return;
        }
        int width = heads.RowWidth, dim = heads.HeadDim, padded = Simd.RoundUp(dim, Simd.Width);
        var total = held + n;
        var columns = Simd.RoundUp(total, Blocks.Columns);
        var scratch = Scratch.Open((long)dim * columns + (long)total * padded + Blocks.Rows * (columns + padded));
        var seen = new Seen(scratch.Take((long)dim * columns), columns, scratch.Take((long)total * padded), padded,
            scratch.Take(Blocks.Rows * columns), scratch.Take(Blocks.Rows * padded));
        for (var group = 0; group < heads.KeyValueHeads; group++)
        {
            var newKeys = qkv + (long)begin * width + heads.QueryWidth + group * dim;
            var slotKeys = keys + (long)group * dim * capacity;
            var slotValues = values + (long)group * dim * capacity;
            Blocks.Transpose(newKeys, width, n, dim, slotKeys + held, capacity);
            Blocks.CopyPadded(newKeys + heads.KeyValueWidth, width, n, dim, slotValues + (long)held * dim, dim);
            Blocks.CopyPadded(slotKeys, capacity, dim, total, seen.KeysT, columns);
            Blocks.CopyPadded(slotValues, dim, total, dim, seen.Values, padded);
            for (var head = group * heads.HeadsPerGroup; head < (group + 1) * heads.HeadsPerGroup; head++)
                for (var row = begin; row < begin + n; row += Blocks.Rows)
                    AttendRows(qkv + (long)row * width + head * dim, Math.Min(Blocks.Rows, begin + n - row), held + row - begin,
                        heads, seen, @out + (long)row * heads.QueryWidth + head * dim, null);
        }
    }

    // One more token, straight from its cache: the heads of a group four at a time where they share keys and the widths
    // allow vectors throughout, else one by one. Each step is done for all heads before the next, as within a head each
    // waits for the one before.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void OneToken(float* row, float* @out, HeadLayout heads, int held, float* keys, float* values, int capacity)
    {
        int dim = heads.HeadDim, perGroup = heads.HeadsPerGroup, first = heads.FirstSeen(held), total = held + 1 - first;
        int columns = Simd.RoundUp(total, Blocks.Columns), readable = capacity - first;
        var inBlocks = perGroup > 1 && dim % Simd.Width == 0 && columns <= readable;
        var atATime = inBlocks ? Blocks.Rows : 1;
        var places = Simd.RoundUp(perGroup, atATime); // of a group's heads among the scores
        var scratch = Scratch.Open((long)heads.KeyValueHeads * places * (columns + 1) + Blocks.Rows * dim);
        float* scores = scratch.Take((long)heads.KeyValueHeads * places * columns), inverse = scratch.Take(heads.KeyValueHeads * places),
            result = scratch.Take(Blocks.Rows * dim);
        for (var group = 0; group < heads.KeyValueHeads; group++)
        {
            float* key = row + heads.QueryWidth + group * dim, slotKeys = keys + (long)group * dim * capacity,
                slotValues = values + (long)group * dim * capacity;
            for (var d = 0; d < dim; d++)
                slotKeys[(long)d * capacity + held] = key[d];
            Blocks.CopyPadded(key + heads.KeyValueWidth, 0, 1, dim, slotValues + (long)held * dim, dim);
            for (var head = 0; head < perGroup; head += atATime)
            {
                float* q = row + (group * perGroup + head) * dim, target = scores + (long)(group * places + head) * columns;
                if (inBlocks)
                    Scores(q, dim, Math.Min(Blocks.Rows, perGroup - head), dim, slotKeys + first, capacity, total, target, columns);
                else
                    Blocks.MultiplyRow(q, dim, slotKeys + first, capacity, Math.Min(columns, readable), target);
            }
        }
        for (var group = 0; group < heads.KeyValueHeads; group++)
            for (var place = group * places; place < group * places + perGroup; place++)
                inverse[place] = 1f / Softmax(scores + (long)place * columns, 0, total, total, heads.Scale).Sum;
        for (var group = 0; group < heads.KeyValueHeads; group++)
        {
            var seen = values + ((long)group * capacity + first) * dim;
            for (var head = 0; head < perGroup; head += atATime)
            {
                var p = scores + (long)(group * places + head) * columns;
                if (inBlocks)
                    Blocks.Multiply(p, p + columns, p + 2 * columns, p + 3 * columns, total, seen, dim, dim, result, dim);
                else
                    Blocks.MultiplyRow(p, total, seen, dim, dim, result);
                for (var r = 0; r < Math.Min(atATime, perGroup - head); r++)
                    Simd.CopyScaled(@out + (group * perGroup + head + r) * dim, inverse[group * places + head + r], result + r * dim, dim);
            }
        }
    }

    /// <summary>Unscaled scores of up to four rows against the first <paramref name="visible"/> keys; rows past <paramref name="rows"/>
    /// repeat the first.</summary>
    private static void Scores(float* q, int stride, int rows, int dim, float* keysT, int keyStride, int visible, float* scores,
        int columns) =>
        Blocks.Multiply(q, rows > 1 ? q + stride : q, rows > 2 ? q + 2L * stride : q, rows > 3 ? q + 3L * stride : q, dim,
            keysT, keyStride, Simd.RoundUp(visible, Blocks.Columns), scores, columns);

    private static void LoadKeysTransposed(float* source, int stride, int n, int dim, float* target, int columns)
    {
        Blocks.Transpose(source, stride, n, dim, target, columns);
        for (var d = 0; d < dim; d++)
            new Span<float>(target + (long)d * columns + n, columns - n).Clear();
    }

    /// <summary>
    /// In place: exp(scale·score − max) of the scores from <paramref name="first"/> up to <paramref name="own"/>, and zero
    /// before them and from there to the end of the block of columns that holds <paramref name="visible"/>. Dividing by the sum is left to
    /// the output, which is narrower. Returns the largest scaled score and the sum.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static (float Max, float Sum) Softmax(float* scores, int first, int own, int visible, float scale)
    {
        Hide(scores, first, own);
        var n = Simd.RoundUp(own, Simd.Lanes);
        var m = Vector512.Load(scores);
        for (var j = Simd.Lanes; j < n; j += Simd.Lanes)
            m = Vector512.MaxNative(m, Vector512.Load(scores + j));
        var max = Simd.Max(m) * scale;
        Vector512<float> factor = Vector512.Create(scale), shift = Vector512.Create(-max), total = default;
        for (var j = 0; j < n; j += Simd.Lanes)
        {
            var e = VectorMath.Exp(Vector512.FusedMultiplyAdd(Vector512.Load(scores + j), factor, shift));
            e.Store(scores + j);
            total += e;
        }
        Simd.Clear(scores, n, Simd.RoundUp(visible, Blocks.Columns));
        return (max, Vector512.Sum(total));
    }

    /// <summary>Unscaled scores become probabilities p; the gradient of p becomes that of the unscaled scores, p·(dP −
    /// delta)·scale.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void ScoreGradient(float* p, float* dP, int first, int own, int visible, float scale, float logSumExp, float delta)
    {
        Hide(p, first, own);
        var n = Simd.RoundUp(own, Simd.Lanes);
        Vector512<float> factor = Vector512.Create(scale), shift = Vector512.Create(-logSumExp), d = Vector512.Create(delta);
        for (var j = 0; j < n; j += Simd.Lanes)
        {
            var e = VectorMath.Exp(Vector512.FusedMultiplyAdd(Vector512.Load(p + j), factor, shift));
            e.Store(p + j);
            (e * (Vector512.Load(dP + j) - d) * factor).Store(dP + j);
        }
        var end = Simd.RoundUp(visible, Blocks.Columns);
        Simd.Clear(p, n, end);
        Simd.Clear(dP, n, end);
    }

    // Scores of keys before the row's window become −∞, and those of later keys up to the end of the vector in which the row's own keys
    // end.
    private static void Hide(float* scores, int first, int own)
    {
        if (first > 0)
            new Span<float>(scores, first).Fill(float.NegativeInfinity);
        var last = Simd.RoundDown(own - 1, Simd.Lanes);
        var isOwn = Vector512.LessThan(Vector512<int>.Indices, Vector512.Create(own - last)).AsSingle();
        Vector512.ConditionalSelect(isOwn, Vector512.Load(scores + last), Vector512.Create(float.NegativeInfinity)).Store(scores + last);
    }
}
