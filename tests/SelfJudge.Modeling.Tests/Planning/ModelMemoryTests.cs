using SelfJudge.Modeling.Checkpoints;
using SelfJudge.Modeling.Decoders;
using SelfJudge.Modeling.Kernels.Cpu;
using SelfJudge.Modeling.Planning;
using SelfJudge.Modeling.Tensors;
using SelfJudge.Tests.Shared;

namespace SelfJudge.Modeling.Tests.Planning;

public sealed class ModelMemoryTests
{
    internal static readonly DecoderConfig Llama7B = new()
    {
        VocabSize = 32000,
        HiddenSize = 4096,
        IntermediateSize = 11008,
        NumHiddenLayers = 32,
        NumAttentionHeads = 32,
        NumKeyValueHeads = 32,
        HeadDim = 128,
        MaxPositionEmbeddings = 4096,
    };

    internal static readonly LoraConfig Lora = new(8, 16, ["q_proj", "v_proj"]);

    // 2 · 32000 · 4096 + 32 · (4 · 4096² + 3 · 4096 · 11008 + 2 · 4096) + 4096, as the paper of Llama 2 rounds to 7B.
    [Fact]
    public void Llama_2_7B_has_its_parameters() => Assert.Equal(6_738_415_616, ModelMemory.Parameters(Llama7B));

    [Fact]
    public void Shared_embeddings_and_grouped_heads_count_once() =>
        Assert.Equal(512 * 64 + 2 * (64 * 64 + 2 * 64 * 32 + 64 * 64 + 3 * 64 * 96 + 2 * 64) + 64,
            ModelMemory.Parameters(ModelFolder.ReadConfig(TestData.Path("llama"))));

    // As their model cards round to 0.49B and 0.6B: 24 layers of which each has 1,152 biases; 28 of which each has two norms of 128.
    [Theory]
    // 2 · 802,816 + 2 · 114,688 + 1,152 + 3 · 4,358,144 + 2 · 896
    [InlineData("qwen2", 896, 4864, 24, 14, 2, 64, 136_134_656 + 896 + 24 * 14_912_384L)]
    // 2 · 2,097,152 + 2 · 1,048,576 + 256 + 3 · 3,145,728 + 2 · 1,024
    [InlineData("qwen3", 1024, 3072, 28, 16, 8, 128, 155_582_464 + 1024 + 28 * 15_730_944L)]
    public void Qwens_have_their_parameters(
        string family, int hidden, int inner, int layers, int heads, int keyValueHeads, int headDim, long parameters) =>
        Assert.Equal(parameters, ModelMemory.Parameters(TestModels.Config(family) with
        {
            VocabSize = 151_936,
            HiddenSize = hidden,
            IntermediateSize = inner,
            NumHiddenLayers = layers,
            NumAttentionHeads = heads,
            NumKeyValueHeads = keyValueHeads,
            HeadDim = headDim,
        }));

    // 32 layers · 2 projections · 8 · (4096 + 4096)
    [Fact]
    public void The_papers_adapter_has_its_parameters() => Assert.Equal(4_194_304, ModelMemory.Parameters(Llama7B, Lora));

    // 4·4096 + 12288 + 4096 + 32 + 3·11008, and 2 · 8 of the adapter.
    [Fact]
    public void A_layer_keeps_its_tape()
    {
        Assert.Equal(65_824, ModelMemory.TapeFloats(Llama7B, null));
        Assert.Equal(65_840, ModelMemory.TapeFloats(Llama7B, Lora));
    }

    // Per token 32 · 65840 floats of tape, 4 · 4096 around it, 3 · 11008 + 4096 for the larger half of one layer's gradient; 262 rows of
    // logits.
    [Fact]
    public void Training_takes_the_tape_and_one_layers_gradient() =>
        Assert.Equal(4L * 2048 * (32 * 65_840 + 16_384 + 37_120) + 4 * 262 * (32_000 + 8_192),
            ModelMemory.Training(Llama7B, Lora, 2048, checkpointing: false));

    [Fact]
    public void Checkpointing_keeps_the_inputs_and_one_layer() =>
        Assert.Equal(4L * 2048 * (32 * 4096 + 65_840 - 4096 + 16_384 + 37_120) + 4 * 262 * (32_000 + 8_192),
            ModelMemory.Training(Llama7B, Lora, 2048, checkpointing: true));

    // 2 · 32 · 4096 floats are a mebibyte per token.
    [Fact]
    public void A_cache_of_Llama_2_7B_takes_a_mebibyte_per_token() =>
        Assert.Equal(3L * 2048 << 20, ModelMemory.KeyValueCache(Llama7B, 3, 2048));

    [Theory]
    [InlineData(100, 20, 128)]
    [InlineData(100, 28, 128)]
    [InlineData(100, 29, 160)]
    [InlineData(4000, 768, 4096)]
    public void A_slot_has_room_in_steps_and_within_the_positions(int prompt, int newTokens, int capacity) =>
        Assert.Equal(capacity, ModelMemory.Capacity(Llama7B, prompt, newTokens));

    [Theory]
    [InlineData(8, 2)]
    [InlineData(128, 2)]
    [InlineData(30, 16)]
    [InlineData(0, 2)]
    public void Slots_are_those_that_a_cache_grows_to(int sequences, int atATime)
    {
        var config = TestModels.Config();
        using var cache = new KvCache(config, Ops.Cpu, CpuKernels.Instance);
        for (var taken = 0; taken < sequences; taken += atATime)
            cache.Take(atATime, 40);
        var slots = ModelMemory.Slots(sequences, atATime);
        if (sequences == 0)
            Assert.Equal(0, slots);
        else
            Assert.Equal((slots, ModelMemory.KeyValueCache(config, slots, 64)),
                ((int)cache.Layer(0).Keys.size(0), 4 * config.NumHiddenLayers
                * (cache.Layer(0).Keys.NumberOfElements + cache.Layer(0).Values.NumberOfElements)));
    }

    /// <summary>What a forward pass leaves on its tape is what is counted, tensor by tensor.</summary>
    [Theory]
    [InlineData("llama", false)]
    [InlineData("llama", true)]
    [InlineData("qwen2", true)]
    [InlineData("qwen3", false)]
    [InlineData("qwen3", true)]
    public void The_tape_holds_what_is_counted(string family, bool adapted)
    {
        var config = TestModels.Config(family);
        using var weights = DecoderWeights.Random(config, 1);
        using var adapter = adapted ? TestModels.Adapter(config) : null;
        var model = TestModels.Model(weights, adapter, CpuKernels.Instance);
        using var scope = Ops.Scope();
        var batch = TestModels.Batch(5, 9);
        var tape = new Tape(batch);
        _ = model.Hidden(batch, tape);
        var layer = tape.Layers[1];
        var floats = layer.Made.Append(layer.Input).Sum(t => t.NumberOfElements);
        Assert.Equal(floats, 14 * ModelMemory.TapeFloats(config, adapter?.Config));
    }
}
