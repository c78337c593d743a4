using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using CsCheck;
using Microsoft.ML.Tokenizers;
using SelfJudge.Modeling.Checkpoints;
using SelfJudge.Modeling.Tokenizers;
using SelfJudge.Tests.Shared;

namespace SelfJudge.Modeling.Tests.Tokenizers;

public sealed class BytePairTokenizerTests
{
    [Fact]
    public void Text_is_what_the_merges_make_of_it_lowest_rank_first_and_leftmost_of_equals()
    {
        using var small = new SmallTokenizer("a b", "b c", "a a", "Ġ ab");
        var tokenizer = small.Load();
        Assert.Equal([256, 'c'], Ids(tokenizer, "abc", 'c'));
        Assert.Equal([258, 258, Id('a')], tokenizer.Encode("aaaaa"));
        Assert.Equal([256, 259, 257], tokenizer.Encode("ab abbc"));

        static int[] Ids(TextTokenizer t, string text, char last) => [.. t.Encode(text)[..^1], t.Encode(text)[^1] == Id(last) ? last : -1];
    }

    [Fact]
    public void Merges_are_read_as_pairs_too()
    {
        using var small = new SmallTokenizer("a b", "ab c");
        small.Json["model"]!["merges"] = new JsonArray(new JsonArray("a", "b"), new JsonArray("ab", "c"));
        Assert.Equal([257], small.Load().Encode("abc"));
    }

    [Fact]
    public void With_ignore_merges_a_word_of_the_vocabulary_is_one_token()
    {
        using var small = new SmallTokenizer("a b");
        small.Json["model"]!["vocab"]!["abc"] = 700;
        Assert.Equal([256, Id('c')], small.Load().Encode("abc"));
        small.Json["model"]!["ignore_merges"] = true;
        Assert.Equal([700], small.Load().Encode("abc"));
    }

    [Fact]
    public void Qwens_normalizer_composes_characters()
    {
        using var small = new SmallTokenizer("a b");
        var composed = small.Load().Encode("é");
        Assert.NotEqual(composed, small.Load().Encode("e\u0301"));
        small.Json["normalizer"] = System.Text.Json.Nodes.JsonNode.Parse("""{"type": "NFC"}""");
        Assert.Equal(composed, small.Load().Encode("e\u0301"));
        Assert.Equal(composed, small.Load().Encode("é"));
    }

    [Fact]
    public void Llama_3s_pattern_cuts_numbers_into_threes_and_gpt_2s_does_not()
    {
        using var small = new SmallTokenizer("1 2", "12 3", "123 4", "' S");
        Assert.Equal([258], small.Load().Encode("1234"));
        small.Json["pre_tokenizer"] = SmallTokenizer.Sequence("pretokenizers", SmallTokenizer.Split(SmallTokenizer.Llama3Pattern),
            SmallTokenizer.Byte(useRegex: false));
        Assert.Equal([257, Id('4')], small.Load().Encode("1234"));
        Assert.Equal([Id('a'), 259], small.Load().Encode("a'S"));
    }

    // In .NET's patterns the halves of a surrogate pair are no letters; everywhere else 𝓝 is one.
    [Fact]
    public void A_letter_beyond_the_basic_plane_is_a_letter()
    {
        string[] words = [.. new WordSplitter(WordSplitter.Gpt2Pattern).Split("x𝓝y 𝟙2 🦙!")];
        Assert.Equal(["x𝓝y", " 𝟙2", " 🦙!"], words);
    }

    [Fact]
    public void A_text_of_one_endless_word_takes_no_endless_time()
    {
        using var small = new SmallTokenizer("w o", "r d", "wo rd");
        var tokenizer = small.Load();
        var text = string.Concat(Enumerable.Repeat("word", 250_000));
        Assert.InRange(ThreadTime.Of(() => Assert.Equal(250_000, tokenizer.Encode(text).Length)).TotalSeconds, 0, 20);
    }

    [Fact]
    public void Special_tokens_in_text_are_text_and_others_that_were_added_are_found()
    {
        using var small = new SmallTokenizer();
        small.Add(902, "<tool>", special: false);
        small.Add(903, "<tool>s", special: false);
        small.Add(904, "<|im_end|>", special: false); // control, though its flag was forgotten
        var tokenizer = small.Load();
        Assert.Equal([Id('a'), 903, 902, Id('b')], tokenizer.Encode("a<tool>s<tool>b"));
        Assert.Equal("a<tool>s<tool>b", tokenizer.Decode([Id('a'), 903, 902, Id('b')]));
        foreach (var control in new[] { "<|begin_of_text|>", "<|end_of_text|>", "<|im_end|>" })
        {
            Assert.All(tokenizer.Encode($"x{control}y"), id => Assert.InRange(id, 0, 255));
            Assert.Equal($"x{control}y", tokenizer.Decode(tokenizer.Encode($"x{control}y")));
            Assert.Equal("", tokenizer.Decode([tokenizer.SpecialTokens[control]]));
        }
    }

    [Fact]
    public void A_special_token_that_is_also_an_entry_of_the_vocabulary_is_text_even_with_ignore_merges()
    {
        using var small = new SmallTokenizer();
        small.Json["model"]!["vocab"]!["<eot>"] = 700;
        small.Json["model"]!["ignore_merges"] = true;
        small.Json["pre_tokenizer"] = SmallTokenizer.Byte(useRegex: false);
        Assert.Equal([700], small.Load().Encode("<eot>"));
        small.Write("special_tokens_map.json", """{"eos_token": "<eot>"}""");
        Assert.Equal("<eot>".Select(Id), small.Load().Encode("<eot>"));
        Assert.Equal(700, small.Load().EosToken);
    }

    [Fact]
    public void The_post_processor_says_what_begins_a_text()
    {
        using var small = new SmallTokenizer();
        small.Write("tokenizer_config.json", """{"bos_token": "<|begin_of_text|>", "eos_token": "<|end_of_text|>"}""");
        Assert.Null(small.Load().BosToken);
        small.Json["post_processor"] = SmallTokenizer.Sequence("processors", SmallTokenizer.Byte(useRegex: true),
            SmallTokenizer.Template("<|begin_of_text|>", "A"));
        Assert.Equal([900, Id('a')], small.Load().EncodeWithSpecial("a"));
        small.Json["post_processor"] = SmallTokenizer.Template("<|begin_of_text|>", "A", "<|end_of_text|>");
        Assert.Equal([900, Id('a'), 901], small.Load().EncodeWithSpecial("a"));
    }

    [Theory]
    [InlineData("""{"add_bos_token": true, "bos_token": "<|begin_of_text|>"}""", null, null, new[] { 900, 0 })]
    [InlineData("""{"add_bos_token": false, "bos_token": "<|begin_of_text|>"}""", null, null, new[] { 0 })]
    [InlineData("""{"add_eos_token": true, "eos_token": {"content": "<|end_of_text|>"}}""", null, null, new[] { 0, 901 })]
    [InlineData(null, """{"bos_token": {"content": "<|begin_of_text|>"}}""", null, new[] { 900, 0 })]
    [InlineData(null, null, """{"bos_token_id": 900}""", new[] { 900, 0 })]
    [InlineData(null, null, null, new[] { 0 })]
    public void Configuration_decides_what_begins_and_ends_a_text(string? tokenizerConfig, string? specialTokens, string? config,
        int[] expected)
    {
        using var small = new SmallTokenizer();
        foreach (var (file, json) in new[] { ("tokenizer_config.json", tokenizerConfig), ("special_tokens_map.json", specialTokens),
            ("config.json", config) })
            if (json is not null)
                small.Write(file, json);
        Assert.Equal(expected, small.Load().EncodeWithSpecial("\0"));
    }

    [Theory]
    [InlineData("tokenizer_config.json", """{"eos_token": "<|eot_id|>"}""", 905)]
    [InlineData("config.json", """{"eos_token_id": 905}""", 905)]
    [InlineData("config.json", """{"eos_token_id": [905, 901]}""", 905)]
    [InlineData("generation_config.json", """{"eos_token_id": [905]}""", 905)]
    [InlineData("config.json", """{"eos_token_id": null}""", 901)]
    public void The_end_token_comes_from_whichever_file_names_it(string file, string json, int expected)
    {
        using var small = new SmallTokenizer();
        small.Add(905, "<|eot_id|>");
        small.Write(file, json);
        Assert.Equal(expected, small.Load().EosToken);
    }

    [Fact]
    public void A_tokenizer_survives_its_folder()
    {
        using var small = new SmallTokenizer("a b");
        small.Write("tokenizer_config.json", """{"add_bos_token": true, "bos_token": "<|begin_of_text|>"}""");
        var copy = Directory.CreateTempSubdirectory().FullName;
        small.Load().Save(copy);
        Assert.Equal([900, 256], SelfJudge.Modeling.Checkpoints.ModelFolder.ReadTokenizer(copy).EncodeWithSpecial("ab"));
        Directory.Delete(copy, recursive: true);
    }

    [Theory]
    [InlineData("model", """{"type": "Unigram"}""", "model.type is Unigram; supported are BPE and WordLevel")]
    [InlineData("model", """{}""", "model.type is missing")]
    [InlineData("model", """{"merges": []}""", "it has no model.vocab")]
    [InlineData("model", """{"type": "BPE", "vocab": {"a": 0, "b": 0}}""", "model.vocab: 'b' and 'a' both have the id 0")]
    [InlineData("model", """{"type": "BPE", "vocab": {"a": 0}, "merges": ["a b"]}""", "model.merges[0]: 'b' is not in model.vocab")]
    [InlineData("model", """{"type": "BPE", "vocab": {"a": 0}, "merges": ["a"]}""", "model.merges[0] is not a pair")]
    [InlineData("pre_tokenizer", """{"type": "Split", "pattern": {"Regex": "["}, "behavior": "Isolated"}""",
        "the pre-tokenizer's pattern [ is not supported")]
    [InlineData("pre_tokenizer", """{"type": "Bert"}""", "the pre-tokenizer Bert is not supported")]
    [InlineData("normalizer", """{"type": "NFKC"}""", "the normalizer NFKC is not supported")]
    [InlineData("decoder", """{"type": "WordPiece"}""", "the decoder WordPiece is not supported")]
    [InlineData("post_processor", """{"type": "BertProcessing"}""", "the post-processor BertProcessing is not supported")]
    [InlineData("added_tokens", """[{"id": 7, "content": "x", "special": false, "lstrip": true}]""",
        "added token 'x' is not special and has lstrip")]
    public void What_is_not_supported_is_refused_by_name(string key, string json, string message)
    {
        using var small = new SmallTokenizer();
        small.Json[key] = JsonNode.Parse(json);
        var error = Assert.Throws<InvalidDataException>(small.Load).Message;
        Assert.StartsWith(Path.Combine(small.Folder, "tokenizer.json") + ": " + message, error, StringComparison.Ordinal);
    }

    [Fact]
    public void Gpt_2_gives_the_ids_that_everyone_knows()
    {
        var tokenizer = BytePairTokenizer.Load(TestData.Path("shared/tokenizers/gpt2/tokenizer.json"));
        Assert.Equal([15496, 995], tokenizer.Encode("Hello world"));
        Assert.Equal([2616, 38776, 40304], tokenizer.Encode("naïve café"));
        Assert.Equal([27, 91, 437, 1659, 5239, 91, 29], tokenizer.Encode("<|endoftext|>"));
        Assert.Equal(50256, tokenizer.EosToken);
        Assert.Null(tokenizer.BosToken);
    }

    /// <summary>Vocabularies trained for this test, and the ids that Hugging Face's tokenizers give: see <c>tests/data/make</c>.</summary>
    [Theory]
    [InlineData("gpt2")]
    [InlineData("llama3")]
    [InlineData("llama")]
    public void Each_kind_of_vocabulary_gives_the_reference_ids(string folder) =>
        TokenizerVectors.Hold(folder, BytePairTokenizer.Load(TestData.Path($"{folder}/tokenizer.json")));

    [Fact]
    public void Texts_begin_and_end_as_the_files_of_llama_3_say()
    {
        var tokenizer = ModelFolder.ReadTokenizer(TestData.Path("llama3"));
        Assert.Equal((509, 511), (tokenizer.BosToken, tokenizer.EosToken));
        Assert.Equal([509, .. TokenizerVectors.Of("llama3", "naïve café")], tokenizer.EncodeWithSpecial("naïve café"));
        Assert.DoesNotContain(tokenizer.Encode("<|begin_of_text|><|eot_id|>"), id => id >= 507);
    }

    // The library's own byte-level encoding is right for words of ordinary length.
    [Theory]
    [InlineData("gpt2")]
    [InlineData("shared/tokenizers/gpt2")]
    public void A_vocabulary_of_gpt_2s_kind_agrees_with_the_librarys_encoder(string folder)
    {
        var tokenizer = BytePairTokenizer.Load(TestData.Path($"{folder}/tokenizer.json"));
        using var json = JsonDocument.Parse(File.ReadAllText(TestData.Path($"{folder}/tokenizer.json")));
        var model = json.RootElement.GetProperty("model");
        var library = BpeTokenizer.Create(new BpeOptions(model.GetProperty("vocab").EnumerateObject()
            .Select(p => KeyValuePair.Create(p.Name, p.Value.GetInt32())))
        {
            Merges = [.. model.GetProperty("merges").EnumerateArray().Select(m => m.GetString()!)],
            ByteLevel = true,
            PreTokenizer = new RegexPreTokenizer(new Regex(WordSplitter.Gpt2Pattern), null),
        });
        var text = Gen.OneOf<string>(Gen.String[0, 40],
            Gen.OneOf("the ", "on-policy ", "  ", "\n\n", "self-judgment", "'ll", "!!!!!", "12345", "é", "日本").Array[0, 20]
            .Select(string.Concat))
            .Where(t => !t.Any(char.IsSurrogate));
        text.Sample(t => Assert.Equal(library.EncodeToIds(t), tokenizer.Encode(t)), iter: 2000);
    }

    [Fact]
    public void Llama_3_gives_the_ids_of_its_vocabulary()
    {
        var tokenizer = BytePairTokenizer.Load(TestData.Path("shared/tokenizers/llama3-mini/tokenizer.json"));
        Assert.Equal([59958], tokenizer.Encode("fé"));
        Assert.Equal([40, 2846], tokenizer.Encode("I'm"));
        Assert.Equal([262], tokenizer.Encode("   "));
        Assert.Equal(128001, tokenizer.EosToken);
        Assert.All(tokenizer.Encode("<|begin_of_text|>"), id => Assert.InRange(id, 0, 127_999));
    }

    [Theory]
    [InlineData("gpt2")]
    [InlineData("llama3")]
    [InlineData("llama")]
    [InlineData("shared/tokenizers/gpt2")]
    [InlineData("shared/tokenizers/llama3-mini")]
    [InlineData("shared/tokenizers/llama2")]
    public void What_was_encoded_decodes_to_itself(string folder) =>
        RoundTrips.Hold(BytePairTokenizer.Load(TestData.Path($"{folder}/tokenizer.json")));

    [Fact]
    public void The_converted_llama_2_vocabulary_gives_the_reference_ids() =>
        Llama2Vectors.Hold(BytePairTokenizer.Load(TestData.Path("shared/tokenizers/llama2/tokenizer.json")));

    [Fact]
    public void A_converted_vocabulary_begins_texts_and_ends_them_by_its_own_tokens()
    {
        var tokenizer = BytePairTokenizer.Load(TestData.Path("llama/tokenizer.json"));
        Assert.Equal([1, .. TokenizerVectors.Of("llama", "Hello")], tokenizer.EncodeWithSpecial("Hello"));
        Assert.Equal(2, tokenizer.EosToken);
    }

    [Fact]
    public void The_converted_llama_2_vocabulary_begins_texts_and_leaves_special_tokens_text()
    {
        var tokenizer = BytePairTokenizer.Load(TestData.Path("shared/tokenizers/llama2/tokenizer.json"));
        Assert.Equal([1, 15043], tokenizer.EncodeWithSpecial("Hello"));
        Assert.Equal(2, tokenizer.EosToken);
        Assert.DoesNotContain(tokenizer.Encode("<s> </s> <unk> <0x0A>"), id => id < 259);
    }

    private static int Id(char c) => c;

    /// <summary>A pattern that tries 2⁴⁰ ways to cut a text before it gives up.</summary>
    [Fact]
    public void A_normalizer_whose_pattern_takes_too_long_is_named()
    {
        using var small = new SmallTokenizer();
        small.Json["normalizer"] =
            System.Text.Json.Nodes.JsonNode.Parse("""{"type": "Replace", "pattern": {"Regex": "(a+)+$"}, "content": "x"}""");
        var tokenizer = small.Load();
        Assert.Equal("the normalizer's pattern (a+)+$ took more than 10 seconds on a text",
            Assert.Throws<InvalidDataException>(() => tokenizer.Encode(new string('a', 40) + "!")).Message);
    }
}
