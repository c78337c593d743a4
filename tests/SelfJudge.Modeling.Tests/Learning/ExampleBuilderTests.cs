using SelfJudge.Modeling.Learning;
using SelfJudge.Modeling.Tokenizers;
using SelfJudge.Preferences.Data;
using SelfJudge.Preferences.Learning;
using SelfJudge.Preferences.Templates;
using SelfJudge.Tests.Shared;
using SelfJudge.World;

namespace SelfJudge.Modeling.Tests.Learning;

/// <summary>Which token is learned as what, token by token.</summary>
public sealed class ExampleBuilderTests
{
    private static readonly TextTokenizer World = WorldTokenizer.Create();
    private static readonly PromptEncoder Encoder = new(World, DialogueTemplate.World, 256);

    [Fact]
    public void Only_the_assistants_answer_and_its_end_are_learned()
    {
        var example = ExampleBuilder.Policy(Encoder,
            new PreferenceExample([new Turn(Role.User, "name two tools .")], "hammer , saw .", "saw ."));
        Assert.Equal("<user> name two tools . <assistant> hammer , saw . </s>", Spell(example.Tokens));
        Assert.Equal("CCCCCCRRRRR", Letters(example.Parts));
    }

    [Fact]
    public void Every_answer_of_a_dialogue_is_learned()
    {
        var example = ExampleBuilder.Policy(Encoder,
            new PreferenceExample([new Turn(Role.User, "cat"), new Turn(Role.Assistant, "dog"), new Turn(Role.User, "cow")], "bee", "ant"));
        Assert.Equal("<user> cat <assistant> dog </s> <user> cow <assistant> bee </s>", Spell(example.Tokens));
        Assert.Equal("CCCRRCCCRR", Letters(example.Parts));
    }

    [Theory]
    [InlineData(false, "<judge> cat A dog B cow better overall A </s>")]
    [InlineData(true, "<judge> cat A cow B dog better overall B </s>")]
    public void In_either_order_the_judge_token_names_the_chosen_response(bool swapped, string text)
    {
        var example = ExampleBuilder.Judge(Encoder, JudgeTemplate.World, new PreferenceExample([new Turn(Role.User, "cat")], "dog", "cow"),
            swapped, rationale: true);
        Assert.Equal(text, Spell(example.Tokens));
        Assert.Equal("PPPPPPPPJN", Letters(example.Parts)); // without rationales in the data only the end token follows
    }

    [Fact]
    public void A_rationale_follows_the_judge_token_about_each_response_in_its_place()
    {
        var pair = new PreferenceExample([new Turn(Role.User, "cat")], "dog", "cow", "good good", "poor fair");
        Assert.Equal("<judge> cat A cow B dog better overall B A poor fair B good good </s>",
            Spell(ExampleBuilder.Judge(Encoder, JudgeTemplate.World, pair, swapped: true, rationale: true).Tokens));
        Assert.Equal("<judge> cat A dog B cow better overall A </s>",
            Spell(ExampleBuilder.Judge(Encoder, JudgeTemplate.World, pair, swapped: false, rationale: false).Tokens));
    }

    [Fact]
    public void An_example_longer_than_the_model_keeps_its_end()
    {
        var encoder = new PromptEncoder(World, DialogueTemplate.World, 6);
        Assert.Equal("<assistant> hammer , saw . </s>",
            Spell(ExampleBuilder.Policy(encoder, new PreferenceExample([new Turn(Role.User, "name two tools .")], "hammer , saw .",
            "x")).Tokens));
    }

    [Theory]
    [InlineData(16, "<judge> cat A dog dog dog dog B cow better overall A A good good B")]
    [InlineData(12, "<judge> cat A dog B cow better overall A A good good")]
    public void A_judgment_longer_than_the_model_loses_text_and_the_end_of_its_rationale(int length, string text)
    {
        var pair = new PreferenceExample([new Turn(Role.User, "cat")], "dog dog dog dog dog dog", "cow", "good good", "poor fair");
        var example = ExampleBuilder.Judge(new PromptEncoder(World, DialogueTemplate.World, length), JudgeTemplate.World, pair,
            swapped: false, rationale: true);
        Assert.Equal(text, Spell(example.Tokens));
        Assert.Equal(length, example.Parts.Length);
    }

    [Theory]
    [InlineData(16, "<user> name two tools . <assistant>", "hammer , saw . </s>", "saw . </s>")]
    [InlineData(10, "name two tools . <assistant>", "hammer , saw . </s>", "saw . </s>")]   // the prompt makes room for the longer response
    [InlineData(6, "tools . <assistant>", "hammer , saw", "saw . </s>")]              // but keeps half
    public void A_pair_longer_than_the_model_is_cut(int length, string prompt, string chosen, string rejected)
    {
        var pair = ExampleBuilder.Pair(new PromptEncoder(World, DialogueTemplate.World, length),
            new PreferenceExample([new Turn(Role.User, "name two tools .")], "hammer , saw .", "saw ."));
        Assert.Equal((prompt, chosen, rejected), (Spell(pair.Prompt), Spell(pair.Chosen), Spell(pair.Rejected)));
    }

    [Fact]
    public void With_the_papers_template_the_loss_falls_on_the_answer_alone()
    {
        var tokenizer = SentencePieceText.Load(TestData.Path("llama/tokenizer.model"));
        var encoder = new PromptEncoder(tokenizer, DialogueTemplate.Paper, 1024);
        var example = ExampleBuilder.Policy(encoder, new PreferenceExample([new Turn(Role.User, "Who is Tom?")], "Tom is a cat.", "No."));
        int[] learned = [.. example.Tokens.Where((_, i) => example.Parts[i] == TokenPart.Response)];
        Assert.Equal([.. tokenizer.Encode("Tom is a cat."), tokenizer.EosToken], learned);
        Assert.Equal(tokenizer.BosToken, example.Tokens[0]);
        Assert.All(example.Parts, p => Assert.True(p is TokenPart.Context or TokenPart.Response));
    }

    private static string Spell(int[] ids) => string.Join(' ', ids.Select(id => Vocabulary.Words[id]));

    private static string Letters(TokenPart[] parts) =>
        string.Concat(
            parts.Select(p => p switch
            {
                TokenPart.Context => 'C',
                TokenPart.Response => 'R',
                TokenPart.JudgeToken =>
            'J',
                TokenPart.Rationale => 'N',
                _ => 'P'
            }));
}
