using SelfJudge.Modeling.Tokenizers;
using SelfJudge.Preferences.Data;
using SelfJudge.Preferences.Methods;
using SelfJudge.Preferences.Recipes;
using SelfJudge.Preferences.Templates;
using SelfJudge.Runs.Planning;
using SelfJudge.Tests.Shared;
using SelfJudge.World;

namespace SelfJudge.Runs.Tests.Planning;

public sealed class DataFitTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_step_that_takes_more_than_the_data_has_is_told_with_both_numbers()
    {
        var recipe = new Recipe
        {
            Judge = new JudgeRecipe { Templates = ["hh-helpful", "hh-helpful"] },
            Stages =
            [
                new StageRecipe { Name = "JSFT", Method = StageMethod.Jsft, PolicyExamples = 28, JudgePairs = 27 },
                new StageRecipe { Name = "Judge", Method = StageMethod.Jsft, PolicyExamples = 0, JudgePairs = 50 },
                new StageRecipe { Name = "DPO", Method = StageMethod.Dpo, Prompts = 100_000 },
                new StageRecipe { Name = "Self-Judge", Method = StageMethod.SelfJudge, Prompts = 32 },
            ],
        };
        var data = Pairs("yes", 30);
        Assert.Equal(
            [
                "JSFT: a step takes 28 answers (policy_examples), and the data has 27: the same come again within a step",
                "Judge: a step takes 50 judge pairs (judge_pairs), and the data has 27: the same come again within a step",
                "DPO: a step takes 100,000 pairs (prompts), and the data has 27: the same come again within a step",
                "Self-Judge: a step takes 32 prompts (prompts), and the data has 27: the same come again within a step",
            ], DataFit.Steps(recipe, data).Select(n => n.Text));
        Assert.All(DataFit.Steps(recipe, data), n => Assert.True(n.IsWarning));
        // The built-in world's prompts have no end.
        Assert.Equal("DPO: a step takes 100,000 pairs (prompts), and the data has 60: the same come again within a step",
            Assert.Single(DataFit.Steps(recipe, new WorldTrainingData(60, 1))).Text);
    }

    [Fact]
    public void Cut_examples_and_judge_prompts_are_counted_by_where_they_are_cut()
    {
        var recipe = new Recipe
        {
            Judge = new JudgeRecipe { Templates = ["world"] },
            Stages = [new StageRecipe { Name = "JSFT", Method = StageMethod.Jsft, PolicyExamples = 1, JudgePairs = 1 }]
        };
        var encoder = new PromptEncoder(WorldTokenizer.Create(), DialogueTemplate.World, 60);
        Assert.Equal(
            [
                new FitNote("27 of 27 (100 %) of the examples have more than 60 tokens and lose their beginning", true),
                new FitNote("54 of 54 (100 %) of the judge prompts of world do not fit into 60 tokens and lose text: of the context 0, of "
                    + "response A 27, of response B 27", true),
            ], DataFit.Lengths(recipe, Pairs(Words(80), 30), encoder));
        Assert.Empty(DataFit.Lengths(recipe, Pairs("yes", 30), encoder));
        Assert.Empty(DataFit.Lengths(recipe with { Stages = [new StageRecipe { Name = "S", Method = StageMethod.SelfJudge }] },
            Pairs(Words(80), 30), encoder));
    }

    [Fact]
    public void Of_large_data_a_sample_is_looked_at_and_a_small_share_is_no_warning()
    {
        var recipe = new Recipe
        {
            Judge = new JudgeRecipe { Templates = ["world"] },
            Stages = [new StageRecipe { Name = "SFT", Method = StageMethod.Sft, PolicyExamples = 1 }]
        };
        var encoder = new PromptEncoder(WorldTokenizer.Create(), DialogueTemplate.World, 60);
        var note = Assert.Single(DataFit.Lengths(recipe, Pairs(Words(80), 1200, every: 10), encoder));
        Assert.Matches(@"^\d+ of 500 \(\d+ %\) of the examples \(500 of 1,080 pairs were looked at\) have more than 60 tokens", note.Text);
        Assert.False(note.IsWarning);
    }

    // One prompt in ten is held out. Every so many chosen answers are the given one, others are short.
    private FileTrainingData Pairs(string chosen, int rows, int every = 1)
    {
        var file = _folder.In($"{Guid.NewGuid():N}.jsonl");
        File.WriteAllLines(file, Enumerable.Range(0, rows)
            .Select(i => $$"""{"prompt": "question {{i}}", "chosen": "{{(i % every == 0 ? chosen : "yes")}}", "rejected": "no"}"""));
        return new FileTrainingData(new DataRecipe { Pairs = file }, 1);
    }

    private static string Words(int count) => string.Join(' ', Enumerable.Repeat("dog", count));
}
