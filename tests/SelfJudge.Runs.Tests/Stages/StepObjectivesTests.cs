using SelfJudge.Modeling.Learning;
using SelfJudge.Modeling.Learning.Objectives;
using SelfJudge.Preferences.Learning;
using SelfJudge.Preferences.Losses;
using SelfJudge.Preferences.Methods;
using SelfJudge.Preferences.Recipes;
using SelfJudge.Runs.Stages;

namespace SelfJudge.Runs.Tests.Stages;

public sealed class StepObjectivesTests
{
    private static readonly StageRecipe Stage = new()
    {
        Name = "S",
        Steps = 5,
        GrowSteps = 2,
        Prompts = 2,
        Samples = 4,
        PolicyExamples = 3,
        Loss = new PreferenceLoss { Beta = 0.3 },
        Ppo = new PpoOptions { InitialKl = 0.7 }
    };

    // Two prompts, of one and two tokens; answers of one to four.
    private static readonly (int[] Prompt, IReadOnlyList<int[]> Answers)[] Sampled =
        [.. Enumerable.Range(1, 2).Select(p => (new int[p], (IReadOnlyList<int[]>)[.. Enumerable.Range(1, 4).Select(n => new int[n])]))];

    public static TheoryData<StageMethod> Methods => [.. Enum.GetValues<StageMethod>()];

    [Theory]
    [MemberData(nameof(Methods))]
    public void What_an_objective_needs_is_what_its_method_opens_a_training_with(StageMethod method)
    {
        var stage = Stage with { Method = method };
        StepMaterial material = new()
        {
            Examples = [new SupervisedExample([1, 2], [TokenPart.Context, TokenPart.Response])],
            Pairs = [new PreferencePair([1], [2], [3])],
            Rewarded = [[new RewardedResponse([1], [2], 0.5)]],
        };
        var objective = StepObjectives.Of(stage, material)!;
        Assert.Equal(stage.HasReference, objective.NeedsReference);
        Assert.Equal(stage.Spec.Head == MethodHead.None, objective.Head == ScalarHead.None);
        Assert.Null(StepObjectives.Of(stage, new StepMaterial()));
    }

    [Theory]
    [InlineData(StageMethod.SelfJudge, new[] { 5, 7 }, new[] { 2, 3, 3, 4 })] // the final of either prompt
    [InlineData(StageMethod.Rso, new[] { 5, 7 }, new[] { 2, 3, 3, 4 })]
    [InlineData(StageMethod.Raft, new[] { 2, 3 }, new[] { 2, 3 })]
    [InlineData(StageMethod.Rest, new[] { 6, 6, 6 }, new[] { 6, 6, 6 })] // the longest, again and again
    [InlineData(StageMethod.Ppo, new[] { 2, 3, 4, 5, 3, 4, 5, 6 }, new[] { 2, 3, 4, 5, 3, 4, 5, 6 })]
    public void Samples_are_learned_as_the_method_has_it(StageMethod method, int[] lengths, int[] sequences)
    {
        var stage = Stage with { Method = method };
        var objective = StepObjectives.Of(stage,
            StepMaterial.AsIfJudged(new Recipe { Stages = [stage] }, stage, Sampled, onlyLongest: true))!;
        Assert.Equal(lengths, objective.Lengths);
        Assert.Equal(sequences, objective.Sequences);
    }

    [Fact]
    public void The_settings_of_the_stage_are_those_of_its_objective()
    {
        var ppo = Stage with { Method = StageMethod.Ppo };
        StepMaterial material = new()
        {
            Pairs = [new PreferencePair([1], [2], [3])],
            Rewarded = [[new RewardedResponse([1], [2], 0.1), new RewardedResponse([1], [3], 0.9)], []]
        };
        Assert.Equal(0.3, Assert.IsType<PreferenceObjective>(
            StepObjectives.Of(Stage with { Method = StageMethod.SelfJudge }, material)).Loss.Beta);
        Assert.Equal(0.7, Assert.IsType<PpoObjective>(StepObjectives.Of(ppo, material)).KlCoefficient);
        Assert.Equal(0.2, Assert.IsType<PpoObjective>(StepObjectives.Of(ppo, material, klCoefficient: 0.2)).KlCoefficient);
        Assert.Equal([1, 3], Assert.IsType<SupervisedObjective>(
            StepObjectives.Of(Stage with { Method = StageMethod.Raft }, material)).Examples.Single().Tokens);
    }
}
