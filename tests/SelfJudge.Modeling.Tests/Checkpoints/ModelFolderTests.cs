using System.Text.Json.Nodes;
using SelfJudge.Modeling.Checkpoints;
using SelfJudge.Modeling.Decoders;
using SelfJudge.Modeling.Learning;
using SelfJudge.Modeling.Tensors;
using SelfJudge.Modeling.Tokenizers;
using SelfJudge.Tests.Shared;
using SelfJudge.World;

namespace SelfJudge.Modeling.Tests.Checkpoints;

public sealed partial class ModelFolderTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("selfjudge-model-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_model_that_is_written_is_read_again(bool tied)
    {
        using var weights = DecoderWeights.Random(TestModels.Config(tied), 1);
        Write(weights);
        var config = ModelFolder.ReadConfig(_folder);
        Assert.Equivalent(weights.Config, config);
        using var read = ModelFolder.ReadWeights(_folder, config, Ops.Cpu);
        Assert.Equal(Ops.ToArray(weights.Buffer.Flat), Ops.ToArray(read.Buffer.Flat));
        Assert.Equal([2, 3], ModelFolder.ReadTokenizer(_folder).Encode("<user> cat").Length == 2 ? [2, 3] : []);
    }

    [Fact]
    public void Shards_are_found_through_their_index()
    {
        using var weights = DecoderWeights.Random(TestModels.Config(), 1);
        Write(weights);
        Shard();
        using var read = ModelFolder.ReadWeights(_folder, weights.Config, Ops.Cpu);
        Assert.Equal(Ops.ToArray(weights.Buffer.Flat), Ops.ToArray(read.Buffer.Flat));
    }

    [Fact]
    public void A_shard_that_is_not_there_is_named()
    {
        using var weights = DecoderWeights.Random(TestModels.Config(), 1);
        Write(weights);
        Shard();
        File.Delete(Path.Combine(_folder, "model-00002-of-00002.safetensors"));
        Assert.Contains("names the shard model-00002-of-00002.safetensors, which is not there",
            Fails(() => ModelFolder.ReadWeights(_folder, weights.Config, Ops.Cpu)));
    }

    [Fact]
    public void A_missing_tensor_and_a_misshapen_one_are_named()
    {
        using var weights = DecoderWeights.Random(TestModels.Config(), 1);
        Write(weights);
        var untied = weights.Config with { TieWordEmbeddings = false };
        Assert.Contains("the tensor lm_head.weight is missing", Fails(() => ModelFolder.ReadWeights(_folder, untied, Ops.Cpu)));
        var wider = weights.Config with { IntermediateSize = 30 };
        Assert.Contains("tensor model.layers.0.mlp.gate_proj.weight has the shape [28, 20], the configuration asks for [30, 20]",
            Fails(() => ModelFolder.ReadWeights(_folder, wider, Ops.Cpu)));
    }

    [Theory]
    [InlineData(null)]
    [InlineData(new[] { true, false })]
    public void A_model_with_a_window_is_read_again_and_computes_what_plain_float64_does(bool[]? layers)
    {
        var config = TestModels.Config(headDim: 4) with
        {
            Architecture = Architecture.Mistral,
            HiddenSize = 16,
            SlidingWindow = 5,
            SlidingLayers = layers
        };
        using var weights = DecoderWeights.Random(config, 3);
        Write(weights);
        Assert.Equivalent(config, ModelFolder.ReadConfig(_folder));
        var ids = TestModels.Tokens(40, 4);
        using var scope = Ops.Scope();
        var model = TestModels.Model(weights);
        var batch = new ResponseBatch([(ids[..1], ids[1..])]);
        var sum = batch.Sums(TokenLogProbs.Forward(model, model.Hidden(batch.Batch), batch.Rows, batch.Targets))[0];
        Assert.Equal(new DirectDecoder(_folder).LogProb(ids, 1), sum, 1e-3);
        var unlimited = TestModels.Model(DecoderWeights.Random(config with { SlidingWindow = null }, 3));
        Assert.NotEqual(sum, batch.Sums(TokenLogProbs.Forward(unlimited, unlimited.Hidden(batch.Batch), batch.Rows, batch.Targets))[0],
            1e-2);
        unlimited.Weights.Dispose();
    }

    [Fact]
    public void A_family_stays_what_it_is()
    {
        var mistral = TestModels.Config() with { Architecture = Architecture.Mistral };
        using var weights = DecoderWeights.Random(mistral, 3);
        Write(weights);
        Assert.Equivalent(mistral, ModelFolder.ReadConfig(_folder));
        using var llama = DecoderWeights.Random(TestModels.Config() with { SlidingWindow = 5 }, 3);
        Assert.Equal("a llama has no sliding window", Assert.Throws<ArgumentException>(() => Write(llama)).Message);
    }

    /// <summary>What people have in the place of a file, in each of the places.</summary>
    [Theory]
    [InlineData("config.json")]
    [InlineData("model.safetensors")]
    [InlineData("tokenizer.json")]
    [InlineData("tokenizer.model")]
    [InlineData("generation_config.json")]
    public void A_pointer_in_the_place_of_a_file_is_named(string file)
    {
        using var weights = DecoderWeights.Random(TestModels.Config(vocab: Vocabulary.Words.Count), 1);
        Write(weights);
        File.WriteAllText(Path.Combine(_folder, file),
            "version https://git-lfs.github.com/spec/v1\noid "
            + "sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 12345\n");
        Assert.Contains("it is a Git LFS pointer, not the file itself: fetch it with 'git lfs pull'",
            Fails(() => { ModelFolder.Check(_folder); return _folder; }));
        Assert.Contains(Path.Combine(_folder, file), Fails(() => { ModelFolder.Check(_folder); return _folder; }));
    }

    [Fact]
    public void A_configuration_of_the_tokenizer_is_read_as_carefully()
    {
        var path = Path.Combine(_folder, "tokenizer_config.json");
        File.WriteAllText(path, "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 1\n");
        Assert.Contains($"{path}: it is a Git LFS pointer", Fails(() => TokenizerSettings.Read(_folder)));
        File.WriteAllText(path, "{\"a\": " + new string('[', 200_000) + new string(']', 200_000) + "}");
        Assert.StartsWith($"{path}: ", Fails(() => TokenizerSettings.Read(_folder)), StringComparison.Ordinal);
        File.WriteAllText(path, "{}");
        File.WriteAllBytes(Path.Combine(_folder, "chat_template.jinja"), new byte[(4 << 20) + 1]);
        Assert.Contains("chat_template.jinja has 4,194,305 bytes: no template is that large", Fails(() => TokenizerSettings.Read(_folder)));
    }

    [Theory]
    [InlineData("<!DOCTYPE html><html>", "it is a web page, not the file itself")]
    [InlineData("GGUF\u0003", "it is a GGUF file, which is not supported")]
    [InlineData("PK\u0003\u0004", "it is a PyTorch or zip archive")]
    public void Another_file_in_the_place_of_the_weights_is_named(string content, string message)
    {
        File.WriteAllText(Path.Combine(_folder, "model.safetensors"), content);
        Assert.Contains(message, Fails(() => ModelFolder.ReadWeights(_folder, TestModels.Config(), Ops.Cpu)));
    }

    [Theory]
    [InlineData("model.layers.0.mlp.up_proj.qweight", "quantized by GPTQ or AWQ (tensor model.layers.0.mlp.up_proj.qweight)")]
    [InlineData("model.layers.0.mlp.up_proj.weight.absmax", "quantized by bitsandbytes")]
    [InlineData("model.layers.0.mlp.up_proj.scales", "quantized by MLX")]
    public void Quantized_weights_are_named(string tensor, string message)
    {
        SafeTensors.Write(Path.Combine(_folder, "model.safetensors"), [new NamedArray(tensor, [2], new float[2])]);
        Assert.Contains(message, Fails(() => ModelFolder.ReadWeights(_folder, TestModels.Config(), Ops.Cpu)));
    }

    [Theory]
    [InlineData("config.json")]
    [InlineData("tokenizer.json")]
    [InlineData("generation_config.json")]
    [InlineData("model.safetensors.index.json")]
    public void Nesting_without_end_is_one_error_that_names_the_file(string file)
    {
        using var weights = DecoderWeights.Random(TestModels.Config(vocab: Vocabulary.Words.Count), 1);
        Write(weights);
        if (file.EndsWith("index.json", StringComparison.Ordinal))
            File.Delete(Path.Combine(_folder, "model.safetensors"));
        File.WriteAllText(Path.Combine(_folder, file), "{\"a\": " + new string('[', 200_000) + new string(']', 200_000) + "}");
        Assert.StartsWith(Path.Combine(_folder, file) + ": ", Fails(() => { ModelFolder.Check(_folder); return _folder; }),
            StringComparison.Ordinal);
    }

    [Fact]
    public void Newer_and_older_spellings_are_read()
    {
        File.WriteAllText(Path.Combine(_folder, "config.json"), """
            {"model_type": "llama", "vocab_size": 10, "hidden_size": 8, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2,
             "rope_parameters": {"rope_type": "linear", "factor": 2.0, "rope_theta": 500000.0}, "eos_token_id": [3, 4], "dtype": "bfloat16"}
            """);
        var config = ModelFolder.ReadConfig(_folder);
        Assert.Equal((4, 2, 500000.0, "linear"), (config.HeadDim, config.NumKeyValueHeads, config.RopeTheta, config.RopeScaling!.Type));
        Assert.Equal([3, 4], config.EosTokenIds);
    }

    [Theory]
    [InlineData("{\"model_type\": \"llama\", \"model_type\": \"llama\"}")]
    [InlineData("{\"model_type\": ")]
    [InlineData("[1]")]
    [InlineData("")]
    public void A_damaged_configuration_is_one_error_that_names_the_file(string text)
    {
        File.WriteAllText(Path.Combine(_folder, "config.json"), text);
        Assert.StartsWith(Path.Combine(_folder, "config.json") + ": ", Fails(() => ModelFolder.ReadConfig(_folder)),
            StringComparison.Ordinal);
    }

    [Fact]
    public void A_mistral_without_a_sliding_window_is_a_llama_and_end_tokens_of_the_generation_configuration_count()
    {
        File.WriteAllText(Path.Combine(_folder, "config.json"), """
            {"model_type": "mistral", "vocab_size": 10, "hidden_size": 8, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "sliding_window": null, "eos_token_id": 2}
            """);
        File.WriteAllText(Path.Combine(_folder, "generation_config.json"), """{"eos_token_id": [2, 7]}""");
        Assert.Equal([2, 7], ModelFolder.ReadConfig(_folder).EosTokenIds);
        File.WriteAllText(Path.Combine(_folder, "generation_config.json"), """{"eos_token_id": [2, 10]}""");
        Assert.Contains("generation_config.json: eos_token_id is [2,10]; the model knows the ids 0 to 9 only",
            Fails(() => ModelFolder.ReadConfig(_folder)), StringComparison.Ordinal);
    }

    [Fact]
    public void A_vast_vocabulary_is_refused_from_the_headers_and_never_allocated()
    {
        using var weights = DecoderWeights.Random(TestModels.Config(), 1);
        Write(weights);
        var vast = weights.Config with { VocabSize = 1 << 24, HiddenSize = 1 << 20 };
        Assert.Contains("tensor model.embed_tokens.weight has the shape [37, 20]",
            Fails(() => ModelFolder.ReadWeights(_folder, vast, Ops.Cpu)));
    }

    [Fact]
    public void A_weight_that_is_not_a_number_is_named_by_its_place()
    {
        using var weights = DecoderWeights.Random(TestModels.Config(), 1);
        Ops.Floats(weights.Norm)[3] = float.NaN;
        Write(weights);
        Assert.Contains("element 3 of tensor model.norm.weight is NaN; the checkpoint is damaged",
            Fails(() => ModelFolder.ReadWeights(_folder, weights.Config, Ops.Cpu)));
    }

    [Fact]
    public void Tensors_that_have_no_place_and_types_that_hold_no_weights_are_named()
    {
        using var weights = DecoderWeights.Random(TestModels.Config(), 1);
        Write(weights);
        var path = Path.Combine(_folder, "model.safetensors");
        SafeTensors.Write(path, [.. weights.Buffer.ToArrays(),
            new NamedArray("model.layers.0.self_attn.q_proj.bias", [24], new float[24])]);
        Assert.Contains("tensor model.layers.0.self_attn.q_proj.bias has no place in what is supported",
            Fails(() => ModelFolder.ReadWeights(_folder, weights.Config, Ops.Cpu)));
        SafeTensors.Write(path, [.. weights.Buffer.ToArrays(),
            new NamedArray("model.layers.0.self_attn.rotary_emb.inv_freq", [3], new float[3])]);
        ModelFolder.ReadWeights(_folder, weights.Config, Ops.Cpu).Dispose();
        SafeTensors.Write(path, weights.Buffer.ToArrays());
        var bytes = File.ReadAllBytes(path);
        var at = bytes.AsSpan().IndexOf("\"F32\""u8);
        "\"I32\""u8.CopyTo(bytes.AsSpan(at));
        File.WriteAllBytes(path, bytes);
        Assert.Contains("is of type I32; supported are F32, F16, BF16",
            Fails(() => ModelFolder.ReadWeights(_folder, weights.Config, Ops.Cpu)));
    }

    [Theory]
    [InlineData("{\"weight_map\": {\"model.norm.weight\": \"../other.safetensors\"}}",
        "names the shard ../other.safetensors; a shard lies beside its index")]
    [InlineData("{\"weight_map\": {\"model.norm.weight\": 3}}", "weight_map places model.norm.weight in no file")]
    [InlineData("{}", "weight_map is missing")]
    [InlineData("{", "model.safetensors.index.json: ")]
    public void A_damaged_index_is_named(string index, string message)
    {
        File.WriteAllText(Path.Combine(_folder, "model.safetensors.index.json"), index);
        Assert.Contains(message, Fails(() => ModelFolder.ReadWeights(_folder, TestModels.Config(), Ops.Cpu)));
    }

    [Fact]
    public void Weights_in_another_format_are_named()
    {
        File.WriteAllText(Path.Combine(_folder, "model.gguf"), "");
        Assert.Contains("found model.gguf, but other weight formats are not supported",
            Fails(() => ModelFolder.ReadWeights(_folder, TestModels.Config(), Ops.Cpu)));
    }

    [Fact]
    public void A_folder_without_a_model_is_named() =>
        Assert.Contains("is not a model folder: it has no config.json", Fails(() => ModelFolder.ReadConfig(_folder)));

    [Fact]
    public void A_model_is_written_whole_or_not_at_all()
    {
        using var weights = DecoderWeights.Random(TestModels.Config(), 1);
        var target = Path.Combine(_folder, "out");
        Assert.Throws<NotSupportedException>(() =>
            ModelFolder.Write(target, weights.Config, weights.Buffer.ToArrays(), new FailingTokenizer()));
        Assert.False(Directory.Exists(target));
        Assert.Empty(Directory.GetFileSystemEntries(_folder));
    }

    private void Write(DecoderWeights weights) =>
        ModelFolder.Write(_folder, weights.Config, weights.Buffer.ToArrays(), WorldTokenizer.Create());

    private void Shard()
    {
        var single = Path.Combine(_folder, "model.safetensors");
        var map = new JsonObject();
        using (var reader = new SafeTensorsReader(single))
            foreach (var (i, half) in reader.Tensors.Values.Chunk((reader.Tensors.Count + 1) / 2).Index())
            {
                var name = $"model-0000{i + 1}-of-00002.safetensors";
                SafeTensors.Write(Path.Combine(_folder, name),
                    [.. half.Select(t => new NamedArray(t.Name, t.Shape, reader.ReadFloats(t.Name)))]);
                foreach (var tensor in half)
                    map[tensor.Name] = name;
            }
        File.Delete(single);
        File.WriteAllText(Path.Combine(_folder, "model.safetensors.index.json"), new JsonObject { ["weight_map"] = map }.ToJsonString());
    }

    private static string Fails(Func<object> action) => Assert.Throws<InvalidDataException>(action).Message;

    private sealed class FailingTokenizer : TextTokenizer
    {
        public override IReadOnlyDictionary<string, int> SpecialTokens => new Dictionary<string, int>();
        public override int? BosToken => null;
        public override int EosToken => 0;
        public override int[] Encode(string text) => [];
        public override bool BeginsWithSpace => false;
        public override bool Contains(int id) => false;
        public override IEnumerable<TokenEntry> Entries => [];
        public override ReadOnlyMemory<byte> BytesOf(int id) => default;
        public override int? IdOf(string piece) => null;
        public override void Save(string folder) => throw new NotSupportedException();
    }
}
