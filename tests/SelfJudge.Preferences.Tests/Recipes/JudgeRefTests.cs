using SelfJudge.Preferences.Recipes;

namespace SelfJudge.Preferences.Tests.Recipes;

public sealed class JudgeRefTests
{
    private const string Yaml = """
        data: {pairs: /p.jsonl}
        model: {path: /m}
        judge: {endpoints: [{name: chat, address: "https://example.com/v1", model: big}]}
        stages:
          - {name: SFT, method: sft, steps: 1, policy_examples: 1, learning_rate: 1}
          - {name: S, method: self-judge, steps: 1, prompts: 1, learning_rate: 1}
        """;

    private static Recipe Parse(params string[] settings) => RecipeFile.Parse(Yaml, "r.yaml", settings);

    [Theory]
    [InlineData("oracle", typeof(JudgeRef.Oracle))]
    [InlineData("policy", typeof(JudgeRef.Policy))]
    [InlineData("start", typeof(JudgeRef.Start))]
    [InlineData("SFT", typeof(JudgeRef.Stage))]
    [InlineData("chat", typeof(JudgeRef.Endpoint))]
    [InlineData("/models/judge", typeof(JudgeRef.Folder))]
    [InlineData("./judge", typeof(JudgeRef.Folder))]
    [InlineData("..\\judge", typeof(JudgeRef.Folder))]
    [InlineData("judge", null)]
    [InlineData("https://example.com/v1", null)]
    public void A_name_means_the_same_wherever_it_stands(string named, Type? kind)
    {
        var judge = JudgeRef.Parse(named, Parse());
        Assert.Equal((kind, kind is null ? null : named), (judge?.GetType(), judge?.Name));
    }

    [Theory]
    [InlineData("evaluation.judge")]
    [InlineData("stages.S.judge")]
    public void What_a_judge_key_means_does_not_depend_on_the_current_directory(string key)
    {
        var there = Directory.CreateDirectory($"judge-{Guid.NewGuid():N}").Name;
        try
        {
            Assert.Contains($"'{there}' is neither 'oracle' nor", Assert.Throws<RecipeException>(() => Parse($"{key}={there}")).Message);
            Assert.Equal(2, Parse($"{key}=./{there}").Stages.Count);
            Assert.Equal(2, Parse($"{key}=./nowhere-{there}").Stages.Count);
        }
        finally
        {
            Directory.Delete(there);
        }
    }

    [Theory]
    [InlineData("stages.S.judge=S", "stages[1].judge: 'S' is no earlier stage; those are SFT")]
    [InlineData("stages.S.judge=JFST",
        "stages[1].judge: 'JFST' is neither 'oracle' nor 'policy' nor 'start' nor one of judge.endpoints nor an earlier stage; those are "
        + "SFT. A model folder is written as a path, such as ./JFST")]
    [InlineData("stages.S.judge=oracle", "stages[1].judge: only the built-in world has an oracle")]
    [InlineData("stages.S={name: P}", "is a whole element")]
    public void What_cannot_judge_a_stages_samples_is_refused(string setting, string problem) =>
        Assert.Contains(problem, Assert.Throws<RecipeException>(() => Parse(setting)).Message);

    [Theory]
    [InlineData("chat", "an endpoint compares, and gives no rewards")]
    [InlineData("oracle", "the oracle compares, and gives no rewards")]
    [InlineData("policy", "the policy does not reward itself")]
    [InlineData("nobody", "'nobody' is neither 'start' nor an earlier stage; those are SFT")]
    public void What_gives_no_rewards_is_refused(string named, string problem) =>
        Assert.Contains($"stages[1].reward: {problem}",
            Assert.Throws<RecipeException>(() => Parse("stages.S.method=raft", $"stages.S.reward={named}")).Message);
}
