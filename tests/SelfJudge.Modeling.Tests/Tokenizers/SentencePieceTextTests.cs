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
    public void What_was_encoded_decodes_to_itself() => RoundTrips.Hold(Llama2());

    [Fact]
    public void Where_a_folder_holds_both_files_the_model_is_used() =>
        Assert.IsType<SentencePieceText>(ModelFolder.ReadTokenizer(SharedData.Path("tokenizers/llama2")));

    /// <summary>Models trained for this test, and the ids that the reference gives: see <c>SentencePiece/make.py</c>.</summary>
    [Theory]
    [InlineData("both")]
    [InlineData("no-prefix")]
    [InlineData("extra-spaces")]
    [InlineData("neither")]
    [InlineData("suffix")]
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
        Assert.Equal(ids, SentencePieceText.Load(SharedData.Path("stories260k/tokenizer.model")).Encode(text));

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
        Assert.Equal([1, 15043], Llama2().EncodeWithSpecial("Hello"));

    [Fact]
    public void Half_characters_become_the_replacement_character() => Assert.Equal(Llama2().Encode("\ufffdx"), Llama2().Encode("\ud800x"));

    [Fact]
    public void Tokens_added_to_the_vocabulary_are_control_or_text_as_their_flag_says()
    {
        var folder = CopyOfLlama2();
        File.WriteAllText(Path.Combine(folder, "tokenizer_config.json"), """
            {"eos_token": "<|im_end|>", "add_bos_token": false, "add_eos_token": true,
             "added_tokens_decoder": {"32000": {"content": "<|im_end|>", "special": false}, "32001": {"content": "<tool>", "special": false}, "2": {"content": "</s>", "special": true}}}
            """);
        var tokenizer = ModelFolder.ReadTokenizer(folder);
        Assert.Equal(32000, tokenizer.EosToken);
        Assert.Equal([15043, 32001, 32000], tokenizer.EncodeWithSpecial("Hello<tool>"));
        Assert.DoesNotContain(32000, tokenizer.Encode("Hello<|im_end|>"));
        Assert.Equal("Hello<tool>", tokenizer.Decode([15043, 32001, 32000]));
        Directory.Delete(folder, recursive: true);
    }

    [Fact]
    public void A_long_text_takes_no_endless_time()
    {
        var text = string.Concat(Enumerable.Repeat("wordthe", 100_000));
        var watch = System.Diagnostics.Stopwatch.StartNew();
        Assert.Equal(text, Llama2().Decode(Llama2().Encode(text)));
        Assert.InRange(watch.Elapsed.TotalSeconds, 0, 20);
    }

    private static string Trained(string file, [CallerFilePath] string here = "") =>
        Path.Combine(Path.GetDirectoryName(here)!, "SentencePiece", file);

    private static SentencePieceText Llama2() => SentencePieceText.Load(SharedData.Path("tokenizers/llama2/tokenizer.model"));

    private static string CopyOfLlama2()
    {
        var folder = Directory.CreateTempSubdirectory().FullName;
        File.Copy(SharedData.Path("tokenizers/llama2/tokenizer.model"), Path.Combine(folder, "tokenizer.model"));
        return folder;
    }
}
