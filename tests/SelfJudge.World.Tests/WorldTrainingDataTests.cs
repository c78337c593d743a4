using SelfJudge.Preferences.Data;
using SelfJudge.Preferences.Methods;
using SelfJudge.Preferences.Recipes;
using SelfJudge.Preferences.Templates;

namespace SelfJudge.World.Tests;

public sealed class WorldTrainingDataTests
{
    [Fact]
    public void Judges_are_measured_on_the_split_that_is_asked_for_by_the_same_pairs_for_every_seed()
    {
        string[] PromptsOf(TrainingData data) => [.. data.HeldOutPairs.Select(p => p.Prompt[0].Content)];
        var test = new WorldTrainingData(10, 1);
        var validation = new WorldTrainingData(10, 1, split: HeldOutSplit.Validation);
        Assert.Equal(WorldPrompts.Instance.Test.Select(p => p.Text), PromptsOf(test));
        Assert.Equal(WorldPrompts.Instance.Validation.Select(p => p.Text), PromptsOf(validation));
        Assert.Equal(PromptsOf(validation), validation.HeldOutPrompts.Select(p => p[0].Content));
        Assert.Equal(test.HeldOutPairs.Select(p => (p.Chosen, p.Rejected)),
            new WorldTrainingData(10, 2).HeldOutPairs.Select(p => (p.Chosen, p.Rejected)));
    }

    [Fact]
    public void Answers_without_a_judgment_are_a_better_writers()
    {
        var data = new WorldTrainingData(1000, 1, extraAnswers: 1000);
        double Gold(IEnumerable<PreferenceExample> answers) =>
            answers.Average(a => GoldOracle.Score(WorldPrompts.Find(a.Prompt[0].Content)!, a.Chosen).Mean);
        Assert.Equal((1000, 2000), (data.Pairs.Count, data.Answers.Count));
        Assert.Equal(new WorldTrainingData(1000, 1).Pairs.Select(p => p.Chosen), data.Answers.Take(1000).Select(p => p.Chosen));
        Assert.True(Gold(data.Answers.Skip(1000)) > Gold(data.Pairs) + 0.02, $"{Gold(data.Pairs)} and {Gold(data.Answers.Skip(1000))}");
    }

    [Fact]
    public void A_principle_of_the_world_has_pairs_labelled_by_it()
    {
        var data = new WorldTrainingData(200, 1);
        foreach (var name in new[] { "world-helpful", "world-honest", "world-follows", "world-truthful" })
        {
            var pairs = data.PairsFor(JudgeTemplate.ByName(name).Principle);
            Assert.InRange(pairs.Count, 20, 200);
            Assert.All(pairs, p => Assert.Equal(JudgeTemplate.ByName(name).Principle, p.Principle));
            // Held out, too, and over prompts that training never sees.
            var heldOut = data.HeldOutPairsFor(JudgeTemplate.ByName(name).Principle!);
            Assert.InRange(heldOut.Count, 100, data.HeldOutPairs.Count);
            Assert.All(heldOut, p => Assert.Equal(JudgeTemplate.ByName(name).Principle, p.Principle));
            Assert.Empty(heldOut.Select(p => p.Prompt[0].Content).Except(data.HeldOutPrompts.Select(p => p[0].Content)));
        }
    }

    [Fact]
    public void A_stage_may_learn_by_a_principle_since_the_world_has_labels_of_all()
    {
        var jsft = new StageRecipe { Name = "JM-P", Method = StageMethod.Jsft, Steps = 1, JudgePairs = 1 };
        new WorldTrainingData(20, 1)
            .Check(new Recipe
            {
                Data = new DataRecipe { WorldPairs = 20 },
                Judge = new JudgeRecipe { Templates = ["ultrafeedback-honesty", "world-follows"] },
                Stages = [jsft]
            });
    }

    [Fact]
    public void Prompts_without_end_have_no_epochs()
    {
        var stage = new StageRecipe { Name = "S", Method = StageMethod.SelfJudge, Prompts = 4, Epochs = 3 };
        Assert.Contains("the prompts have no end",
            Assert.Throws<RecipeException>(() =>
            EpochSteps.Resolve(new Recipe { Stages = [stage] }, new WorldTrainingData(10, 1))).Message);
    }
}
