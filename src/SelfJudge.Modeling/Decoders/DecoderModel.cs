using SelfJudge.Modeling.Kernels;
using SelfJudge.Modeling.Tensors;
using static TorchSharp.torch;

namespace SelfJudge.Modeling.Decoders;

/// <summary>
/// A decoder of the Llama build (Touvron et al. 2023): RMSNorm, rotary positions, grouped-query attention, SwiGLU, and what its
/// <see cref="Architecture"/> has besides; base weights and, where given, an adapter beside them. The gradient is written out by
/// hand next to the forward pass: it keeps what it needs and nothing else, adds straight into the gradient buffer, and leaves no
/// graph of temporaries to the collector. Activations, gradients and adapters are float32; base weights that are not trained may
/// be held in bfloat16. Shapes: T packed tokens, D hidden size. All calls happen inside a dispose scope, on one thread at a time
/// per scope.
/// </summary>
public sealed partial class DecoderModel(DecoderWeights weights, LoraAdapter? adapter, IKernels kernels, RotaryTable rotary)
{
    private readonly HeadLayout[] _heads = [.. Enumerable.Range(0, weights.Config.NumHiddenLayers).Select(weights.Config.HeadsOf)];
    private readonly float _eps = weights.Config.RmsNormEps;

    public DecoderWeights Weights { get; } = weights;
    public LoraAdapter? Adapter { get; } = adapter;
    public DecoderConfig Config => Weights.Config;
    public IKernels Kernels { get; } = kernels;

    /// <summary>The scalar head [1, D]: the adapter's where it brings one, else that of the base weights; null where there is
    /// none.</summary>
    public Tensor? Score => Adapter?.Score ?? Weights.Score;

    // What the rows of a layer, or some of them, make of the tokens that they see, from queries, keys and values [T, RowWidth] after
    // rotation: the heads' outputs and, where a gradient may be taken, the log-sum-exp of the scores.
    private delegate (Tensor Out, Tensor? LogSumExp) Attention(int layer, Tensor qkv, int[]? rows);

    /// <summary>Hidden states [T, D] after the final norm. With a tape, what <see cref="Backward"/> needs is kept on it.</summary>
    public Tensor Hidden(PackedBatch batch, Tape? tape = null)
    {
        if (tape is not null && batch.Shared is not null)
            throw new ArgumentException("no gradient is taken of sequences that share their beginnings: pack them whole");
        return Hidden(batch, Packed(batch), tape, null);
    }

    /// <summary>
    /// The same for some of the rows [rows, D]. Of the others nothing is computed in the last layer but its first product, of which
    /// the keys and values are needed.
    /// </summary>
    public Tensor HiddenOf(PackedBatch batch, int[] rows) => Hidden(batch, Packed(batch), null, rows);

    /// <summary>
    /// Hidden states [T, D] of sequences continued from their cache slots, to which the new tokens are appended; with
    /// <paramref name="rows"/>, those of these rows as in <see cref="HiddenOf"/>.
    /// </summary>
    public Tensor Hidden(PackedBatch batch, KvCache cache, int[] slots, int[]? rows = null)
    {
        var hidden = Hidden(batch, Cached(batch, cache, slots), null, rows);
        for (var i = 0; i < slots.Length; i++)
            cache.Advance(slots[i], batch.Offsets[i + 1] - batch.Offsets[i]);
        return hidden;
    }

    private Tensor Hidden(PackedBatch batch, Attention attend, Tape? tape, int[]? rows)
    {
        if (batch.Positions.Length > 0 && batch.Positions.Max() is var last && last >= rotary.Positions)
            throw new ArgumentException($"a sequence of {last + 1} tokens is longer than the {rotary.Positions} positions of the model");
        var x = Embed(batch.Tokens);
        for (var i = 0; i < Weights.Layers.Count; i++)
        {
            var entered = x;
            x = Layer(i, entered, batch, attend, tape, i == Weights.Layers.Count - 1 ? rows : null);
            if (tape is null)
                entered.Dispose();
        }
        if (tape is not null)
            tape.Last = x;
        return RmsNorm(x, Weights.Norm);
    }

    // With rows, it gives those alone.
    private Tensor Layer(int index, Tensor x, PackedBatch batch, Attention attend, Tape? tape, int[]? rows)
    {
        using var scope = Ops.Scope();
        var keeps = tape is { Checkpointing: false };
        var t = Activate(index, x, batch, attend, keeps, rows);
        var result = Project(index, FusedProjection.Down, t.Activated, t.Down, t.Middle);
        if (keeps)
        {
            tape!.Layers.Add(t);
            scope.MoveToOuter(t.Made);
        }
        else
            tape?.Inputs.Add(x);
        return scope.MoveToOuter(result);
    }

    // A layer up to its last product, of which the gradient needs the input and not the result.
    private LayerTape Activate(int index, Tensor x, PackedBatch batch, Attention attend, bool forGradient, int[]? rows = null)
    {
        var layer = Weights.Layers[index];
        var down = forGradient ? new Dictionary<LoraPart, Tensor>() : null;
        var normed = RmsNorm(x, layer.InputNorm);
        var qkv = Project(index, FusedProjection.Qkv, normed, down);
        var unnormed = layer.QueryNorm is null ? null : NormHeads(index, qkv, forGradient);
        Kernels.Rotate(qkv, _heads[index], batch.Positions, rotary);
        var (attended, logSumExp) = attend(index, qkv, rows);
        x = Rows(x, rows);
        var middle = Project(index, FusedProjection.Output, attended, down, x);
        var middleNormed = RmsNorm(middle, layer.PostAttentionNorm);
        var gateUp = Project(index, FusedProjection.GateUp, middleNormed, down);
        return new LayerTape
        {
            Input = x,
            Normed = normed,
            Unnormed = unnormed,
            Qkv = qkv,
            Attended = attended,
            LogSumExp = logSumExp,
            Middle = middle,
            MiddleNormed = middleNormed,
            GateUp = gateUp,
            Activated = Kernels.SwiGlu(gateUp),
            Down = down,
        };
    }

    // In place; where a gradient may be taken, it gives queries and keys as they were.
    private Tensor? NormHeads(int index, Tensor qkv, bool forGradient)
    {
        var (layer, heads) = (Weights.Layers[index], _heads[index]);
        var unnormed = forGradient ? Ops.Copy(qkv.narrow(1, 0, heads.QueryWidth + heads.KeyValueWidth)) : null;
        Kernels.NormHeads(qkv, heads, Wide(layer.QueryNorm!), Wide(layer.KeyNorm!), _eps);
        return unnormed;
    }

    // Within the batch's own sequences, and what a prefix cache has of them and is given.
    private Attention Packed(PackedBatch batch) => (layer, qkv, rows) =>
    {
        HeldRows? held = null;
        if (batch.Prefixes is { } prefixes)
        {
            held = new HeldRows(prefixes.Cache.Layer(layer), prefixes.Offsets, prefixes.Held);
            Kernels.CopyKeysValues(qkv, _heads[layer], prefixes.Computed, held.KeysValues, prefixes.Places);
        }
        return Kernels.Attend(qkv, _heads[layer], batch.Offsets, batch.Shared, held, rows);
    };

    // To all that the slots hold, to which the batch is appended.
    private Attention Cached(PackedBatch batch, KvCache cache, int[] slots)
    {
        var lengths = Array.ConvertAll(slots, cache.Length);
        return (layer, qkv, rows) =>
            (Rows(Kernels.AttendCached(qkv, _heads[layer], batch.Offsets, slots, lengths, cache.Layer(layer)), rows), null);
    }

    private Tensor Embed(int[] tokens)
    {
        if (!Weights.IsNarrow)
            return Kernels.Embed(Weights.Embedding, tokens);
        IndexCheck.Rows(tokens, Config.VocabSize, "token");
        return Wide(Ops.Rows(Weights.Embedding, Ops.FromArray(tokens, Weights.Embedding.device)));
    }

    private Tensor RmsNorm(Tensor x, Tensor weight) => Kernels.RmsNorm(x, Wide(weight), _eps);

    private static Tensor Rows(Tensor x, int[]? rows) => rows is null ? x : Ops.Rows(x, Ops.FromArray(rows, x.device));

    private Tensor Wide(Tensor weight) => Weights.IsNarrow ? Ops.To(weight, ScalarType.Float32) : weight;
}
