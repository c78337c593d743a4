using SelfJudge.Modeling.Kernels;
using SelfJudge.Modeling.Kernels.Cpu;
using SelfJudge.Modeling.Tensors;
using static TorchSharp.torch;

namespace SelfJudge.Modeling.Tests.Kernels;

/// <summary>Every hand-written kernel and gradient against LibTorch's operations and their automatic differentiation.</summary>
public sealed partial class KernelTests : IDisposable
{
    private static readonly CpuKernels Cpu = CpuKernels.Instance;
    private static readonly TorchKernels Torch = TorchKernels.Instance;
    private readonly TorchSharp.DisposeScope _scope = Ops.Scope();

    public void Dispose() => _scope.Dispose();

    [Theory]
    [InlineData(7, 20)]
    [InlineData(3, 64)]
    [InlineData(5, 3)]
    public void RmsNorm(int rows, int width)
    {
        Tensor x = Random(1, rows, width), w = Random(2, width), dy = Random(3, rows, width);
        Same(Torch.RmsNorm(x, w, 1e-5f), Cpu.RmsNorm(x, w, 1e-5f));
        Tensor dx1 = Random(4, rows, width), dx2 = dx1.clone(), dw1 = Random(5, width), dw2 = dw1.clone();
        Torch.RmsNormBackward(dy, x, w, 1e-5f, dx1, dw1);
        Cpu.RmsNormBackward(dy, x, w, 1e-5f, dx2, dw2);
        Same(dx1, dx2);
        Same(dw1, dw2);
    }

    [Theory]
    [InlineData(4, 2, 6)]
    [InlineData(2, 2, 32)]
    public void Rotation_and_its_inverse(int heads, int keyValueHeads, int dim)
    {
        var layout = new HeadLayout(heads, keyValueHeads, dim);
        var table = new RotaryTable([.. Enumerable.Range(0, dim / 2).Select(i => Math.Pow(10000, -2.0 * i / dim))], 50);
        int[] positions = [0, 1, 7, 49, 3];
        Tensor a = Random(1, 5, layout.RowWidth), b = a.clone(), original = a.clone();
        Torch.Rotate(a, layout, positions, table);
        Cpu.Rotate(b, layout, positions, table);
        Same(a, b);
        Cpu.Rotate(b, layout, positions, table, inverse: true);
        Same(original, b);
    }

    [Theory]
    [InlineData(4, 2, 6, new[] { 1, 2, 5, 17, 33 })]
    [InlineData(8, 8, 8, new[] { 3, 44, 16, 4 })]
    [InlineData(2, 1, 16, new[] { 70 })]
    [InlineData(6, 2, 20, new[] { 9, 1, 1, 40 })]
    [InlineData(2, 1, 24, new[] { 15, 16, 17, 31, 32, 33 })]
    [InlineData(3, 3, 48, new[] { 65, 64, 5 })]
    [InlineData(1, 1, 70, new[] { 49, 80 })]
    public void Attention_over_ragged_sequences(int heads, int keyValueHeads, int dim, int[] lengths)
    {
        var layout = new HeadLayout(heads, keyValueHeads, dim);
        var offsets = lengths.Aggregate(new List<int> { 0 }, (o, n) => [.. o, o[^1] + n]).ToArray();
        Tensor qkv = Random(1, offsets[^1], layout.RowWidth), dOut = Random(2, offsets[^1], layout.QueryWidth);
        var (expected, _) = Torch.Attend(qkv, layout, offsets);
        var (actual, logSumExp) = Cpu.Attend(qkv, layout, offsets);
        Same(expected, actual, 2e-5f);
        Same(Torch.AttendBackward(dOut, qkv, expected, logSumExp, layout, offsets),
            Cpu.AttendBackward(dOut, qkv, actual, logSumExp, layout, offsets), 5e-5f);
    }

    /// <summary>Rows of sequences that share their beginnings are those of the whole sequences: to the last bit where the rows of a block
    /// do not touch each other.</summary>
    [Theory]
    [InlineData(4, 2, 6, null)]
    [InlineData(4, 2, 6, 5)]
    [InlineData(2, 2, 8, 17)]
    [InlineData(2, 1, 20, null)]
    public void Attention_over_sequences_that_share_beginnings(int heads, int keyValueHeads, int dim, int? window)
    {
        var layout = new HeadLayout(heads, keyValueHeads, dim, window);
        // A root of 21 tokens; from 21, 13, 30, 0 and 5 tokens of the sequence before each goes its own way.
        int[] shared = [0, 21, 13, 30, 0, 5], own = [21, 1, 40, 3, 7, 2];
        var offsets = own.Aggregate(new List<int> { 0 }, (o, n) => [.. o, o[^1] + n]).ToArray();
        var qkv = Random(1, offsets[^1], layout.RowWidth);
        var paths = new List<int[]>();
        for (var i = 0; i < own.Length; i++)
            paths.Add([.. i == 0 ? [] : paths[i - 1][..shared[i]], .. Enumerable.Range(offsets[i], own[i])]);
        var whole = Ops.Rows(qkv, Ops.FromArray([.. paths.SelectMany(p => p)], Ops.Cpu));
        var wholeOffsets = paths.Aggregate(new List<int> { 0 }, (o, p) => [.. o, o[^1] + p.Length]).ToArray();
        var rows = Enumerable.Range(0, own.Length).SelectMany(i => Enumerable.Range(wholeOffsets[i] + shared[i], own[i])).ToArray();
        foreach (var kernels in new IKernels[] { Cpu, Torch })
        {
            var expected = Ops.Rows(kernels.Attend(whole, layout, wholeOffsets).Out, Ops.FromArray(rows, Ops.Cpu));
            Same(expected, kernels.Attend(qkv, layout, offsets, shared).Out, kernels == Cpu ? 0 : 1e-5f);
        }
    }

    /// <summary>Rows of sequences of which some tokens are held are those of the whole ones, also where some alone are asked for.</summary>
    [Theory]
    [InlineData(4, 2, 6, null)]
    [InlineData(4, 2, 6, 5)]
    [InlineData(2, 2, 8, 17)]
    [InlineData(2, 1, 20, null)]
    public void Attention_over_sequences_of_which_some_tokens_are_held(int heads, int keyValueHeads, int dim, int? window)
    {
        var layout = new HeadLayout(heads, keyValueHeads, dim, window);
        // Each shares tokens with the one before it, has held ones after them, and brings its own.
        int[] shared = [0, 21, 13, 30, 0, 0], held = [7, 3, 0, 12, 0, 18], own = [14, 1, 40, 3, 7, 2];
        int[] Sums(IEnumerable<int> counts) => counts.Aggregate(new List<int> { 0 }, (o, n) => [.. o, o[^1] + n]).ToArray();
        int[] offsets = Sums(own), heldOffsets = Sums(held);
        int[] places = [.. Enumerable.Range(0, heldOffsets[^1]).Select(i => i < 7 ? i + 43 : i * 9 % 43)]; // some follow each other
        Tensor computed = Random(1, offsets[^1], layout.RowWidth), earlier = Random(2, heldOffsets[^1], layout.RowWidth);
        // A row of the whole sequences is one of those computed, or after them one of those held.
        var paths = new List<int[]>();
        for (var i = 0; i < own.Length; i++)
            paths.Add([.. i == 0 ? [] : paths[i - 1][..shared[i]], .. Enumerable.Range(offsets[^1] + heldOffsets[i], held[i]),
                .. Enumerable.Range(offsets[i], own[i])]);
        var whole = Ops.Rows(Ops.Concatenate(0, computed, earlier), Ops.FromArray([.. paths.SelectMany(p => p)], Ops.Cpu));
        var wholeOffsets = Sums(paths.Select(p => p.Length));
        var rows = Enumerable.Range(0, own.Length).SelectMany(i => Enumerable.Range(wholeOffsets[i + 1] - own[i], own[i])).ToArray();
        int[] asked = [offsets[^1] - 1, 13, 30, 14, 0];
        foreach (var kernels in new IKernels[] { Cpu, Torch })
        {
            var keysValues = Random(3, 50, 2 * layout.KeyValueWidth);
            kernels.CopyKeysValues(earlier, layout, [.. Enumerable.Range(0, places.Length)], keysValues, places);
            var expected = Ops.Rows(kernels.Attend(whole, layout, wholeOffsets).Out, Ops.FromArray(rows, Ops.Cpu));
            var rowsHeld = new HeldRows(keysValues, heldOffsets, places);
            Same(expected, kernels.Attend(computed, layout, offsets, shared, rowsHeld).Out, kernels == Cpu ? 0 : 1e-5f);
            var some = kernels.Attend(computed, layout, offsets, shared, rowsHeld, asked).Out;
            Same(Ops.Rows(expected, Ops.FromArray(asked, Ops.Cpu)), some, kernels == Cpu ? 0 : 1e-5f);
        }
    }

    /// <summary>A token attends to itself and the window − 1 before it: against a plain loop in double precision.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(5)]
    [InlineData(16)]
    [InlineData(17)]
    [InlineData(40)]
    [InlineData(69)]
    [InlineData(70)]
    [InlineData(1000)]
    public void Attention_over_a_sliding_window(int window)
    {
        var layout = new HeadLayout(4, 2, 6, window);
        int[] offsets = [0, 70, 71, 74, 111];
        Tensor qkv = Random(1, offsets[^1], layout.RowWidth), dOut = Random(2, offsets[^1], layout.QueryWidth);
        var expected = DirectAttention(Ops.ToArray(qkv), layout, offsets);
        var (cpu, logSumExp) = Cpu.Attend(qkv, layout, offsets);
        var (torch, _) = Torch.Attend(qkv, layout, offsets);
        TestModels.AssertClose(expected, Ops.ToArray(cpu), 2e-5f);
        TestModels.AssertClose(expected, Ops.ToArray(torch), 2e-5f);
        Same(Torch.AttendBackward(dOut, qkv, torch, logSumExp, layout, offsets),
            Cpu.AttendBackward(dOut, qkv, cpu, logSumExp, layout, offsets), 5e-5f);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    [InlineData(20)]
    public void Attention_over_a_sliding_window_of_a_cache_is_that_of_the_whole_sequence(int window)
    {
        var layout = new HeadLayout(4, 2, 6, window);
        var qkv = Random(1, 58, layout.RowWidth);
        var expected = DirectAttention(Ops.ToArray(qkv), layout, [0, 58]);
        foreach (var kernels in new IKernels[] { Cpu, Torch })
        {
            var cache = new CachedLayer(Ops.Zeros(Ops.Cpu, 2, 2, 6, 64), Ops.Zeros(Ops.Cpu, 2, 2, 64, 6), 64);
            var (attended, held) = (new List<float>(), 0);
            foreach (var n in new[] { 21, 1, 1, 18, 1, 5, 11 })
            {
                attended.AddRange(Ops.ToArray(kernels.AttendCached(qkv.narrow(0, held, n).clone(), layout, [0, n], [1], [held], cache)));
                held += n;
            }
            TestModels.AssertClose(expected, attended.ToArray(), 2e-5f);
        }
    }

    /// <summary>What lies beside a tensor is never read: every index is looked at.</summary>
    [Fact]
    public void Indices_beyond_what_they_index_are_refused()
    {
        var layout = new HeadLayout(4, 2, 6);
        var table = new RotaryTable([1, 0.5, 0.25], 8);
        Tensor embedding = Random(1, 10, 20), rows = Random(2, 2, 20), qkv = Random(3, 3, layout.RowWidth), logits = Random(4, 2, 10),
            flat = Random(5, 20);
        CachedLayer NewCache() => new(Ops.Zeros(Ops.Cpu, 2, 2, 6, 4), Ops.Zeros(Ops.Cpu, 2, 2, 4, 6), 4);
        foreach (var kernels in new IKernels[] { Cpu, Torch })
        {
            Refused("token 10 is not among the 10", () => kernels.Embed(embedding, [9, 10]));
            Refused("token -1 is not", () => kernels.Embed(embedding, [-1, 3]));
            Refused("token 300000 is not", () => kernels.EmbedBackward([0, 300000], rows, embedding));
            Refused("position 8 is not among the 8", () => kernels.Rotate(qkv, layout, [0, 1, 8], table));
            Refused("positions: 2, where 3 are needed", () => kernels.Rotate(qkv, layout, [0, 1], table));
            Refused("the rotary table turns: 6, where 8", () =>
                kernels.Rotate(Random(6, 3, 64), new HeadLayout(4, 2, 8), [0, 1, 2], table));
            Refused("do not end where the 3 rows do", () => kernels.Attend(qkv, layout, [0, 4]));
            Refused("a sequence would have -1 tokens", () => kernels.Attend(qkv, layout, [0, 4, 3]));
            Refused("columns of queries, keys and values: 48, where 64", () => kernels.Attend(qkv, new HeadLayout(4, 2, 8), [0, 3]));
            Refused("counts of shared tokens: 1, where 2", () => kernels.Attend(qkv, layout, [0, 2, 3], [0]));
            Refused("sequence 0 would share 1 tokens with the one before it, which has 0", () =>
                kernels.Attend(qkv, layout, [0, 2, 3], [1, 0]));
            Refused("sequence 1 would share 3 tokens with the one before it, which has 2", () =>
                kernels.Attend(qkv, layout, [0, 2, 3], [0, 3]));
            Refused("sequence 1 would share -1 tokens", () => kernels.Attend(qkv, layout, [0, 2, 3], [0, -1]));
            Tensor keysValues = Random(8, 4, 24);
            Refused("held row 4 is not among the 4", () =>
                kernels.Attend(qkv, layout, [0, 3], null, new HeldRows(keysValues, [0, 2], [3, 4])));
            Refused("do not divide the 2 held rows", () =>
                kernels.Attend(qkv, layout, [0, 3], null, new HeldRows(keysValues, [0, 1], [2, 3])));
            Refused("a sequence would have -1 tokens", () =>
                kernels.Attend(qkv, layout, [0, 2, 3], null, new HeldRows(keysValues, [0, 2, 1], [0])));
            Refused("columns of held keys and values: 23, where 24", () =>
                kernels.Attend(qkv, layout, [0, 3], null, new HeldRows(Random(9, 4, 23), [0, 1], [0])));
            Refused("offsets of held rows: 3, where 2", () =>
                kernels.Attend(qkv, layout, [0, 3], null, new HeldRows(keysValues, [0, 1, 1], [0])));
            Refused("row 3 is not among the 3", () => kernels.Attend(qkv, layout, [0, 3], rows: [3]));
            Refused("row 3 is not among the 3", () => kernels.CopyKeysValues(qkv, layout, [3], keysValues, [0]));
            Refused("place -1 is not among the 4", () => kernels.CopyKeysValues(qkv, layout, [0], keysValues, [-1]));
            Refused("places: 1, where 2", () => kernels.CopyKeysValues(qkv, layout, [0, 1], keysValues, [0]));
            Refused("slot 2 is not among the 2", () => kernels.AttendCached(qkv, layout, [0, 3], [2], [0], NewCache()));
            Refused("slot 1 has room for 4 tokens; it holds 2, and 3 are to be added", () =>
                kernels.AttendCached(qkv, layout, [0, 3], [1], [2], NewCache()));
            Refused("slot 2 is not among the 2", () => kernels.CopySlot(NewCache(), 0, [1, 2], 1));
            Refused("slot -1 is not among the 2", () => kernels.CopySlot(NewCache(), -1, [1], 1));
            Refused("slot 0 has room for 4 tokens; 5 are to be copied", () => kernels.CopySlot(NewCache(), 0, [1], 5));
            Refused("target token 10 is not among the 10", () => kernels.TargetLogProbs(logits, [0, 10]));
            Refused("target token -100 is not", () => kernels.TargetLogProbsBackward(logits, [-100, 0], [1, 1]));
            Refused("targets: 1, where 2", () => kernels.TargetLogProbs(logits, [0]));
            Refused("coefficients: 1, where 2", () => kernels.TargetLogProbsBackward(logits, [0, 1], [1]));
            Refused("10 weights from 15 on are to decay, and there are 20", () =>
                kernels.AdamW(flat, flat, flat, flat, new AdamWStep(1, 0.1f, 0.9f, 0.99f, 1e-8f, 0.1f, 1, [(15, 10)])));
            Refused("elements of the first moment: 10, where 20", () =>
                kernels.AdamW(flat, flat, Random(7, 10), flat, new AdamWStep(1, 0.1f, 0.9f, 0.99f, 1e-8f, 0.1f, 1, [])));
        }
        Refused("elements of the norm's weight: 10, where 20", () => Cpu.RmsNorm(rows, Random(8, 10), 1e-5f));
        Refused("are more than memory can index", () => _ = new RotaryTable(new double[128], 1 << 24));

        static void Refused(string message, Action action) =>
            Assert.Contains(message, Assert.Throws<ArgumentException>(action).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Tensors_that_are_not_float32_have_no_float32_memory() =>
        Assert.Contains("not float32", Assert.Throws<InvalidOperationException>(() =>
            { _ = Ops.Floats(Ops.Empty(Ops.Cpu, ScalarType.BFloat16, 8)); }).Message, StringComparison.Ordinal);

    [Fact]
    public unsafe void A_tensor_of_more_than_a_span_holds_has_an_address_and_is_not_read_at_once()
    {
        var large = Ops.Empty(Ops.Cpu, ScalarType.Float32, (1L << 29) + 5); // its memory is never touched
        Assert.True(Ops.Address(large) == Ops.Address(large.narrow(0, 0, 8)));
        Assert.Contains("larger than the 2 GiB that can be read at once",
            Assert.Throws<InvalidOperationException>(() => { _ = Ops.Floats(large); }).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(4, 2, 6, 40)]
    [InlineData(8, 8, 8, 48)]
    [InlineData(12, 2, 24, 40)]
    [InlineData(5, 1, 16, 96)]
    [InlineData(3, 3, 70, 112)]
    public void Attention_to_a_cache_that_grows(int heads, int keyValueHeads, int dim, int capacity)
    {
        var layout = new HeadLayout(heads, keyValueHeads, dim);
        CachedLayer NewCache() =>
            new(Ops.Zeros(Ops.Cpu, 5, keyValueHeads, dim, capacity), Ops.Zeros(Ops.Cpu, 5, keyValueHeads, capacity, dim), capacity);
        CachedLayer a = NewCache(), b = NewCache();
        int[] slots = [3, 0, 4], lengths = [0, 0, 0];
        foreach (var added in new[] { new[] { 5, 9, 1 }, [1, 1, 1], [1, 3, 2], [1, 1, 1], [capacity - 9, capacity - 15, capacity - 6],
            [1, 1, 1] })
        {
            var offsets = added.Aggregate(new List<int> { 0 }, (o, n) => [.. o, o[^1] + n]).ToArray();
            var qkv = Random((ulong)lengths.Sum() + 1, offsets[^1], layout.RowWidth);
            Same(Torch.AttendCached(qkv, layout, offsets, slots, lengths, a), Cpu.AttendCached(qkv, layout, offsets, slots, lengths, b),
                2e-5f);
            lengths = [.. lengths.Zip(added, (l, n) => l + n)];
        }
        Same(a.Keys, b.Keys);
        Same(a.Values, b.Values);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(7)]
    [InlineData(40)]
    public void A_slot_is_copied_as_far_as_it_is_filled(int length)
    {
        foreach (var kernels in new IKernels[] { Cpu, Torch })
        {
            var cache = new CachedLayer(Random(1, 4, 2, 6, 40), Random(2, 4, 2, 40, 6), 40);
            Tensor keys = cache.Keys.clone(), values = cache.Values.clone();
            kernels.CopySlot(cache, 2, [0, 3], length);
            for (var slot = 0; slot < 4; slot++)
            {
                var from = slot is 0 or 3 ? 2 : slot;
                Same(keys.select(0, from).narrow(2, 0, length), cache.Keys.select(0, slot).narrow(2, 0, length), 0);
                Same(values.select(0, from).narrow(1, 0, length), cache.Values.select(0, slot).narrow(1, 0, length), 0);
                Same(keys.select(0, slot).narrow(2, length, 40 - length), cache.Keys.select(0, slot).narrow(2, length, 40 - length), 0);
                Same(values.select(0, slot).narrow(1, length, 40 - length), cache.Values.select(0, slot).narrow(1, length, 40 - length), 0);
            }
        }
    }

    private static float[] DirectAttention(float[] qkv, HeadLayout heads, int[] offsets)
    {
        var result = new float[offsets[^1] * heads.QueryWidth];
        for (var s = 0; s + 1 < offsets.Length; s++)
            for (var t = offsets[s]; t < offsets[s + 1]; t++)
                for (var h = 0; h < heads.Heads; h++)
                {
                    float Q(int d) => qkv[t * heads.RowWidth + h * heads.HeadDim + d];
                    float K(int row, int d) => qkv[row * heads.RowWidth + heads.QueryWidth + h / heads.HeadsPerGroup * heads.HeadDim + d];
                    float V(int row, int d) =>
                        qkv[row * heads.RowWidth + heads.QueryWidth + heads.KeyValueWidth + h / heads.HeadsPerGroup * heads.HeadDim + d];
                    var seen = Enumerable.Range(offsets[s], t - offsets[s] + 1).Where(j => j > t - (heads.Window ?? int.MaxValue))
                        .ToArray();
                    var weights = seen.Select(j =>
                        Math.Exp(Enumerable.Range(0, heads.HeadDim).Sum(d => (double)Q(d) * K(j, d)) / Math.Sqrt(heads.HeadDim))).ToArray();
                    for (var d = 0; d < heads.HeadDim; d++)
                        result[t * heads.QueryWidth + h * heads.HeadDim + d] =
                            (float)(seen.Zip(weights, (j, w) => w * V(j, d)).Sum() / weights.Sum());
                }
        return result;
    }

    private static Tensor Random(ulong seed, params long[] shape) =>
        Ops.FromArray(TestModels.Randoms((int)shape.Aggregate(1L, (a, b) => a * b), seed), Ops.Cpu, shape);

    private static Tensor Filled(float value) => Ops.FromArray([.. Enumerable.Repeat(value, 9)], Ops.Cpu);

    private static void Same(Tensor expected, Tensor actual, float tolerance = 1e-5f)
    {
        Assert.Equal(Sizes(expected), Sizes(actual));
        TestModels.AssertClose(Ops.ToArray(expected), Ops.ToArray(actual), tolerance);
    }

    private static IEnumerable<long> Sizes(Tensor tensor) => Enumerable.Range(0, (int)tensor.dim()).Select(tensor.size);
}
