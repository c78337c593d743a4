using System.Text;
using CsCheck;
using SelfJudge.Modeling.Checkpoints;
using SelfJudge.Tests.Shared;
using SelfJudge.World;

namespace SelfJudge.Modeling.Tests.Tokenizers;

/// <summary>A damaged file loads or is refused; nothing else, and soon.</summary>
public sealed class TokenizerFuzzTests
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(10);

    [Theory]
    [InlineData("gpt2")]
    [InlineData("llama2")]
    [InlineData("world")]
    public void A_damaged_tokenizer_json_loads_or_is_refused(string kind)
    {
        using var small = new SmallTokenizer("a b", "b c", "Ġ ab");
        small.Add(902, "<tool>", special: false);
        small.Json["post_processor"] = SmallTokenizer.Template("<|begin_of_text|>", "A");
        if (kind == "llama2")
        {
            small.Json["normalizer"] = System.Text.Json.Nodes.JsonNode.Parse(
                """{"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": "▁"}, {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}]}""");
            small.Json["pre_tokenizer"] = null;
            small.Json["decoder"] = System.Text.Json.Nodes.JsonNode.Parse(
                """{"type": "Sequence", "decoders": [{"type": "Replace", "pattern": {"String": "▁"}, "content": " "}, {"type": "ByteFallback"}, {"type": "Fuse"}, {"type": "Strip", "content": " ", "start": 1, "stop": 0}]}""");
        }
        small.Load();
        if (kind == "world")
            WorldTokenizer.Create().Save(small.Folder);
        var path = Path.Combine(small.Folder, "tokenizer.json");
        Fuzz(small.Folder, path, File.ReadAllBytes(path), iterations: 2000);
    }

    [Fact]
    public void A_damaged_tokenizer_config_loads_or_is_refused()
    {
        using var small = new SmallTokenizer();
        small.Load();
        var path = Path.Combine(small.Folder, "tokenizer_config.json");
        Fuzz(small.Folder, path,
            Encoding.UTF8.GetBytes(
            """{"bos_token": "<|begin_of_text|>", "eos_token": {"content": "<|end_of_text|>"}, "add_bos_token": true, "added_tokens_decoder": {"900": {"content": "<|x|>", "special": true}}, "chat_template": [{"name": "default", "template": "{{ x }}"}]}"""), iterations: 2000);
    }

    [Fact]
    public void A_damaged_tokenizer_model_loads_or_is_refused()
    {
        var folder = Directory.CreateTempSubdirectory().FullName;
        Fuzz(folder, Path.Combine(folder, "tokenizer.model"), File.ReadAllBytes(TestData.Path("llama/tokenizer.model")), iterations: 1000);
        Directory.Delete(folder, recursive: true);
    }

    private static void Fuzz(string folder, string path, byte[] valid, long iterations)
    {
        var loaded = 0;
        var mutation = Gen.Select(Gen.Int[0, valid.Length - 1], Gen.Byte, Gen.Int[0, 4], Gen.Int[1, 20]);
        mutation.Array[0, 4].Sample(mutations =>
        {
            File.WriteAllBytes(path, mutations.Aggregate(valid, Apply));
            Assert.InRange(ThreadTime.Of(Load), TimeSpan.Zero, Limit);
        }, iter: iterations, threads: 1);
        Assert.NotEqual(0, loaded);

        void Load()
        {
            try
            {
                var tokenizer = ModelFolder.ReadTokenizer(folder);
                tokenizer.Decode(tokenizer.Encode("ab abc 🦙 <tool> </s>"));
                loaded++;
            }
            catch (InvalidDataException e)
            {
                Assert.Contains(folder, e.Message);
            }
        }
    }

    private static byte[] Apply(byte[] bytes, (int At, byte Value, int Kind, int Length) m)
    {
        var at = Math.Min(m.At, bytes.Length);
        var end = Math.Min(at + m.Length, bytes.Length);
        return m.Kind switch
        {
            0 => bytes[..at],
            1 => [.. bytes[..at], .. bytes[end..]],
            2 => [.. bytes[..end], .. bytes[at..]],
            3 => [.. bytes[..at], .. "\"[]{}:,0-9truenull"u8.Slice(m.Value % 18, 1), .. bytes[Math.Min(at + 1, bytes.Length)..]],
            _ => [.. bytes[..at], m.Value, .. bytes[Math.Min(at + 1, bytes.Length)..]],
        };
    }
}
