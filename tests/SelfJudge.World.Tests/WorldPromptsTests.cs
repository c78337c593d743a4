
namespace SelfJudge.World.Tests;

public sealed class WorldPromptsTests
{
    private static readonly WorldPrompts Prompts = WorldPrompts.Instance;

    [Fact]
    public void Training_validation_and_test_prompts_do_not_overlap()
    {
        var train = Prompts.TrainByFamily.SelectMany(f => f).Select(p => p.Text).ToHashSet();
        var validation = Prompts.Validation.Select(p => p.Text).ToHashSet();
        var test = Prompts.Test.Select(p => p.Text).ToHashSet();
        Assert.Empty(train.Intersect(test));
        Assert.Empty(train.Intersect(validation));
        Assert.Empty(validation.Intersect(test));
        Assert.Equal(WorldPrompts.Enumerate().Count(), train.Count + validation.Count + test.Count);
    }

    [Fact]
    public void At_least_600_prompts_are_held_out_for_the_test() => Assert.True(Prompts.Test.Count >= 600);

    [Fact]
    public void Every_prompt_has_a_text_of_its_own() =>
        Assert.Equal(WorldPrompts.Enumerate().Count(), WorldPrompts.Enumerate().Select(p => p.Text).Distinct().Count());

    [Fact]
    public void Every_family_is_tested() =>
        Assert.Equal(Enum.GetValues<PromptFamily>(), Prompts.Test.Select(p => p.Family).Distinct().Order());

    [Fact]
    public void Training_pairs_are_over_training_prompts_only()
    {
        var train = Prompts.TrainByFamily.SelectMany(f => f).ToHashSet();
        Assert.All(WorldData.TrainingPairs(500, 3), p => Assert.Contains(p.Prompt, train));
    }

    [Fact]
    public void The_chosen_answer_has_the_higher_gold_score() =>
        Assert.All(WorldData.TrainingPairs(500, 3), p =>
        {
            Assert.True(p.ChosenScore.Mean > p.RejectedScore.Mean);
            Assert.Equal(GoldOracle.Score(p.Prompt, p.Chosen), p.ChosenScore);
        });

    [Fact]
    public void Pairs_repeat_by_seed()
    {
        Assert.Equal(WorldData.TrainingPairs(50, 3).Select(p => p.Chosen), WorldData.TrainingPairs(50, 3).Select(p => p.Chosen));
        Assert.NotEqual(WorldData.TrainingPairs(50, 3).Select(p => p.Chosen), WorldData.TrainingPairs(50, 4).Select(p => p.Chosen));
    }

    [Fact]
    public void The_vocabulary_holds_every_word_of_prompts_answers_and_rationales()
    {
        var words = Vocabulary.Words.ToHashSet();
        Assert.Equal(words.Count, Vocabulary.Words.Count);
        foreach (var pair in WorldData.TrainingPairs(3000, 5))
            foreach (var word in $"{pair.Prompt.Text} {pair.Chosen} {pair.Rejected} {WorldData.Grades(pair.ChosenScore)}".Split(' '))
                Assert.Contains(word, words);
    }

    [Fact]
    public void An_answer_of_given_style_can_be_written_around_a_right_or_a_wrong_core()
    {
        var prompt = WorldPrompts.Enumerate().First(p => p.Text == "what colour is the cat ?");
        var differ = 0;
        for (ulong seed = 0; seed < 40; seed++)
        {
            string right = Behaviour.Answer(prompt, 1, seed, isRight: true), wrong = Behaviour.Answer(prompt, 1, seed, isRight: false);
            Assert.Equal(right.Split(' ').Length, wrong.Split(' ').Length);
            Assert.True(GoldOracle.Score(prompt, right).Mean > GoldOracle.Score(prompt, wrong).Mean);
            differ += right.Split(' ').Zip(wrong.Split(' ')).Count(w => w.First != w.Second) == 1 ? 1 : 0;
        }
        Assert.True(differ > 30, $"only {differ} of 40 twins differ in one word");
    }
}
