using System.Runtime.CompilerServices;
using System.Text.Json;
using SelfJudge.Modeling.Checkpoints;
using SelfJudge.Modeling.Tokenizers;
using SelfJudge.Preferences.Templates;
using SelfJudge.Tests.Shared;

namespace SelfJudge.Modeling.Tests.Tokenizers;

public sealed class SentencePieceTextTests
{
    [Fact]
    public void Llama_2_gives_the_reference_ids() => Llama2Vectors.Hold(Llama2());

    [Fact]
    public void A_model_trained_as_llama_2s_gives_the_reference_ids() => TokenizerVectors.Hold("llama", Own());

    [Theory]
    [InlineData("llama")]
    [InlineData("shared/tokenizers/llama2")]
    public void What_was_encoded_decodes_to_itself(string folder) =>
        RoundTrips.Hold(SentencePieceText.Load(TestData.Path($"{folder}/tokenizer.model")));

    [Fact]
    public void Where_a_folder_holds_both_files_the_model_is_used()
    {
        Assert.True(File.Exists(TestData.Path("llama/tokenizer.json")));
        Assert.IsType<SentencePieceText>(ModelFolder.ReadTokenizer(TestData.Path("llama")));
    }

    /// <summary>Models trained for this test, and the ids that the reference gives: see <c>SentencePiece/make.py</c>.</summary>
    [Theory]
    [InlineData("both")]
    [InlineData("no-prefix")]
    [InlineData("extra-spaces")]
    [InlineData("neither")]
    [InlineData("suffix")]
    [InlineData("no-normalizer")]
    [InlineData("unigram")]
    public void Spaces_and_short_texts_become_what_the_reference_makes_of_them(string model)
    {
        var tokenizer = SentencePieceText.Load(Trained($"{model}.model"));
        using var expected = JsonDocument.Parse(File.ReadAllText(Trained("expected.json")));
        Assert.All(expected.RootElement.GetProperty(model).EnumerateArray(), row =>
            Assert.Equal(row.GetProperty("ids").EnumerateArray().Select(id => id.GetInt32()),
                tokenizer.Encode(row.GetProperty("text").GetString()!)));
    }

    [Theory]
    [InlineData("a", new[] { 261 })]
    [InlineData("\n", new[] { 410, 13 })]
    [InlineData("ab", new[] { 261, 430 })]
    [InlineData("4", new[] { 410, 484 })]
    [InlineData(" ", new int[0])]
    [InlineData("", new int[0])]
    public void A_model_whose_file_leaves_its_normalizer_out_removes_extra_spaces_and_no_text(string text, int[] ids) =>
        Assert.Equal(ids, SentencePieceText.Load(TestData.Path("shared/stories260k/tokenizer.model")).Encode(text));

    [Fact]
    public void A_line_break_between_special_tokens_is_not_lost()
    {
        var folder = Directory.CreateTempSubdirectory().FullName;
        File.Copy(Trained("both.model"), Path.Combine(folder, "tokenizer.model"));
        File.WriteAllText(Path.Combine(folder, "tokenizer_config.json"), """
            {"eos_token": "<|im_end|>", "add_bos_token": false, "added_tokens_decoder": {"310": {"content": "<|im_start|>", "special": true}, "311": {"content": "<|im_end|>", "special": true}}}
            """);
        var encoder = new PromptEncoder(ModelFolder.ReadTokenizer(folder), DialogueTemplate.ByName("chatml"), 64);
        var ids = encoder.EncodePrompt([new Turn(Role.User, "a")]);
        Directory.Delete(folder, recursive: true);
        Assert.Equal([311, 286, 13, 310], ids[Array.IndexOf(ids, 311)..(Array.IndexOf(ids, 311) + 4)]);
    }

    [Fact]
    public void An_end_token_that_the_model_has_not_is_refused_where_its_own_would_be_taken()
    {
        var folder = Directory.CreateTempSubdirectory().FullName;
        File.Copy(Trained("both.model"), Path.Combine(folder, "tokenizer.model"));
        File.WriteAllText(Path.Combine(folder, "tokenizer_config.json"), """{"eos_token": "<|im_end|>"}""");
        var message = Assert.Throws<InvalidDataException>(() => ModelFolder.ReadTokenizer(folder)).Message;
        Directory.Delete(folder, recursive: true);
        Assert.Contains($"eos_token is '<|im_end|>', which is no control token of the tokenizer in {folder}", message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void A_unigram_model_that_falls_back_to_bytes_is_refused() =>
        Assert.Contains("Unigram model with byte fallback",
            Assert.Throws<InvalidDataException>(() => SentencePieceText.Load(Trained("unigram-bytes.model"))).Message,
            StringComparison.Ordinal);

    [Fact]
    public void Special_tokens_in_text_are_text() =>
        Assert.DoesNotContain(Llama2().Encode("<s> </s> <unk> <0x0A>"), id => id < 259);

    [Fact]
    public void The_configuration_says_that_texts_begin_with_bos_and_end_without_eos() =>
        Assert.Equal([1, .. TokenizerVectors.Of("llama", "Hello")], Own().EncodeWithSpecial("Hello"));

    [Fact]
    public void Half_characters_become_the_replacement_character() => Assert.Equal(Own().Encode("\ufffdx"), Own().Encode("\ud800x"));

    [Fact]
    public void Tokens_added_to_the_vocabulary_are_control_or_text_as_their_flag_says()
    {
        var folder = Directory.CreateTempSubdirectory().FullName;
        File.Copy(TestData.Path("llama/tokenizer.model"), Path.Combine(folder, "tokenizer.model"));
        File.WriteAllText(Path.Combine(folder, "tokenizer_config.json"), """
            {"eos_token": "<|im_end|>", "add_bos_token": false, "add_eos_token": true,
             "added_tokens_decoder": {"512": {"content": "<|im_end|>", "special": false}, "513": {"content": "<tool>", "special": false}, "2": {"content": "</s>", "special": true}}}
            """);
        var tokenizer = ModelFolder.ReadTokenizer(folder);
        var hello = TokenizerVectors.Of("llama", "Hello");
        Assert.Equal(512, tokenizer.EosToken);
        Assert.Equal([.. hello, 513, 512], tokenizer.EncodeWithSpecial("Hello<tool>"));
        Assert.DoesNotContain(512, tokenizer.Encode("Hello<|im_end|>"));
        Assert.Equal("Hello<tool>", tokenizer.Decode([.. hello, 513, 512]));
        Directory.Delete(folder, recursive: true);
    }

    [Fact]
    public void A_long_text_takes_no_endless_time()
    {
        var text = string.Concat(Enumerable.Repeat("wordthe", 100_000));
        var taken = ThreadTime.Of(() => Assert.Equal(text, Own().Decode(Own().Encode(text))));
        Assert.InRange(taken.TotalSeconds, 0, 20);
    }

    private static string Trained(string file, [CallerFilePath] string here = "") =>
        Path.Combine(Path.GetDirectoryName(here)!, "SentencePiece", file);

    private static SentencePieceText Own() => SentencePieceText.Load(TestData.Path("llama/tokenizer.model"));

    private static SentencePieceText Llama2() => SentencePieceText.Load(TestData.Path("shared/tokenizers/llama2/tokenizer.model"));
}
