using SelfJudge.Modeling.Checkpoints;
using SelfJudge.Modeling.Decoders;
using SelfJudge.Modeling.Kernels;
using SelfJudge.Modeling.Kernels.Cpu;
using SelfJudge.Modeling.Learning;
using SelfJudge.Modeling.Tensors;
using SelfJudge.Tests.Shared;
using SelfJudge.World;
using static TorchSharp.torch;

namespace SelfJudge.Modeling.Tests.Decoders;

/// <summary>Every family against a plain computation in float64 of what it writes to a folder.</summary>
public sealed class FamilyTests : IDisposable
{
    private static readonly int[] Ids = TestModels.Tokens(24, 4);

    private readonly string _folder = Directory.CreateTempSubdirectory("selfjudge-family-").FullName;
    private readonly TorchSharp.DisposeScope _scope = Ops.Scope();

    public static TheoryData<string> Families => TestModels.Families;

    public void Dispose()
    {
        _scope.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    [Theory]
    [MemberData(nameof(Families))]
    public void A_folder_is_read_again_to_the_bit(string family)
    {
        using var weights = Written(family);
        Assert.Equivalent(weights.Config, ModelFolder.ReadConfig(_folder));
        using var read = ModelFolder.ReadWeights(_folder, ModelFolder.ReadConfig(_folder), Ops.Cpu);
        Assert.Equal(Ops.ToArray(weights.Buffer.Flat), Ops.ToArray(read.Buffer.Flat));
        var names = new DirectDecoder(_folder).Weights.Keys.ToList();
        int Count(params string[] of) => names.Count(n => of.Any(o => n == $"model.layers.1.self_attn.{o}"));
        Assert.Equal(family is "llama" or "mistral" or "qwen3" ? 0 : 3, Count("q_proj.bias", "k_proj.bias", "v_proj.bias"));
        Assert.Equal(family is "llama-bias" or "qwen3-bias" ? 1 : 0, Count("o_proj.bias"));
        Assert.Equal(family is "qwen3" or "qwen3-bias" ? 2 : 0, Count("q_norm.weight", "k_norm.weight"));
    }

    [Theory]
    [MemberData(nameof(Families))]
    public void Log_probabilities_are_those_of_float64(string family)
    {
        using var weights = Written(family);
        var expected = new DirectDecoder(_folder).LogProb(Ids, 1);
        foreach (var kernels in new IKernels[] { CpuKernels.Instance, TorchKernels.Instance })
            Assert.Equal(expected, LogProb(TestModels.Model(weights, kernels: kernels)), 2e-4);
    }

    /// <summary>Every bias and every weight of a norm of heads, and some elements of all else, with and without gradient
    /// checkpointing.</summary>
    [Theory]
    [MemberData(nameof(Families))]
    public void Gradients_are_those_of_float64(string family)
    {
        using var weights = Written(family);
        var direct = new DirectDecoder(_folder);
        float[] kept = Gradient(weights, checkpointing: false), recomputed = Gradient(weights, checkpointing: true);
        Assert.Equal(kept, recomputed);
        foreach (var p in weights.Buffer.Layout.Parameters)
        {
            var step = p.Role is ParameterRole.Bias || p.Shape is [6] ? 1 : Math.Max(1, (int)p.Size / 3);
            for (var i = 0; i < p.Size; i += step)
            {
                var expected = direct.Derivative(p.Name, i, Ids, 1);
                var actual = kept[p.Offset + i];
                Assert.True(Math.Abs(expected - actual) < 1e-3 * (1 + Math.Abs(expected)),
                    $"{p.Name}[{i}]: {actual}, in float64 {expected}");
            }
        }
    }

    /// <summary>Of a bfloat16 copy nothing is rounded but the weights.</summary>
    [Theory]
    [MemberData(nameof(Families))]
    public void Weights_of_bfloat16_compute_as_their_values_in_float32_do(string family)
    {
        using var weights = Written(family);
        using var narrow = weights.Clone(ScalarType.BFloat16);
        using var wide = narrow.Clone(ScalarType.Float32);
        Assert.Equal(LogProb(TestModels.Model(wide)), LogProb(TestModels.Model(narrow)), 1e-5);
    }

    /// <summary>Beside biases and norms an adapter is what it is merged to.</summary>
    [Theory]
    [MemberData(nameof(Families))]
    public void An_adapter_is_what_convert_merges(string family)
    {
        using var weights = Written(family);
        using var adapter = TestModels.Adapter(weights.Config);
        string lora = Path.Combine(_folder, "lora"), merged = Path.Combine(_folder, "merged");
        AdapterFolder.Write(lora, adapter.Config, _folder, adapter.Buffer.ToArrays());
        ModelConversion.Convert(_folder, lora, merge: true, bf16: false, merged);
        using var read = AdapterFolder.Read(lora, weights.Config, Ops.Cpu);
        Assert.Equal(new DirectDecoder(merged).LogProb(Ids, 1), LogProb(TestModels.Model(weights, read)), 2e-4);
    }

    [Theory]
    [MemberData(nameof(Families))]
    public void A_reward_model_is_of_its_family(string family)
    {
        using var weights = TestModels.Weights(TestModels.Config(family));
        using var scored = weights.CloneWithScalarHead();
        Ops.Floats(scored.Score!).Fill(0.5f);
        ModelFolder.Write(_folder, scored.Config, scored.Buffer.ToArrays(), WorldTokenizer.Create());
        Assert.Contains($"\"{scored.Config.Architecture.ClassName}ForSequenceClassification\"",
            File.ReadAllText(Path.Combine(_folder, "config.json")));
        using var read = ModelFolder.ReadWeights(_folder, ModelFolder.ReadConfig(_folder), Ops.Cpu);
        Assert.Equal(Ops.ToArray(scored.Buffer.Flat), Ops.ToArray(read.Buffer.Flat));
        Assert.Equal(LogProb(TestModels.Model(weights)), LogProb(TestModels.Model(read)));
    }

    [Theory]
    [MemberData(nameof(Families))]
    public void Matrices_decay_and_norms_and_biases_do_not(string family)
    {
        var layout = ParameterLayout.Of(TestModels.Config(family, tied: false));
        Assert.Equal(layout.Parameters.Where(p => p.Shape.Length == 2).Sum(p => p.Size), layout.DecayRanges().Sum(r => r.Length));
        using var random = DecoderWeights.Random(TestModels.Config(family), 1);
        foreach (var p in random.Buffer.Layout.Parameters.Where(p => !p.Decays))
            Assert.All(Ops.ToArray(random.Buffer.View(p.Name)), v => Assert.Equal(p.Role == ParameterRole.Norm ? 1f : 0f, v));
    }

    private static float[] Gradient(DecoderWeights weights, bool checkpointing)
    {
        var model = TestModels.Model(weights);
        using var gradient = weights.NewLike();
        var batch = new ResponseBatch([(Ids[..1], Ids[1..])]);
        var tape = new Tape(batch.Batch, checkpointing);
        var hidden = model.Hidden(batch.Batch, tape);
        var (_, dHidden) = TokenLogProbs.Backward(model, hidden, batch.Rows, batch.Targets, [.. batch.Rows.Select(_ => 1f)], gradient);
        model.Backward(tape, dHidden, gradient, null);
        return Ops.ToArray(gradient.Buffer.Flat);
    }

    private static double LogProb(DecoderModel model)
    {
        using var scope = Ops.Scope();
        var batch = new ResponseBatch([(Ids[..1], Ids[1..])]);
        return batch.Sums(TokenLogProbs.Forward(model, model.Hidden(batch.Batch), batch.Rows, batch.Targets))[0];
    }

    private DecoderWeights Written(string family)
    {
        var weights = TestModels.Weights(TestModels.Config(family, tied: family != "qwen2-window"));
        ModelFolder.Write(_folder, weights.Config, weights.Buffer.ToArrays(), WorldTokenizer.Create());
        return weights;
    }
}
