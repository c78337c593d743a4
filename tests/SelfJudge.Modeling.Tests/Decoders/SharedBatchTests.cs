using CsCheck;
using SelfJudge.Modeling.Decoders;
using SelfJudge.Modeling.Kernels;
using SelfJudge.Modeling.Kernels.Cpu;
using SelfJudge.Modeling.Learning;
using SelfJudge.Modeling.Tensors;
using SelfJudge.Modeling.Tokenizers;
using static TorchSharp.torch;

namespace SelfJudge.Modeling.Tests.Decoders;

public sealed class SharedBatchTests : IDisposable
{
    private readonly TorchSharp.DisposeScope _scope = Ops.Scope();

    public void Dispose() => _scope.Dispose();

    /// <summary>Sequences that share nothing; one root; nested beginnings; one a beginning of another; identical ones; single
    /// tokens.</summary>
    public static TheoryData<int[][]> Shapes => new(
    [
        [[1, 2, 3]],
        [[7]],
        [[1, 2, 3], [4, 5], [6]],
        [[1, 2, 3, 4, 5, 6], [1, 2, 3, 9, 9], [1, 2, 3, 4, 8, 8, 8], [1, 2]],
        [[5, 6, 7, 8], [5, 6, 7, 8], [5, 6], [5, 6], [5, 6, 7, 8, 9]],
        [[3], [3], [3, 3], [3, 3, 3]],
        [.. Enumerable.Range(0, 40).Select(i =>
            (int[])[.. TestModels.Tokens(30, 1), .. TestModels.Tokens(5 + i % 3, (ulong)(i / 4)), .. TestModels.Tokens(i % 7, (ulong)i),
                2])],
    ]);

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Nothing_is_packed_twice_and_every_sequence_can_be_put_together_again(int[][] sequences)
    {
        var shared = Of(sequences);
        Assert.Equal(sequences.SelectMany(s => Enumerable.Range(1, s.Length).Select(n => string.Join(' ', s[..n]))).Distinct().Count(),
            shared.Batch.Tokens.Length);
        Assert.Equal(sequences.Select(s => string.Join(' ', s)), shared.Readings.Select(r => string.Join(' ', Path(shared.Batch, r))));
        Assert.Equal(Enumerable.Range(0, shared.Batch.Sequences).Select(i => shared.Batch.Offsets[i + 1] - 1), shared.LastRows);
        for (var i = 0; i < shared.Batch.Sequences; i++)
            Assert.Equal(Enumerable.Range(shared.Batch.Shared![i], shared.Batch.Offsets[i + 1] - shared.Batch.Offsets[i]),
                shared.Batch.Positions[shared.Batch.Offsets[i]..shared.Batch.Offsets[i + 1]]);
    }

    [Fact]
    public void Whatever_the_sequences_each_is_there_once() =>
        Gen.Int[1, 3].Array[1, 10].Array[1, 25].Sample(Nothing_is_packed_twice_and_every_sequence_can_be_put_together_again);

    [Fact]
    public void A_sequence_without_tokens_cannot_be_read() =>
        Assert.Contains("sequence 1 has no token", Assert.Throws<ArgumentException>(() => Of([[1], [], [2]])).Message,
            StringComparison.Ordinal);

    [Fact]
    public void No_gradient_is_taken_of_shared_beginnings()
    {
        using var weights = DecoderWeights.Random(TestModels.Config(), 5);
        var batch = Of([[1, 2], [1, 3]]).Batch;
        Assert.Contains("no gradient", Assert.Throws<ArgumentException>(() =>
            TestModels.Model(weights).Hidden(batch, new Tape(batch))).Message, StringComparison.Ordinal);
    }

    /// <summary>Probabilities are those that each prompt has by itself: with an adapter, a sliding window, weights of bfloat16.</summary>
    [Theory]
    [MemberData(nameof(Shapes))]
    public void Judge_probabilities_are_those_of_each_prompt_alone(int[][] sequences)
    {
        var prompts = sequences.Select((s, i) => new EncodedJudgePrompt(s, 3 + i % 2, 5)).ToArray();
        foreach (var type in new[] { ScalarType.Float32, ScalarType.BFloat16 })
            foreach (int? window in new int?[] { null, 4 })
            {
                using var random = DecoderWeights.Random(TestModels.Config() with { SlidingWindow = window }, 5);
                using var weights = random.Clone(type);
                using var adapter = TestModels.Adapter(weights.Config);
                foreach (var kernels in new IKernels[] { CpuKernels.Instance, TorchKernels.Instance })
                {
                    var model = TestModels.Model(weights, adapter, kernels);
                    var together = JudgeTokens.Probabilities(model, prompts);
                    for (var i = 0; i < prompts.Length; i++)
                    {
                        using var scope = Ops.Scope();
                        var alone = JudgeTokens.Probabilities(model, [prompts[i]])[0];
                        // On a CPU a row does not depend on those beside it; LibTorch's products do, and in bfloat16 they round activations
                        // too.
                        var tolerance = kernels == CpuKernels.Instance ? 0 : type == ScalarType.BFloat16 ? 2e-2f : 1e-5f;
                        TestModels.AssertClose([(float)alone.A, (float)alone.B], [(float)together[i].A, (float)together[i].B], tolerance);
                    }
                    Assert.Equal(together, JudgeTokens.Probabilities(model, prompts));
                }
            }
    }

    private static SharedBatch Of(int[][] sequences) => new([.. sequences.Select(s => (ReadOnlyMemory<int>)s)]);

    private static int[] Path(PackedBatch batch, int sequence) =>
        [.. sequence == 0 ? [] : Path(batch, sequence - 1)[..batch.Shared![sequence]],
            .. batch.Tokens[batch.Offsets[sequence]..batch.Offsets[sequence + 1]]];
}
