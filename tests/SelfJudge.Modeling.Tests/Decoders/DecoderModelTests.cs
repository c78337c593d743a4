using System.Text.Json;
using SelfJudge.Modeling.Checkpoints;
using SelfJudge.Modeling.Decoders;
using SelfJudge.Modeling.Kernels;
using SelfJudge.Modeling.Kernels.Cpu;
using SelfJudge.Modeling.Learning;
using SelfJudge.Modeling.Tensors;
using SelfJudge.Tests.Shared;

namespace SelfJudge.Modeling.Tests.Decoders;

public sealed class DecoderModelTests : IDisposable
{
    private readonly TorchSharp.DisposeScope _scope = Ops.Scope();

    public void Dispose() => _scope.Dispose();

    /// <summary>Figures of other computations in float64: see <c>tests/data/make</c> for our own.</summary>
    [Theory]
    [InlineData("llama", "cpu")]
    [InlineData("llama", "torch")]
    [InlineData("llama3", "cpu")]
    [InlineData("llama3", "torch")]
    [InlineData("shared/stories260k", "cpu")]
    [InlineData("shared/stories260k", "torch")]
    public void Logits_and_log_probabilities_of_a_checkpoint_are_golden(string folder, string kernels)
    {
        using var weights = Read(folder);
        var model = TestModels.Model(weights, kernels: Of(kernels));
        using var golden = JsonDocument.Parse(File.ReadAllText(TestData.Path($"{folder}/golden.json")));
        var ids = Ints(golden.RootElement.GetProperty("ids"));
        var hidden = model.Hidden(PackedBatch.Of([ids]));
        var logits = Ops.ToArray(model.Logits(hidden));
        TestModels.AssertClose(Floats(golden.RootElement.GetProperty("logits_pos0")), logits.AsSpan(0, 512), 1e-4f);
        TestModels.AssertClose(Floats(golden.RootElement.GetProperty("logits_last")), logits.AsSpan((ids.Length - 1) * 512, 512), 1e-4f);
        var logProbs = TokenLogProbs.Forward(model, hidden, [.. Enumerable.Range(0, ids.Length - 1)], ids[1..]);
        TestModels.AssertClose(Floats(golden.RootElement.GetProperty("token_logps")), logProbs, 1e-4f);
        Assert.Equal(golden.RootElement.GetProperty("sum_logp").GetDouble(), logProbs.Sum(p => (double)p), 3);
    }

    [Theory]
    [InlineData("llama", "greedy.json")]
    [InlineData("shared/stories260k", "greedy_from_bos.json")]
    public void Greedy_decoding_of_a_trained_checkpoint_gives_the_reference_text(string folder, string file)
    {
        using var weights = Read(folder);
        var model = TestModels.Model(weights);
        using var golden = JsonDocument.Parse(File.ReadAllText(TestData.Path($"{folder}/{file}")));
        var expected = Ints(golden.RootElement.GetProperty("ids"));
        using var cache = new KvCache(weights.Config, Ops.Cpu, model.Kernels);
        var slots = cache.Take(1, expected.Length);
        var ids = new List<int> { expected[0] };
        while (ids.Count < expected.Length)
        {
            using var step = Ops.Scope();
            var logits = Ops.ToArray(model.Logits(model.Hidden(PackedBatch.Of([new[] { ids[^1] }], [ids.Count - 1]), cache, slots)));
            ids.Add(Array.IndexOf(logits, logits.Max()));
        }
        Assert.Equal(expected, ids);
        var text = ModelFolder.ReadTokenizer(TestData.Path(folder)).Decode(ids);
        Assert.Equal(golden.RootElement.GetProperty("text").GetString(), text);
    }

    [Fact]
    public void A_sequence_longer_than_the_rotary_table_is_refused()
    {
        using var weights = DecoderWeights.Random(TestModels.Config(), 1);
        var model = TestModels.Model(weights);
        _ = model.Hidden(TestModels.Batch(128, 3));
        Assert.Equal("a sequence of 129 tokens is longer than the 128 positions of the model",
            Assert.Throws<ArgumentException>(() => model.Hidden(TestModels.Batch(3, 129))).Message);
    }

    // Every hidden value is then alike, its norm 0.2, and a logit 512 · 0.2 · 0.2: the figure of torchtune's own test too.
    [Fact]
    public void With_every_parameter_alike_the_logits_are_those_of_a_hand()
    {
        var config = new DecoderConfig
        {
            VocabSize = 256,
            HiddenSize = 512,
            IntermediateSize = 1376,
            NumHiddenLayers = 2,
            NumAttentionHeads = 8,
            NumKeyValueHeads = 8,
            HeadDim = 64,
            MaxPositionEmbeddings = 64
        };
        using var weights = new DecoderWeights(config, Ops.Cpu);
        Ops.Floats(weights.Buffer.Flat).Fill(0.2f);
        var model = TestModels.Model(weights);
        Assert.Equal(512 * 0.2 * 0.2, Ops.ToArray(model.Logits(model.Hidden(PackedBatch.Of([new[] { 3, 1, 4, 1, 5 }])))).Average(), 3);
    }

    [Fact]
    public void A_bf16_checkpoint_with_scaled_rotary_frequencies_computes()
    {
        var folder = TestData.Path("shared/tiny-llama3");
        var config = ModelFolder.ReadConfig(folder);
        Assert.Equal(("llama3", 8.0), (config.RopeScaling!.Type, config.RopeScaling.Factor));
        using var weights = ModelFolder.ReadWeights(folder, config, Ops.Cpu);
        var batch = PackedBatch.Of([new[] { 1, 2, 3, 250 }]);
        TestModels.AssertClose(Ops.ToArray(TestModels.Model(weights, kernels: TorchKernels.Instance).Hidden(batch)),
            Ops.ToArray(TestModels.Model(weights).Hidden(batch)), 1e-4f);
    }

    [Theory]
    [InlineData("cpu", "llama")]
    [InlineData("torch", "llama")]
    [InlineData("cpu", "llama-bias")]
    [InlineData("cpu", "qwen2-window")]
    [InlineData("torch", "qwen2-window")]
    [InlineData("cpu", "qwen3-bias")]
    [InlineData("torch", "qwen3-bias")]
    public void With_a_cache_the_hidden_states_are_those_without(string kernels, string family)
    {
        using var weights = TestModels.Weights(TestModels.Config(family));
        using var adapter = TestModels.Adapter(weights.Config);
        var model = TestModels.Model(weights, adapter, Of(kernels));
        int[][] sequences = [TestModels.Tokens(13, 1), TestModels.Tokens(6, 2), TestModels.Tokens(9, 3)];
        var whole = Ops.ToArray(model.Hidden(PackedBatch.Of([.. sequences.Select(s => (ReadOnlyMemory<int>)s)])));
        using var cache = new KvCache(weights.Config, Ops.Cpu, model.Kernels);
        var slots = cache.Take(3, 13);
        int[] prefill = [7, 1, 4], starts = [0, 13, 19];
        var hidden = Ops.ToArray(model.Hidden(PackedBatch.Of([.. sequences.Select((s, i) => (ReadOnlyMemory<int>)s[..prefill[i]])]), cache,
            slots));
        TestModels.AssertClose(whole.AsSpan(0, 7 * 20), hidden.AsSpan(0, 7 * 20), 1e-4f);
        for (var step = 0; step < 5; step++)
        {
            var next = Enumerable.Range(0, 3).Where(i => prefill[i] + step < sequences[i].Length).ToArray();
            var tokens = next.Select(i => (ReadOnlyMemory<int>)new[] { sequences[i][prefill[i] + step] }).ToList();
            hidden = Ops.ToArray(model.Hidden(PackedBatch.Of(tokens, [.. next.Select(i => prefill[i] + step)]), cache,
                [.. next.Select(i => slots[i])]));
            foreach (var (row, i) in next.Index())
                TestModels.AssertClose(whole.AsSpan((starts[i] + prefill[i] + step) * 20, 20), hidden.AsSpan(row * 20, 20), 1e-4f);
        }
    }

    /// <summary>Rows that are asked for are what they are among all: to the last bit by kernels that compute each row by itself.</summary>
    [Theory]
    [InlineData("cpu", 0)]
    [InlineData("torch", 1e-5)]
    public void Some_rows_are_those_of_all(string kernels, float tolerance)
    {
        using var weights = DecoderWeights.Random(TestModels.Config(), 5);
        using var adapter = TestModels.Adapter(weights.Config);
        var model = TestModels.Model(weights, adapter, Of(kernels));
        var batch = TestModels.Batch(11, 1, 6, 20);
        int[] rows = [10, 11, 3, 37];
        var all = Ops.ToArray(model.Hidden(batch));
        float[] expected = [.. rows.SelectMany(r => all[(r * 20)..(r * 20 + 20)])];
        TestModels.AssertClose(expected, Ops.ToArray(model.HiddenOf(batch, rows)), tolerance);
        using var cache = new KvCache(weights.Config, Ops.Cpu, model.Kernels);
        var slots = cache.Take(4, 20);
        TestModels.AssertClose(expected, Ops.ToArray(model.Hidden(batch, cache, slots, rows)), kernels == "cpu" ? 1e-5f : tolerance);
        Assert.Equal([11, 1, 6, 20], slots.Select(cache.Length));
    }

    [Fact]
    public void Packed_sequences_do_not_see_each_other()
    {
        using var weights = DecoderWeights.Random(TestModels.Config(), 5);
        var model = TestModels.Model(weights);
        int[] a = TestModels.Tokens(11, 1), b = TestModels.Tokens(5, 2);
        var together = Ops.ToArray(model.Hidden(PackedBatch.Of([a, b])));
        TestModels.AssertClose(Ops.ToArray(model.Hidden(PackedBatch.Of([a]))), together.AsSpan(0, 11 * 20), 1e-4f);
        TestModels.AssertClose(Ops.ToArray(model.Hidden(PackedBatch.Of([b]))), together.AsSpan(11 * 20), 1e-4f);
    }

    [Fact]
    public void An_adapter_whose_b_is_zero_changes_nothing()
    {
        using var weights = DecoderWeights.Random(TestModels.Config(), 5);
        using var adapter = LoraAdapter.Random(weights.Config, new LoraConfig(4, 8, Projection.Modules), Ops.Cpu, 1);
        var batch = TestModels.Batch(9, 4);
        Assert.Equal(Ops.ToArray(TestModels.Model(weights).Hidden(batch)), Ops.ToArray(TestModels.Model(weights, adapter).Hidden(batch)));
    }

    /// <summary>The whole gradient against finite differences of the loss, parameter by parameter.</summary>
    [Theory]
    [InlineData("llama", true, false)]
    [InlineData("llama", false, false)]
    [InlineData("llama", true, true)]
    [InlineData("llama-bias", true, false)]
    [InlineData("qwen2-window", false, false)]
    [InlineData("qwen2", true, true)]
    [InlineData("qwen3-bias", true, false)]
    [InlineData("qwen3", true, true)]
    public void Gradients_are_those_of_the_loss(string family, bool tied, bool lora)
    {
        using var weights = TestModels.Weights(TestModels.Config(family, tied));
        using var adapter = lora ? TestModels.Adapter(weights.Config) : null;
        var model = TestModels.Model(weights, adapter);
        using var baseGradient = lora ? null : weights.NewLike();
        using var adapterGradient = adapter?.NewLike();
        var batch = TestModels.Batch(7, 1, 12);
        int[] rows = [.. Enumerable.Range(0, batch.Tokens.Length).Where(i => i % 3 != 0)];
        var targets = TestModels.Tokens(rows.Length, 9);
        var coefficients = TestModels.Randoms(rows.Length, 10, 0.5f);

        var tape = new Tape(batch);
        var hidden = model.Hidden(batch, tape);
        var (_, dHidden) = TokenLogProbs.Backward(model, hidden, rows, targets, coefficients, baseGradient);
        model.Backward(tape, dHidden, baseGradient, adapterGradient);

        double Loss()
        {
            using var scope = Ops.Scope();
            return TokenLogProbs.Forward(model, model.Hidden(batch), rows, targets).Zip(coefficients, (p, c) => (double)p * c).Sum();
        }
        var trained = (adapter?.Buffer ?? weights.Buffer);
        var gradient = Ops.ToArray((adapterGradient?.Buffer ?? baseGradient!.Buffer).Flat);
        foreach (var parameter in trained.Layout.Parameters)
        {
            // Along the gradient's own direction in each parameter the derivative is its norm: one check covers them all.
            var direction = gradient.AsSpan((int)parameter.Offset, (int)parameter.Size).ToArray();
            var norm = Math.Sqrt(direction.Sum(g => (double)g * g));
            Assert.True(norm > 1e-4, $"{parameter.Name} has no gradient");
            const float H = 3e-3f;
            double Shifted(float by)
            {
                var values = Ops.Floats(trained.View(parameter.Name));
                for (var i = 0; i < direction.Length; i++)
                    values[i] += (float)(by * direction[i] / norm);
                return Loss();
            }
            var up = Shifted(H);
            var down = Shifted(-2 * H);
            Shifted(H);
            var numeric = (up - down) / (2 * H);
            Assert.True(Math.Abs(numeric - norm) < 0.02 * norm + 1e-3, $"{parameter.Name}: gradient {norm}, differences {numeric}");
        }
    }

    [Theory]
    [MemberData(nameof(TestModels.Families), MemberType = typeof(TestModels))]
    public void Hand_written_and_automatic_kernels_give_the_same_gradient(string family)
    {
        using var weights = TestModels.Weights(TestModels.Config(family));
        var batch = TestModels.Batch(7, 1, 12);
        float[] GradientBy(IKernels kernels)
        {
            var model = TestModels.Model(weights, kernels: kernels);
            using var gradient = weights.NewLike();
            var tape = new Tape(batch);
            model.Backward(tape, Ops.Multiply(model.Hidden(batch, tape), Ops.FromArray(TestModels.Randoms(20, 4), Ops.Cpu)), gradient,
                null);
            return Ops.ToArray(gradient.Buffer.Flat);
        }
        TestModels.AssertClose(GradientBy(TorchKernels.Instance), GradientBy(CpuKernels.Instance), 2e-3f);
    }

    [Fact]
    public void With_an_adapter_the_base_weights_get_no_gradient_and_one_copy_serves_both_models()
    {
        using var weights = DecoderWeights.Random(TestModels.Config(), 5);
        using var adapter = TestModels.Adapter(weights.Config);
        var before = Ops.ToArray(weights.Buffer.Flat);
        DecoderModel policy = TestModels.Model(weights, adapter), reference = TestModels.Model(weights);
        Assert.Same(policy.Weights, reference.Weights);
        using var gradient = adapter.NewLike();
        var batch = TestModels.Batch(5, 8);
        var tape = new Tape(batch);
        policy.Backward(tape, policy.Hidden(batch, tape), null, gradient);
        Assert.Equal(before, Ops.ToArray(weights.Buffer.Flat));
        Assert.NotEqual(Ops.ToArray(policy.Hidden(batch)), Ops.ToArray(reference.Hidden(batch)));
    }

    [Fact]
    public void Blocks_of_positions_give_what_one_block_gives()
    {
        // 4 Mi elements of logits per block and 60,000 words make 69 rows a block.
        using var weights = DecoderWeights.Random(TestModels.Config(vocab: 60_000), 5);
        var model = TestModels.Model(weights);
        var batch = PackedBatch.Of([TestModels.Tokens(100, 1, 60_000), TestModels.Tokens(60, 2, 60_000)]);
        var hidden = model.Hidden(batch);
        int[] rows = [.. Enumerable.Range(0, 160)], targets = TestModels.Tokens(160, 3, 60_000);
        var blocks = TokenLogProbs.Forward(model, hidden, rows, targets);
        TestModels.AssertClose(model.Kernels.TargetLogProbs(model.Logits(hidden), targets), blocks, 1e-5f);
    }

    [Fact]
    public void Random_weights_repeat_by_seed()
    {
        using var a = DecoderWeights.Random(TestModels.Config(), 5);
        using var b = DecoderWeights.Random(TestModels.Config(), 5);
        using var c = DecoderWeights.Random(TestModels.Config(), 6);
        Assert.Equal(Ops.ToArray(a.Buffer.Flat), Ops.ToArray(b.Buffer.Flat));
        Assert.NotEqual(Ops.ToArray(a.Buffer.Flat), Ops.ToArray(c.Buffer.Flat));
        Assert.All(Ops.ToArray(a.Norm), n => Assert.Equal(1f, n));
    }

    private static DecoderWeights Read(string checkpoint)
    {
        var folder = TestData.Path(checkpoint);
        return ModelFolder.ReadWeights(folder, ModelFolder.ReadConfig(folder), Ops.Cpu);
    }

    private static IKernels Of(string name) => name == "cpu" ? CpuKernels.Instance : TorchKernels.Instance;

    private static int[] Ints(JsonElement array) => [.. array.EnumerateArray().Select(e => e.GetInt32())];

    private static float[] Floats(JsonElement array) => [.. array.EnumerateArray().Select(e => e.GetSingle())];
}
