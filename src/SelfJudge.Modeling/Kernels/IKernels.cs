using static TorchSharp.torch;

namespace SelfJudge.Modeling.Kernels;

/// <summary>How attention heads lie in a row of the fused projection [q heads | k heads | v heads].</summary>
/// <param name="Heads">Query heads.</param>
/// <param name="KeyValueHeads">Key and value heads; a divisor of <paramref name="Heads"/> (grouped-query attention).</param>
/// <param name="HeadDim">Elements of a head.</param>
/// <param name="Window">How many tokens one attends to, itself and those before it (a sliding window); null is all of them.</param>
public readonly record struct HeadLayout(int Heads, int KeyValueHeads, int HeadDim, int? Window = null)
{
    public int QueryWidth => Heads * HeadDim;
    public int KeyValueWidth => KeyValueHeads * HeadDim;
    public int RowWidth => QueryWidth + 2 * KeyValueWidth;
    public int HeadsPerGroup => Heads / KeyValueHeads;
    public float Scale => 1f / MathF.Sqrt(HeadDim);

    /// <summary>The first position that the token at a position attends to.</summary>
    public int FirstSeen(int position) => Window is { } window && position >= window ? position - window + 1 : 0;
}

/// <summary>
/// The parts of a decoder layer, forward and backward. Sequences are packed: the rows of
/// all sequences follow each other without padding, and offsets [sequences + 1] say where each begins.
/// T is the number of packed rows, D the model's width. Ids, positions, offsets and places in a cache are checked against
/// what they index: memory outside of a tensor is never read, an <see cref="ArgumentException"/> says what was wrong.
/// </summary>
public interface IKernels
{
    /// <summary>Embedding rows [T, D] of the token ids.</summary>
    Tensor Embed(Tensor table, int[] ids);

    /// <summary>Adds the rows of <paramref name="dOut"/> [T, D] to the gradient rows of their tokens.</summary>
    void EmbedBackward(int[] ids, Tensor dOut, Tensor dTable);

    /// <summary>Makes a matrix ready for products with few rows; what that takes is given back by <see cref="WeightMatrix.Release"/>. Where
    /// nothing can be gained, nothing is made.</summary>
    void Prepare(WeightMatrix matrix);

    /// <summary>x·Wᵀ [T, outputs], plus <paramref name="residual"/> where given. In float32, but for a matrix in fewer bits on a device
    /// that has units for those.</summary>
    Tensor Times(Tensor x, WeightMatrix matrix, Tensor? residual = null);

    /// <summary>dY·W [T, inputs], the gradient of <see cref="Times"/> with respect to x.</summary>
    Tensor TimesBackward(Tensor dY, WeightMatrix matrix);

    /// <summary>target ← target + scale·x·Wᵀ, for a float32 matrix. The target may be some columns of a wider tensor.</summary>
    void AddTimes(Tensor target, Tensor x, WeightMatrix matrix, float scale);

    /// <summary>dX ← dX + scale·dY·W, the gradient of <see cref="AddTimes"/> with respect to x.</summary>
    void AddTimesBackward(Tensor dX, Tensor dY, WeightMatrix matrix, float scale);

    /// <summary>dW ← dW + scale·dYᵀ·x, the gradient of <see cref="Times"/> with respect to the matrix.</summary>
    void AddWeightGradient(Tensor dW, Tensor dY, Tensor x, float scale = 1f);

    /// <summary>y ← y + bias, row by row.</summary>
    void AddBias(Tensor y, Tensor bias);

    /// <summary>dBias ← dBias + the sum of the rows of <paramref name="dY"/>, the gradient of <see cref="AddBias"/>.</summary>
    void AddBiasGradient(Tensor dBias, Tensor dY);

    /// <summary>result ← hidden·Wᵀ [T, vocabulary] in float32 on every device: rounded to fewer bits, neighbouring logits would lie an
    /// eighth apart.</summary>
    void LogitsInto(Tensor result, Tensor hidden, WeightMatrix head);

    /// <summary>x / sqrt(mean(x²) + eps) · weight, row by row.</summary>
    Tensor RmsNorm(Tensor x, Tensor weight, float eps);

    /// <summary>Adds the gradient of <see cref="RmsNorm"/> to <paramref name="dX"/> and, where it is trained, to
    /// <paramref name="dWeight"/>.</summary>
    void RmsNormBackward(Tensor dOut, Tensor x, Tensor weight, float eps, Tensor dX, Tensor? dWeight);

    /// <summary>
    /// Norms the query and key heads of every row in place as <see cref="RmsNorm"/> does a row, by weights [head dim] of the
    /// queries and of the keys.
    /// </summary>
    void NormHeads(Tensor qkv, HeadLayout heads, Tensor queryWeight, Tensor keyWeight, float eps);

    /// <summary>
    /// Makes of the gradient of <see cref="NormHeads"/>' results that of what it was given, in place, and adds those of the weights
    /// where they are trained.
    /// </summary>
    /// <param name="unnormed">[T, query and key width] The queries and keys that it was given.</param>
    void NormHeadsBackward(
        Tensor dQkv, Tensor unnormed, HeadLayout heads, Tensor queryWeight, Tensor keyWeight, float eps, Tensor? dQueryWeight,
            Tensor? dKeyWeight);

    /// <summary>Rotates the query and key heads of every row in place by its position (rotary embedding, the half-split form of Hugging
    /// Face checkpoints); <paramref name="inverse"/> rotates back, which is the gradient.</summary>
    void Rotate(Tensor qkv, HeadLayout heads, int[] positions, RotaryTable table, bool inverse = false);

    /// <summary>
    /// Causal attention within each sequence, over its last <see cref="HeadLayout.Window"/> tokens where there is a window. With
    /// <paramref name="shared"/>, sequence i begins with the first shared[i] tokens of sequence i − 1, whose rows are not there again;
    /// with <paramref name="held"/>, tokens follow whose keys and values are held, and then its rows. Returns the heads' outputs
    /// [T, Heads·HeadDim] and the log-sum-exp of every row's scores [T, Heads]; with <paramref name="rows"/>, those of these rows alone.
    /// </summary>
    (Tensor Out, Tensor LogSumExp) Attend(
        Tensor qkv, HeadLayout heads, int[] offsets, int[]? shared = null, HeldRows? held = null, int[]? rows = null);

    /// <summary>The gradient [T, RowWidth] of <see cref="Attend"/> of whole sequences with respect to <paramref name="qkv"/>.</summary>
    Tensor AttendBackward(Tensor dOut, Tensor qkv, Tensor @out, Tensor logSumExp, HeadLayout heads, int[] offsets);

    /// <summary>Appends the keys and values of the packed rows to their slots of the cache and attends to all that each slot holds, or to
    /// its last <see cref="HeadLayout.Window"/> tokens. Sequence i continues slot <paramref name="slots"/>[i], which holds
    /// <paramref name="lengths"/>[i] tokens before the call. Returns [T, Heads·HeadDim].</summary>
    Tensor AttendCached(Tensor qkv, HeadLayout heads, int[] offsets, int[] slots, int[] lengths, CachedLayer cache);

    /// <summary>Copies the first <paramref name="length"/> tokens that slot <paramref name="source"/> of the cache holds to the beginning
    /// of other slots.</summary>
    void CopySlot(CachedLayer cache, int source, int[] targets, int length);

    /// <summary>Copies keys and values of packed rows into places of <paramref name="target"/>, which is as in
    /// <see cref="HeldRows"/>.</summary>
    void CopyKeysValues(Tensor qkv, HeadLayout heads, int[] rows, Tensor target, int[] places);

    /// <summary>silu(gate)·up for rows [gate | up].</summary>
    Tensor SwiGlu(Tensor gateUp);

    /// <summary>The gradient of <see cref="SwiGlu"/> with respect to its rows.</summary>
    Tensor SwiGluBackward(Tensor dOut, Tensor gateUp);

    /// <summary>log softmax(logits)[row, targets[row]] of every row.</summary>
    float[] TargetLogProbs(Tensor logits, int[] targets);

    /// <summary>Replaces logits by the gradient of Σ coefficients[row] · log softmax(logits)[row, targets[row]]. Returns what
    /// <see cref="TargetLogProbs"/> does.</summary>
    float[] TargetLogProbsBackward(Tensor logits, int[] targets, float[] coefficients);

    /// <summary>The sum of the squares of a flat tensor's elements, in double precision.</summary>
    double SumOfSquares(Tensor flat);

    /// <summary>One AdamW update (decoupled weight decay, bias correction by step, which counts from 1) of flat buffers.</summary>
    void AdamW(Tensor weights, Tensor gradient, Tensor mean, Tensor variance, AdamWStep step);
}

/// <summary>The numbers of one AdamW update.</summary>
/// <param name="GradientScale">Factor on the gradient: 1, or what brings its norm to the clipping limit.</param>
/// <param name="DecayRanges">Where weight decay applies, as (start, length) in the flat buffer: matrices, not norms and biases.</param>
public sealed record AdamWStep(long Step, float LearningRate, float Beta1, float Beta2, float Epsilon, float WeightDecay,
    float GradientScale, IReadOnlyList<(long Start, long Length)> DecayRanges)
{
    /// <summary>The update of a stretch of the flat buffers alone.</summary>
    public AdamWStep Within(long start, long length) => this with
    {
        DecayRanges = [.. from range in DecayRanges
                          let first = Math.Max(range.Start, start)
                          let end = Math.Min(range.Start + range.Length, start + length)
                          where first < end
                          select (first - start, end - first)],
    };
}

/// <summary>Keys [slots, kv heads, head dim, capacity] and values [slots, kv heads, capacity, head dim] of one layer.</summary>
public sealed record CachedLayer(Tensor Keys, Tensor Values, int Capacity);

/// <summary>Tokens of which an earlier pass has left keys, rotated, and values.</summary>
/// <param name="KeysValues">[tokens, 2·key and value width] The keys of all heads, then their values.</param>
/// <param name="Offsets">[sequences + 1] Where in <paramref name="Rows"/> those of each sequence begin.</param>
/// <param name="Rows">Which of the tokens they are, in the order of the sequence.</param>
public sealed record HeldRows(Tensor KeysValues, int[] Offsets, int[] Rows)
{
    /// <summary>How many of a sequence's tokens are held.</summary>
    public int Count(int sequence) => Offsets[sequence + 1] - Offsets[sequence];
}
