using SelfJudge.Preferences.Data;
using SelfJudge.Preferences.Recipes;
using SelfJudge.Preferences.World;

namespace SelfJudge.Preferences.Tests.Data;

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
        Assert.Equal(test.HeldOutPairs.Select(p => (p.Chosen, p.Rejected)), new WorldTrainingData(10, 2).HeldOutPairs.Select(p => (p.Chosen, p.Rejected)));
    }

    [Fact]
    public void Answers_without_a_judgment_are_a_better_writers()
    {
        var data = new WorldTrainingData(1000, 1, extraAnswers: 1000);
        double Gold(IEnumerable<PreferenceExample> answers) => answers.Average(a => GoldOracle.Score(WorldPrompts.Find(a.Prompt[0].Content)!, a.Chosen).Mean);
        Assert.Equal((1000, 2000), (data.Pairs.Count, data.Answers.Count));
        Assert.Equal(new WorldTrainingData(1000, 1).Pairs.Select(p => p.Chosen), data.Answers.Take(1000).Select(p => p.Chosen));
        Assert.True(Gold(data.Answers.Skip(1000)) > Gold(data.Pairs) + 0.02, $"{Gold(data.Pairs)} and {Gold(data.Answers.Skip(1000))}");
    }
}
