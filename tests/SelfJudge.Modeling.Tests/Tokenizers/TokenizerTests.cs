using System.Text.Json;
using System.Text.RegularExpressions;
using SelfJudge.Modeling.Checkpoints;
using SelfJudge.Modeling.Tokenizers;
using SelfJudge.Preferences.Templates;
using SelfJudge.Tests.Shared;
using SelfJudge.World;

namespace SelfJudge.Modeling.Tests.Tokenizers;

public sealed class TokenizerTests
{
    private static readonly TextTokenizer World = WorldTokenizer.Create();

    [Fact]
    public void The_stories_tokenizer_gives_sentencepieces_ids_and_text()
    {
        var tokenizer = SentencePieceText.Load(TestData.Path("shared/stories260k/tokenizer.model"));
        using var vectors = JsonDocument.Parse(File.ReadAllText(TestData.Path("shared/stories260k/tokenizer_vectors.json")));
        foreach (var vector in vectors.RootElement.EnumerateArray())
        {
            var text = vector.GetProperty("text").GetString()!;
            int[] expected = [.. vector.GetProperty("sentencepiece_ids").EnumerateArray().Select(i => i.GetInt32())];
            Assert.Equal(expected, tokenizer.Encode(text));
            // SentencePiece collapses runs of spaces before it encodes.
            Assert.Equal(Regex.Replace(text, " +", " "), tokenizer.Decode(expected));
        }
    }

    [Fact]
    public void A_file_that_is_no_sentencepiece_model_is_named()
    {
        var file = Path.GetTempFileName();
        File.WriteAllText(file, "nothing of the kind");
        Assert.Contains($"{file} is not a SentencePiece model",
            Assert.Throws<InvalidDataException>(() => SentencePieceText.Load(file)).Message);
        File.Delete(file);
    }

    /// <summary>Vocabularies of 256 bytes and two added tokens, the higher of which is 901.</summary>
    [Theory]
    [InlineData(900, "tokenizer.json: the token '<|begin_of_text|>' has the id 900, but the model knows the ids 0 to 899 only (vocab_size "
        + "900 in config.json)")]
    [InlineData(901, "tokenizer.json: the token '<|end_of_text|>' has the id 901, but the model knows the ids 0 to 900 only")]
    [InlineData(100, "tokenizer.json: the token 'd' has the id 100, but the model knows")]
    public void A_token_beyond_the_models_vocabulary_is_refused_with_the_model(int vocabulary, string message)
    {
        using var small = new SmallTokenizer();
        _ = small.Load();
        Assert.Contains(message, Assert.Throws<InvalidDataException>(() =>
            ModelFolder.ReadTokenizer(small.Folder, TestModels.Config(vocab: vocabulary))).Message, StringComparison.Ordinal);
        Assert.NotEmpty(ModelFolder.ReadTokenizer(small.Folder, TestModels.Config(vocab: 902)).Encode("a"));
        Assert.NotEmpty(ModelFolder.ReadTokenizer(small.Folder, TestModels.Config(vocab: 2000)).Encode("a"));
    }

    [Theory]
    [InlineData("tokenizer_config.json",
        """{"eos_token": "<|end_of_text|>", "added_tokens_decoder": {"1000": {"content": "<|far|>", "special": true}}}""")]
    [InlineData("added_tokens.json", """{"<|far|>": 1000}""")]
    public void The_file_that_gives_a_token_its_id_is_named(string file, string json)
    {
        using var small = new SmallTokenizer();
        small.Write(file, json);
        _ = small.Load();
        Assert.StartsWith($"{Path.Combine(small.Folder, file)}: the token '<|far|>' has the id 1000",
            Assert.Throws<InvalidDataException>(() => ModelFolder.ReadTokenizer(small.Folder, TestModels.Config(vocab: 1000))).Message,
            StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("tokenizer_config.json", """{"eos_token": "<|im_end|>"}""",
        "eos_token is '<|im_end|>', which is no control token of the tokenizer in")]
    [InlineData("special_tokens_map.json", """{"eos_token": {"content": "</s>"}}""",
        "eos_token is '</s>', which is no control token of the tokenizer in")]
    [InlineData("tokenizer_config.json", """{"added_tokens_decoder": [{"content": "<|x|>"}]}""",
        "tokenizer_config.json: added_tokens_decoder is no object of tokens by their ids")]
    [InlineData("tokenizer_config.json", """{"added_tokens_decoder": {"902": "<|x|>"}}""",
        "tokenizer_config.json: added token 902 is no object with its content")]
    [InlineData("tokenizer_config.json", """{"added_tokens_decoder": {"-1": {"content": "<|x|>"}}}""",
        "tokenizer_config.json: -1 is not a token id")]
    [InlineData("tokenizer_config.json", """{"add_bos_token": "yes"}""", "tokenizer_config.json: add_bos_token is neither true nor false")]
    [InlineData("added_tokens.json", """{"<|x|>": "many"}""", "added_tokens.json: '\"many\"' is not a token id")]
    [InlineData("added_tokens.json", """{"<|x|>": 1.5}""", "added_tokens.json: '1.5' is not a token id")]
    public void What_a_file_beside_a_tokenizer_says_wrong_is_named(string file, string json, string message)
    {
        using var small = new SmallTokenizer();
        _ = small.Load();
        small.Write(file, json);
        Assert.Contains(message, Assert.Throws<InvalidDataException>(() => ModelFolder.ReadTokenizer(small.Folder)).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void Words_whose_ids_leave_a_gap_are_refused()
    {
        var folder = Directory.CreateTempSubdirectory().FullName;
        File.WriteAllText(Path.Combine(folder, "tokenizer.json"),
            """{"added_tokens": [], "model": {"type": "WordLevel", "vocab": {"</s>": 0, "<unk>": 1, "cat": 5}, "unk_token": "<unk>"}}""");
        Assert.Contains("model.vocab: 'cat' has the id 5; the ids of words are 0 to 2, each once",
            Assert.Throws<InvalidDataException>(() => ModelFolder.ReadTokenizer(folder)).Message, StringComparison.Ordinal);
        Directory.Delete(folder, recursive: true);
    }

    [Fact]
    public void Words_go_to_ids_and_back()
    {
        const string Text = "please what colour is the cat ? be brief .";
        Assert.Equal(Text, World.Decode(World.Encode(Text)));
        Assert.Equal(Text.Split(' ').Length, World.Encode(Text).Length);
    }

    [Fact]
    public void Special_tokens_in_text_are_text_not_control()
    {
        Assert.All(World.Encode("<judge> </s> <assistant>"), id => Assert.Equal(World.SpecialTokens["<unk>"], id));
        Assert.Equal("", World.Decode([World.EosToken, World.SpecialTokens["<judge>"]]));
    }

    [Fact]
    public void A_word_level_tokenizer_survives_its_file()
    {
        var folder = Directory.CreateTempSubdirectory().FullName;
        World.Save(folder);
        var read = WordLevelTokenizer.Load(Path.Combine(folder, "tokenizer.json"));
        Assert.Equal(World.Encode("the cat is black ."), read.Encode("the cat is black ."));
        Assert.Equal(World.SpecialTokens, read.SpecialTokens);
        Directory.Delete(folder, recursive: true);
    }

    [Fact]
    public void A_prompt_begins_and_ends_where_the_template_says()
    {
        var encoder = new PromptEncoder(World, DialogueTemplate.World, 256);
        int[] expected = [World.SpecialTokens["<user>"], .. World.Encode("what colour is the cat ?"), World.SpecialTokens["<assistant>"]];
        Assert.Equal(expected, encoder.EncodePrompt([new Turn(Role.User, "what colour is the cat ?")]));
    }

    [Fact]
    public void What_a_user_writes_cannot_become_a_control_token()
    {
        var encoder = new PromptEncoder(World, DialogueTemplate.World, 256);
        var ids = encoder.EncodePrompt([new Turn(Role.User, "cat <assistant> dog")]);
        Assert.Single(ids, id => id == World.SpecialTokens["<assistant>"]);
    }

    [Fact]
    public void Earlier_answers_end_with_the_end_token()
    {
        var encoder = new PromptEncoder(World, DialogueTemplate.World, 256);
        var ids = encoder.EncodePrompt([new Turn(Role.User, "cat"), new Turn(Role.Assistant, "dog"), new Turn(Role.User, "cow")]);
        int[] expected = [World.SpecialTokens["<user>"], .. World.Encode("cat"), World.SpecialTokens["<assistant>"], .. World.Encode("dog"),
            World.EosToken, World.SpecialTokens["<user>"], .. World.Encode("cow"), World.SpecialTokens["<assistant>"]];
        Assert.Equal(expected, ids);
    }

    [Fact]
    public void Judge_tokens_are_those_that_follow_in_context()
    {
        var encoder = new PromptEncoder(World, DialogueTemplate.World, 256);
        var prompt = encoder.EncodeJudge(JudgeTemplate.World, "what colour is the cat ?", "the cat is black .", "the cat is red .");
        Assert.Equal(Assert.Single(World.Encode("A")), prompt.TokenA);
        Assert.Equal(Assert.Single(World.Encode("B")), prompt.TokenB);
        Assert.Equal(World.Encode("better overall"), prompt.Ids[^2..]);
    }

    [Fact]
    public void With_sentencepiece_the_judge_token_after_a_space_is_not_the_bare_letter()
    {
        var tokenizer = SentencePieceText.Load(TestData.Path("llama/tokenizer.model"));
        var encoder = new PromptEncoder(tokenizer, DialogueTemplate.Paper, 1024);
        var prompt = encoder.EncodeJudge(JudgeTemplate.HhHelpful, "User: hi", "hello", "bye");
        Assert.NotEqual(prompt.TokenA, prompt.TokenB);
        Assert.Equal(tokenizer.BosToken, prompt.Ids[0]);
        Assert.Single(prompt.Ids, id => id == tokenizer.BosToken);
        var whole = tokenizer.Decode([.. prompt.Ids, prompt.TokenA]);
        Assert.EndsWith("would be Assistant A", whole, StringComparison.Ordinal);
    }

    [Fact]
    public void A_judge_prompt_that_is_too_long_loses_text_but_never_the_template()
    {
        var encoder = new PromptEncoder(World, DialogueTemplate.World, 60);
        var prompt = encoder.EncodeJudge(JudgeTemplate.World, string.Join(' ', Enumerable.Repeat("cat", 70)),
            string.Join(' ', Enumerable.Repeat("dog", 50)), "cow .");
        Assert.True(prompt.Ids.Length < 60);
        Assert.Equal(World.SpecialTokens["<judge>"], prompt.Ids[0]);
        var text = World.Decode(prompt.Ids);
        Assert.EndsWith("B cow . better overall", text, StringComparison.Ordinal);
        Assert.Contains("cat", text);
        Assert.Contains("dog", text);
    }

    // Half a character decodes to a replacement of three bytes: cut by tokens, such a text never gets shorter.
    [Theory]
    [InlineData("“quotes” – and €")]
    [InlineData("日本語")]
    [InlineData("🦉🦊")]
    public void Text_of_many_bytes_per_character_is_cut_to_fit(string piece)
    {
        var encoder = new PromptEncoder(SentencePieceText.Load(TestData.Path("llama/tokenizer.model")), DialogueTemplate.Paper, 400);
        var text = string.Concat(Enumerable.Repeat(piece, 60));
        Assert.InRange(encoder.EncodeJudge(JudgeTemplate.HhHelpful, text, text, "a dog").Ids.Length, 300, 399);
    }

    [Fact]
    public void A_template_that_is_longer_than_the_model_is_refused() =>
        Assert.Contains("alone is longer than the model's 4 tokens",
            Assert.Throws<ArgumentException>(() => new PromptEncoder(World, DialogueTemplate.World, 4)
            .EncodeJudge(JudgeTemplate.World, "cat", "a", "b")).Message);
}
