using System.CommandLine;
using SelfJudge.CommandLine;
using SelfJudge.Preferences.Losses;
using SelfJudge.Preferences.Recipes;
using SelfJudge.Preferences.Sampling;
using SelfJudge.Preferences.Settings;

namespace SelfJudge.Preferences.Tests.CommandLine;

public sealed class OptionsTests
{
    private static readonly Option<double?> Temperature =
        Options.OptionalNumber<double>("--temperature", Options.SettingOf<SamplingOptions>(nameof(SamplingOptions.Temperature)));
    private static readonly Option<int?> TopK =
        Options.OptionalNumber<int>("--top-k", Options.SettingOf<SamplingOptions>(nameof(SamplingOptions.TopK)));
    private static readonly Option<double> Beta =
        Options.Number("--beta", Options.SettingOf<PreferenceLoss>(nameof(PreferenceLoss.Beta)), 0.1);
    private static readonly Option<ulong> Seed = Options.Number("--seed", Options.SettingOf<Recipe>(nameof(Recipe.Seed)), 1UL);
    private static readonly Option<double?> Epochs =
        Options.OptionalNumber<double>("--epochs", new SettingAttribute("Passes.") { MoreThan = 0, AtMost = 10 });
    private static readonly Option<int> Samples =
        Options.Number("--samples", new SettingAttribute("Completions.") { AtLeast = 1, AtMost = 1024 }, 16);
    private static readonly Option<string?> Loss = Options.Choice("--loss", "The loss.", ["sigmoid", "hinge", "ipo"], "sigmoid");
    private static readonly Option<string?> Dtype = Options.Choice("--dtype", "The type.", ["f32", "bf16"], null);
    private static readonly Option<long?> Memory = Options.Size("--memory", "The memory.");

    [Theory]
    [InlineData("0", 0)]
    [InlineData("0.0001", 0.0001)]
    [InlineData("1000", 1000)]
    [InlineData("7e-1", 0.7)]
    public void A_number_within_its_range_is_taken(string text, double expected) =>
        Assert.Equal(expected, Parse("--temperature", text).GetValue(Temperature));

    [Theory]
    [InlineData("--temperature", "1e-39", "a number, 0, or from 0.0001 to 1000")]
    [InlineData("--temperature", "-1", "a number, 0, or from 0.0001 to 1000")]
    [InlineData("--temperature", "1000.5", "a number, 0, or from 0.0001 to 1000")]
    [InlineData("--temperature", "NaN", "a number, 0, or from 0.0001 to 1000")]
    [InlineData("--temperature", "Infinity", "a number, 0, or from 0.0001 to 1000")]
    [InlineData("--temperature", "∞", "a number, 0, or from 0.0001 to 1000")]
    [InlineData("--temperature", "1e999", "a number, 0, or from 0.0001 to 1000")]
    [InlineData("--temperature", "0,7", "a number, 0, or from 0.0001 to 1000")]
    [InlineData("--temperature", "1,000", "a number, 0, or from 0.0001 to 1000")]
    [InlineData("--temperature", "0x1", "a number, 0, or from 0.0001 to 1000")]
    [InlineData("--temperature", "warm", "a number, 0, or from 0.0001 to 1000")]
    [InlineData("--beta", "1e-320", "a number from 0.000001 to 1000")]
    [InlineData("--beta", "0", "a number from 0.000001 to 1000")]
    [InlineData("--epochs", "0", "a number more than 0 and at most 10")]
    [InlineData("--epochs", "10.0001", "a number more than 0 and at most 10")]
    [InlineData("--top-k", "-1", "a whole number, 0 or more")]
    [InlineData("--top-k", "2147483648", "a whole number, 0 or more")]
    [InlineData("--samples", "0", "a whole number from 1 to 1024")]
    [InlineData("--samples", "1025", "a whole number from 1 to 1024")]
    [InlineData("--samples", "0x10", "a whole number from 1 to 1024")]
    [InlineData("--samples", "1e2", "a whole number from 1 to 1024")]
    [InlineData("--samples", "4.0", "a whole number from 1 to 1024")]
    [InlineData("--samples", "1_000", "a whole number from 1 to 1024")]
    [InlineData("--samples", "٤", "a whole number from 1 to 1024")]
    [InlineData("--seed", "-1", "a whole number")]
    [InlineData("--seed", "18446744073709551616", "a whole number")]
    public void What_is_no_number_of_its_range_is_refused_with_the_range(string option, string text, string allowed) =>
        AssertRefused(option, text, $"must be {allowed}");

    [Fact]
    public void An_empty_number_is_shown_as_one() =>
        Assert.Equal("--samples '': must be a whole number from 1 to 1024", Parse("--samples", "").Errors.Single().Message);

    [Fact]
    public void What_is_left_out_has_its_default_or_none()
    {
        var parse = Parse();
        Assert.Empty(parse.Errors);
        Assert.Equal((0.1, 1UL, 16, "sigmoid"),
            (parse.GetValue(Beta), parse.GetValue(Seed), parse.GetValue(Samples), parse.GetValue(Loss)));
        Assert.Equal((null, null, null, null, null),
            (parse.GetValue(Temperature), parse.GetValue(TopK), parse.GetValue(Epochs), parse.GetValue(Dtype), parse.GetValue(Memory)));
    }

    [Fact]
    public void The_largest_seed_is_taken_exactly() =>
        Assert.Equal(18446744073709551615UL, Parse("--seed", "18446744073709551615").GetValue(Seed));

    [Theory]
    [InlineData("--temperature", "Divides the logits; 0 takes the most likely token. A number, 0, or from 0.0001 to 1000.")]
    [InlineData("--top-k", "At most this many most likely tokens; 0 keeps all. A whole number, 0 or more.")]
    [InlineData("--beta", "How strongly the policy is held to the reference. In simpo it is the scale of the reward, in orpo the weight "
        + "of the odds ratio. A number from 0.000001 to 1000.")]
    [InlineData("--epochs", "Passes. A number more than 0 and at most 10.")]
    [InlineData("--loss", "The loss. One of sigmoid, hinge, ipo.")]
    [InlineData("--memory", "The memory. A size such as 80GB, 500MB or 24GiB.")]
    public void The_help_says_what_the_errors_say(string option, string help) =>
        Assert.Equal(help, Command().Options.Single(o => o.Name == option).Description);

    [Theory]
    [InlineData("sigmoid")]
    [InlineData("hinge")]
    [InlineData("ipo")]
    public void A_word_that_is_known_is_taken(string word) => Assert.Equal(word, Parse("--loss", word).GetValue(Loss));

    [Theory]
    [InlineData("--loss", "0", "known are sigmoid, hinge and ipo")]
    [InlineData("--loss", "1", "known are sigmoid, hinge and ipo")]
    [InlineData("--loss", "-1", "known are sigmoid, hinge and ipo")]
    [InlineData("--loss", "sigmoid,ipo", "known are sigmoid, hinge and ipo")]
    [InlineData("--loss", "sigmoid, ipo", "known are sigmoid, hinge and ipo")]
    [InlineData("--loss", "SIGMOID", "known are sigmoid, hinge and ipo")]
    [InlineData("--loss", " ipo", "known are sigmoid, hinge and ipo")]
    [InlineData("--dtype", "float32", "known are f32 and bf16")]
    public void A_number_a_list_or_another_word_is_refused_with_the_words_that_are_known(string option, string word, string known) =>
        AssertRefused(option, word, known);

    [Theory]
    [InlineData("80GB", 80_000_000_000)]
    [InlineData("500mb", 500_000_000)]
    [InlineData("24GiB", 25_769_803_776)]
    [InlineData("1.5KiB", 1536)]
    [InlineData("0.001KB", 1)]
    [InlineData("8388607TiB", 9_223_370_937_343_148_032)]
    public void A_size_is_read_in_decimal_and_binary_units(string text, long bytes) =>
        Assert.Equal(bytes, Parse("--memory", text).GetValue(Memory));

    [Theory]
    [InlineData("80")]
    [InlineData("80B")]
    [InlineData("GB")]
    [InlineData("0GB")]
    [InlineData("0.0001KB")]
    [InlineData("-1GB")]
    [InlineData("1e3GB")]
    [InlineData("0x10GB")]
    [InlineData("NaNGB")]
    [InlineData("8 GB ")]
    [InlineData("8388608TiB")]
    [InlineData("79228162514264337593543950336GB")]
    public void What_is_no_size_is_refused(string text) => AssertRefused("--memory", text, "write a size such as 80GB or 24GiB");

    [Fact]
    public void A_text_is_neither_empty_nor_does_it_hold_NUL_but_a_free_text_may_be_empty()
    {
        var (path, paths, response, inner) = (new Option<string?>("--path"), new Option<string[]>("--paths"), new FreeText("--response"),
            new Argument<string>("name"));
        var root = new RootCommand { new Command("do", "") { path, paths, response, inner } };
        Options.RefuseEmptyTexts(root);
        Assert.Equal(["--path '': must not be empty"], root.Parse(["do", "x", "--path", ""]).Errors.Select(e => e.Message));
        Assert.Equal(["--paths '': must not be empty"],
            root.Parse(["do", "x", "--paths", "a", "--paths", ""]).Errors.Select(e => e.Message));
        Assert.Equal(["name '': must not be empty"], root.Parse(["do", ""]).Errors.Select(e => e.Message));
        Assert.Equal(["--path a\0b: must not hold the character NUL"],
            root.Parse(["do", "x", "--path", "a\0b"]).Errors.Select(e => e.Message));
        Assert.Equal("", root.Parse(["do", "x", "--response", ""]).GetValue(response));
    }

    private static void AssertRefused(string option, string text, string problem) =>
        Assert.Equal($"{option} {text}: {problem}", Parse(option, text).Errors.Single().Message);

    private static ParseResult Parse(params string[] arguments) => Command().Parse(arguments);

    private static RootCommand Command() => [Temperature, TopK, Beta, Seed, Epochs, Samples, Loss, Dtype, Memory];
}
