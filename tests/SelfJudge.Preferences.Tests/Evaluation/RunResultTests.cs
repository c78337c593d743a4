using System.Text.Json;
using System.Text.Json.Nodes;
using SelfJudge.Preferences.Evaluation;
using SelfJudge.Preferences.Judging;

namespace SelfJudge.Preferences.Tests.Evaluation;

public sealed class RunResultTests
{
    private static readonly RunResult Result = new()
    {
        RunId = "run",
        Name = "mine",
        Seed = 1,
        TotalSeconds = 2,
        Stages = [],
        Triplets = new TripletResult(0, 0, 0, 0, 0),
        Recipe = "name: mine",
        Environment = new EnvironmentResult("cpu", 1, ".NET", "1"),
        EvaluationJudge = new EvaluationJudgeResult("oracle", "the oracle", IsIndependent: true, Judged: 4, 1, 0, 1, 0.25,
            InconsistentPairs.Tie),
    };

    [Fact]
    public void A_name_of_a_kind_is_written_and_read_as_a_word() =>
        Assert.Equal((InconsistentPairs.Tie, "tie"),
            (RunResult.FromJson(Result.ToJson()).EvaluationJudge!.InconsistentPairs,
            (string?)JsonNode.Parse(Result.ToJson())!["evaluation_judge"]!["inconsistent_pairs"]));

    [Theory]
    [InlineData("0")]
    [InlineData("7")]
    [InlineData("\"7\"")]
    [InlineData("\"tie, mean\"")]
    [InlineData("[\"tie\"]")]
    public void A_number_or_a_list_in_its_place_is_refused(string value)
    {
        var json = JsonNode.Parse(Result.ToJson())!;
        json["evaluation_judge"]!["inconsistent_pairs"] = JsonNode.Parse(value);
        Assert.Throws<JsonException>(() => RunResult.FromJson(json.ToJsonString()));
    }

    [Theory]
    [InlineData("name: mine\nname: mine", "recipe:2: the key 'name' stands here a second time")]
    [InlineData("name: mine\nstages: [{name: A, method: sft, steps: 1, policy_examples: 1, learning_rate: 1}]\ndata: {world_pairs: 10}",
        "its recipe names nothing that the policies were compared with")]
    public void A_file_whose_recipe_does_not_go_with_its_policies_is_named(string recipe, string why)
    {
        var path = Path.GetTempFileName();
        try
        {
            File.WriteAllText(path,
                (Result with
                {
                    Recipe = recipe,
                    Policies =
                [new PolicyResult("A", 0.5, new Dictionary<string, double>(), 0.5, [0.5, 0.5], 3, 0, 10)]
                }).ToJson());
            Assert.Equal($"{path}: the result was damaged after it was written ({why}); put it back from a copy, or delete it: 'resume' "
                + $"then measures anew",
                Assert.Throws<InvalidDataException>(() => RunResult.Load(path)).Message);
        }
        finally
        {
            File.Delete(path);
        }
    }
}
