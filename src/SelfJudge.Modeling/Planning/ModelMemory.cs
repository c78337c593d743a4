using SelfJudge.Modeling.Decoders;
using SelfJudge.Modeling.Kernels.Cpu;
using SelfJudge.Modeling.Learning;

namespace SelfJudge.Modeling.Planning;

/// <summary>
/// Bytes that a model of a given shape takes, by what <see cref="DecoderModel"/>, <see cref="Tape"/> and
/// <see cref="KvCache"/> keep. Activations are float32. With T tokens, D the hidden size, I the inner size, Q and R the
/// widths of a query row and of a fused query, key and value row, H heads, L layers, V words.
/// </summary>
public static class ModelMemory
{
    /// <summary>Bytes of a float32.</summary>
    public const int FloatBytes = 4;

    /// <summary>Elements of all base weights.</summary>
    public static long Parameters(DecoderConfig config) => ParameterLayout.Of(config).Size;

    /// <summary>Elements of an adapter's matrices: rank · (inputs + outputs) of every adapted projection.</summary>
    public static long Parameters(DecoderConfig config, LoraConfig lora) => ParameterLayout.Of(config, lora).Size;

    /// <summary>
    /// Floats that one layer leaves on the tape per token: 4·D + R + Q + H + 3·I, the adapter's rank for every projection that it
    /// adapts, and queries and keys once more where they are normed.
    /// </summary>
    public static long TapeFloats(DecoderConfig config, LoraConfig? lora) =>
        LayerFloats(config, lora) + config.HiddenSize + Unnormed(config);

    /// <summary>Bytes at the peak of one forward and backward pass over <paramref name="tokens"/> packed tokens.</summary>
    /// <param name="checkpointing">Only the input of each layer is kept, D per token; one layer at a time is computed anew.</param>
    public static long Training(DecoderConfig config, LoraConfig? lora, long tokens, bool checkpointing)
    {
        long hidden = config.HiddenSize, layers = config.NumHiddenLayers;
        var kept = checkpointing ? layers * hidden + LayerFloats(config, lora) + Unnormed(config) : layers * TapeFloats(config, lora);
        // The last layer's output, its norm, and the gradients of both; then what the gradient of one layer takes, in its larger half.
        var passing = 4 * hidden + hidden + Math.Max(3L * config.IntermediateSize, config.Heads.QueryWidth + config.Heads.RowWidth);
        return FloatBytes * tokens * (kept + passing) + Logits(config, tokens);
    }

    /// <summary>Bytes at the peak of a forward pass that keeps no tape: one layer's activations, what entered it and what it
    /// gives.</summary>
    public static long Forward(DecoderConfig config, LoraConfig? lora, long tokens) =>
        FloatBytes * tokens * (3L * config.HiddenSize + LayerFloats(config, lora)) + Logits(config, tokens);

    /// <summary>Bytes of keys and values: 2 · L · (key and value width) per token of every slot.</summary>
    public static long KeyValueCache(DecoderConfig config, long slots, long capacity) => KvCache.BytesOf(config, slots, capacity);

    /// <summary>Bytes of a <see cref="PrefixCache"/> of at most <paramref name="maxBytes"/> when so many tokens have been read.</summary>
    public static long PrefixCache(DecoderConfig config, long tokens, long maxBytes) =>
        Math.Min(tokens, maxBytes / KeyValueCache(config, 1, 1)) * KeyValueCache(config, 1, 1);

    /// <summary>Bytes of the packed copies that a CPU generates with: of the adapter's matrices, and of the layers' and the head's, which
    /// are in bfloat16 where <paramref name="isNarrow"/>.</summary>
    public static long Packed(DecoderConfig config, LoraConfig? lora, bool isNarrow)
    {
        long Adapted(Projection p) => PackedMatrix.BytesOf(p.Inputs, lora!.Rank) + PackedMatrix.BytesOf(lora.Rank, p.Outputs);
        var layers = Enumerable.Range(0, config.NumHiddenLayers);
        var projections = Projection.All(config);
        var layer = projections.GroupBy(p => p.Fused).Sum(f => PackedMatrix.BytesOf(f.First().Inputs, f.Sum(p => p.Outputs), isNarrow));
        return config.NumHiddenLayers * layer + PackedMatrix.BytesOf(config.HiddenSize, config.VocabSize, isNarrow)
            + (lora is null ? 0 : layers.Sum(i => projections.Where(p => lora.Targets(i, p)).Sum(Adapted)));
    }

    /// <summary>Tokens for which a slot has room, when it is to hold a prompt and its longest answer.</summary>
    public static int Capacity(DecoderConfig config, int prompt, int newTokens) =>
        ((int)Math.Min(config.MaxPositionEmbeddings, (long)prompt + newTokens) + 31) / 32 * 32;

    /// <summary>Slots that a cache has once it has taken in <paramref name="sequences"/>, so many at a time: it grows by halves.</summary>
    public static int Slots(int sequences, int atATime)
    {
        var slots = 0;
        for (var taken = 0; taken < sequences; taken += atATime)
            if (taken + atATime > slots)
                slots = Math.Max(taken + atATime, slots * 3 / 2);
        return slots;
    }

    private static long Unnormed(DecoderConfig config) =>
        config.Architecture.NormsQueriesAndKeys ? config.Heads.QueryWidth + config.Heads.KeyValueWidth : 0;

    // What one layer makes per token on its way to its output.
    private static long LayerFloats(DecoderConfig config, LoraConfig? lora) =>
        3L * config.HiddenSize + config.Heads.RowWidth + config.Heads.QueryWidth + config.Heads.Heads + 3L * config.IntermediateSize
        + (lora is null ? 0 : (long)lora.Rank * Projection.All(config).Count(p => lora.Targets(0, p)));

    // A block of logits, the hidden states that it is of, and their gradient.
    private static long Logits(DecoderConfig config, long tokens) =>
        FloatBytes * Math.Min(tokens, Math.Max(1, TokenLogProbs.BlockElements / config.VocabSize))
            * (config.VocabSize + 2L * config.HiddenSize);
}
