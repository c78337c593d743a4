using SelfJudge.Modeling.Kernels;
using SelfJudge.Modeling.Tensors;
using static TorchSharp.torch;

namespace SelfJudge.Modeling.Llama;

/// <summary>
/// A Llama decoder (Touvron et al. 2023): RMSNorm, rotary positions, grouped-query attention, SwiGLU; base weights and,
/// where given, an adapter beside them. The gradient is written out by hand next to the forward pass: it keeps what it
/// needs and nothing else, adds straight into the gradient buffer, and leaves no graph of temporaries to the collector.
/// Activations, gradients and adapters are float32; base weights that are not trained may be held in bfloat16.
/// Shapes: T packed tokens, D hidden size. All calls happen inside a dispose scope, on one thread at a time per scope.
/// </summary>
public sealed class LlamaModel(LlamaWeights weights, LoraAdapter? adapter, IKernels kernels, RotaryTable rotary)
{
    private readonly HeadLayout[] _heads = [.. Enumerable.Range(0, weights.Config.NumHiddenLayers).Select(weights.Config.HeadsOf)];
    private readonly float _eps = weights.Config.RmsNormEps;

    public LlamaWeights Weights { get; } = weights;
    public LoraAdapter? Adapter { get; } = adapter;
    public LlamaConfig Config => Weights.Config;
    public IKernels Kernels { get; } = kernels;

    /// <summary>Hidden states [T, D] after the final norm. With a tape, what <see cref="Backward"/> needs is kept on it.</summary>
    public Tensor Hidden(PackedBatch batch, Tape? tape = null)
    {
        if (tape is not null && batch.Shared is not null)
            throw new ArgumentException("no gradient is taken of sequences that share their beginnings: pack them whole");
        return Hidden(batch, tape, null);
    }

    /// <summary>
    /// The same for some of the rows [rows, D]. Of the others nothing is computed in the last layer but its first product, of which
    /// the keys and values are needed.
    /// </summary>
    public Tensor HiddenOf(PackedBatch batch, int[] rows) => Hidden(batch, null, rows);

    /// <summary>Hidden states [T, D] of sequences continued from their cache slots, to which the new tokens are appended; with <paramref name="rows"/>, those of these rows as in <see cref="HiddenOf"/>.</summary>
    public Tensor Hidden(PackedBatch batch, KvCache cache, int[] slots, int[]? rows = null)
    {
        CheckPositions(batch);
        var lengths = Array.ConvertAll(slots, cache.Length);
        var x = Embed(batch.Tokens);
        for (var i = 0; i < Weights.Layers.Count; i++)
        {
            using var scope = Ops.Scope();
            var layer = Weights.Layers[i];
            var normed = RmsNorm(x, layer.InputNorm);
            var qkv = Project(i, FusedProjection.Qkv, normed, null);
            Kernels.Rotate(qkv, _heads[i], batch.Positions, rotary);
            var attended = Kernels.AttendCached(qkv, _heads[i], batch.Offsets, slots, lengths, cache.Layer(i));
            var entered = x;
            if (i == Weights.Layers.Count - 1)
                (attended, x) = (Rows(attended, rows), Rows(x, rows));
            var middle = Project(i, FusedProjection.Output, attended, null, x);
            var gateUp = Project(i, FusedProjection.GateUp, RmsNorm(middle, layer.PostAttentionNorm), null);
            x = scope.MoveToOuter(Project(i, FusedProjection.Down, Kernels.SwiGlu(gateUp), null, middle));
            entered.Dispose();
        }
        for (var i = 0; i < slots.Length; i++)
            cache.Advance(slots[i], batch.Offsets[i + 1] - batch.Offsets[i]);
        return RmsNorm(x, Weights.Norm);
    }

    /// <summary>Makes one worker's share of the matrices ready for products with few rows, as generation has them. Until <see cref="Release"/> the weights must not change.</summary>
    public void Prepare(int worker, int workers)
    {
        // The largest first, each to the worker that has least: of most models the head is as large as all layers together.
        var loads = new long[workers];
        foreach (var matrix in Matrices.OrderByDescending(m => m.Weight.NumberOfElements))
        {
            var least = Array.IndexOf(loads, loads.Min());
            loads[least] += matrix.Weight.NumberOfElements;
            if (least == worker)
                Kernels.Prepare(matrix);
        }
    }

    /// <summary>Gives back what <see cref="Prepare"/> made. Nothing is left to do where nothing was made.</summary>
    public void Release()
    {
        foreach (var matrix in Matrices)
            matrix.Release();
    }

    /// <summary>Bytes of what <see cref="Prepare"/> made.</summary>
    internal long PreparedBytes => Matrices.Sum(m => m.Prepared?.Bytes ?? 0);

    private IEnumerable<WeightMatrix> Matrices =>
        [.. Weights.Layers.SelectMany(l => l.Fused), Weights.Head, .. Adapter?.Parts.SelectMany(p => new[] { p.A, p.B }) ?? []];

    /// <summary>The scalar head [1, D]: the adapter's where it brings one, else that of the base weights; null where there is none.</summary>
    public Tensor? Score => Adapter?.Score ?? Weights.Score;

    private void CheckPositions(PackedBatch batch)
    {
        if (batch.Positions.Length > 0 && batch.Positions.Max() is var last && last >= rotary.Positions)
            throw new ArgumentException($"a sequence of {last + 1} tokens is longer than the {rotary.Positions} positions of the model");
    }

    /// <summary>Logits [rows, vocab] of hidden states [rows, D].</summary>
    public Tensor Logits(Tensor hidden)
    {
        var logits = Ops.Empty(hidden.device, ScalarType.Float32, hidden.size(0), Config.VocabSize);
        LogitsInto(logits, hidden);
        return logits;
    }

    /// <summary>The same into memory that is there.</summary>
    public void LogitsInto(Tensor logits, Tensor hidden) => Kernels.LogitsInto(logits, hidden, Weights.Head);

    /// <summary>The gradient [rows, D] of <see cref="Logits"/> with respect to the hidden states.</summary>
    public Tensor LogitsBackward(Tensor dLogits) => Kernels.TimesBackward(dLogits, Weights.Head);

    /// <summary>
    /// Adds the gradient of every trained parameter, given that of the hidden states [T, D]. Base weights are trained
    /// if <paramref name="base"/> is given, the adapter if <paramref name="adapterGradient"/> is.
    /// </summary>
    public void Backward(Tape tape, Tensor dHidden, LlamaWeights? @base, LoraAdapter? adapterGradient)
    {
        var dX = Ops.ZerosLike(dHidden);
        Kernels.RmsNormBackward(dHidden, tape.Last!, Wide(Weights.Norm), _eps, dX, @base?.Norm);
        for (var i = Weights.Layers.Count - 1; i >= 0; i--)
        {
            using var scope = Ops.Scope();
            LayerBackward(i, tape.Checkpointing ? Recompute(i, tape.Inputs[i], tape.Batch) : tape.Layers[i], tape.Batch, dX, @base, adapterGradient);
        }
        if (@base is not null)
            Kernels.EmbedBackward(tape.Batch.Tokens, dX, @base.Embedding);
    }

    private Tensor Hidden(PackedBatch batch, Tape? tape, int[]? rows)
    {
        CheckPositions(batch);
        var x = Embed(batch.Tokens);
        for (var i = 0; i < Weights.Layers.Count; i++)
        {
            var entered = x;
            x = Layer(i, entered, batch, tape, i == Weights.Layers.Count - 1 ? rows : null);
            if (tape is null)
                entered.Dispose();
        }
        if (tape is not null)
            tape.Last = x;
        return RmsNorm(x, Weights.Norm);
    }

    // With rows, it gives those alone.
    private Tensor Layer(int index, Tensor x, PackedBatch batch, Tape? tape, int[]? rows)
    {
        using var scope = Ops.Scope();
        var keeps = tape is { Checkpointing: false };
        var activations = Activate(index, x, batch, keeps, rows);
        var result = Project(index, FusedProjection.Down, activations.Activated, activations.Down, activations.Middle);
        if (keeps)
        {
            tape!.Layers.Add(activations);
            scope.MoveToOuter(activations.Made);
        }
        else
            tape?.Inputs.Add(x);
        return scope.MoveToOuter(result);
    }

    /// <summary>The activations of a layer as <see cref="Layer"/> had them: the same operations on the same numbers, hence the same bits.</summary>
    private LayerTape Recompute(int index, Tensor x, PackedBatch batch)
    {
        var activations = Activate(index, x, batch, forGradient: true);
        foreach (var part in Adapter?.PartsOf(index, FusedProjection.Down) ?? [])
            activations.Down!.Add(part, Kernels.Times(activations.Activated, part.A));
        return activations;
    }

    // A layer up to its last product, of which the gradient needs the input and not the result.
    private LayerTape Activate(int index, Tensor x, PackedBatch batch, bool forGradient, int[]? rows = null)
    {
        var layer = Weights.Layers[index];
        var down = forGradient ? new Dictionary<LoraPart, Tensor>() : null;
        var normed = RmsNorm(x, layer.InputNorm);
        var qkv = Project(index, FusedProjection.Qkv, normed, down);
        Kernels.Rotate(qkv, _heads[index], batch.Positions, rotary);
        HeldRows? held = null;
        if (batch.Prefixes is { } prefixes)
        {
            held = new HeldRows(prefixes.Cache.Layer(index), prefixes.Offsets, prefixes.Held);
            Kernels.CopyKeysValues(qkv, _heads[index], prefixes.Computed, held.KeysValues, prefixes.Places);
        }
        var (attended, logSumExp) = Kernels.Attend(qkv, _heads[index], batch.Offsets, batch.Shared, held, rows);
        x = Rows(x, rows);
        var middle = Project(index, FusedProjection.Output, attended, down, x);
        var middleNormed = RmsNorm(middle, layer.PostAttentionNorm);
        var gateUp = Project(index, FusedProjection.GateUp, middleNormed, down);
        return new LayerTape
        {
            Input = x,
            Normed = normed,
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

    // dX is the gradient of the layer's output on entry, of its input on return: the residual stream adds.
    private void LayerBackward(int index, LayerTape t, PackedBatch batch, Tensor dX, LlamaWeights? @base, LoraAdapter? lora)
    {
        var layer = Weights.Layers[index];
        var (gradient, down) = (@base?.Layers[index], t.Down!);
        using (Ops.Scope())
        {
            var dActivated = ProjectBackward(index, FusedProjection.Down, dX, t.Activated, down, gradient, lora);
            var dGateUp = Kernels.SwiGluBackward(dActivated, t.GateUp);
            var dMiddleNormed = ProjectBackward(index, FusedProjection.GateUp, dGateUp, t.MiddleNormed, down, gradient, lora);
            Kernels.RmsNormBackward(dMiddleNormed, t.Middle, Wide(layer.PostAttentionNorm), _eps, dX, gradient?.PostAttentionNorm);
        }
        using (Ops.Scope())
        {
            var dAttended = ProjectBackward(index, FusedProjection.Output, dX, t.Attended, down, gradient, lora);
            var dQkv = Kernels.AttendBackward(dAttended, t.Qkv, t.Attended, t.LogSumExp, _heads[index], batch.Offsets);
            Kernels.Rotate(dQkv, _heads[index], batch.Positions, rotary, inverse: true);
            var dNormed = ProjectBackward(index, FusedProjection.Qkv, dQkv, t.Normed, down, gradient, lora);
            Kernels.RmsNormBackward(dNormed, t.Input, Wide(layer.InputNorm), _eps, dX, gradient?.InputNorm);
        }
    }

    /// <summary>x·Wᵀ, plus the adapter's part, plus <paramref name="residual"/> where given. Keeps x·Aᵀ in <paramref name="down"/>.</summary>
    private Tensor Project(int layer, FusedProjection fused, Tensor x, Dictionary<LoraPart, Tensor>? down, Tensor? residual = null)
    {
        var y = Kernels.Times(x, Weights.Layers[layer][fused], residual);
        if (Adapter is null)
            return y;
        foreach (var part in Adapter.PartsOf(layer, fused))
        {
            var xA = Kernels.Times(x, part.A);
            Kernels.AddTimes(Columns(y, part), xA, part.B, Adapter.Config.Scale);
            down?.Add(part, xA);
        }
        return y;
    }

    /// <summary>The gradient of <see cref="Project"/> with respect to x; adds that of the trained matrices.</summary>
    private Tensor ProjectBackward(int layer, FusedProjection fused, Tensor dY, Tensor x, Dictionary<LoraPart, Tensor> down, LayerWeights? @base, LoraAdapter? lora)
    {
        var dX = Kernels.TimesBackward(dY, Weights.Layers[layer][fused]);
        if (@base is not null)
            Kernels.AddWeightGradient(@base[fused].Weight, dY, x);
        if (Adapter is null)
            return dX;
        var scale = Adapter.Config.Scale;
        foreach (var (part, gradient) in Adapter.PartsOf(layer, fused).Zip((lora ?? Adapter).PartsOf(layer, fused)))
        {
            var dPart = Columns(dY, part);
            var dDown = Kernels.TimesBackward(dPart, part.B);
            if (lora is not null)
            {
                Kernels.AddWeightGradient(gradient.B.Weight, dPart, down[part], scale);
                Kernels.AddWeightGradient(gradient.A.Weight, dDown, x, scale);
            }
            Kernels.AddTimesBackward(dX, dDown, part.A, scale);
        }
        return dX;
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

    private static Tensor Columns(Tensor y, LoraPart part) => y.narrow(1, part.Projection.Start, part.Projection.Outputs);
}
