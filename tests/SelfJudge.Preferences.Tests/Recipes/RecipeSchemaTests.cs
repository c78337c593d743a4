using System.Text.Json;
using System.Text.Json.Nodes;
using Json.Schema;
using SelfJudge.Preferences.Recipes;
using YamlDotNet.Serialization;

namespace SelfJudge.Preferences.Tests.Recipes;

public sealed class RecipeSchemaTests
{
    private static readonly JsonSchema Schema = JsonSchema.FromText(RecipeSchema.Render());

    private static readonly string[] Shipped =
        [.. Directory.GetFiles(Path.Combine(AppContext.BaseDirectory, "recipes"), "*.yaml", SearchOption.AllDirectories)];

    [Fact]
    public void Every_recipe_that_comes_with_the_project_is_valid_also_as_a_run_writes_it()
    {
        Assert.True(Shipped.Length > 20);
        Assert.All(Shipped, path => AssertValid(File.ReadAllText(path)));
        Assert.All(Shipped, path => AssertValid(RecipeFile.Render(RecipeFile.Load(path))));
    }

    [Theory]
    [InlineData("method: rm", true)]
    [InlineData("method: rm, adapter: {targets: all-linear}", true)]
    [InlineData("method: rm, adapter: ", true)]
    [InlineData("method: rm, loss: ", true)]
    [InlineData("method: dpo, loss: {kind: hinge}", true)]
    [InlineData("method: rm, loss: {kind: hinge}", false)]
    [InlineData("method: dpo, loss: {kind: 7}", false)]
    [InlineData("method: dpo, loss: {beta: 0}", false)]
    [InlineData("method: dpo, ppo: {mini_batch: 1}", false)]
    [InlineData("method: ppo, reward: m/n, ppo: {mini_batch: 0}", false)]
    [InlineData("method: ppo, reward: m/n, ppo: {mini_batch: 1}", true)]
    [InlineData("method: dpo, samples: 2", false)]
    [InlineData("method: raft, reward: m/n, loss_weights: {judge_token: 1}", false)]
    [InlineData("method: raft, reward: m/n, loss_weights: {response: 1}", true)]
    [InlineData("method: 'dpo, sft'", false)]
    [InlineData("method: ", false)]
    [InlineData("method: rm, epochs: -1", false)]
    [InlineData("method: rm, warmup: 1", true)]
    [InlineData("method: rm, warmup: 1.5", false)]
    [InlineData("method: rm, optimizer: {beta1: 1}", false)]
    [InlineData("method: rm, optimizer: {beta1: 0.5}", true)]
    [InlineData("method: rm, adapter: {alpha: 0}", false)]
    [InlineData("method: rm, schedule: cosine", true)]
    [InlineData("method: rm, schedule: ", true)]
    [InlineData("method: rm, schedule: sine", false)]
    [InlineData("method: rm, sttep: 1", false)]
    [InlineData("method: rm, checkpoint_every: 1.5", false)]
    public void It_allows_a_stage_where_reading_does(string stage, bool isValid)
    {
        var yaml = $"{{data: {{world_pairs: 1}}, sampling: {{temperature: 0}}, stages: [{{name: S, steps: 1, learning_rate: 1, prompts: "
            + $"1, {stage}}}]}}";
        Assert.Equal(isValid, Schema.Evaluate(ToJson(yaml)).IsValid);
        Assert.Equal(isValid, Record.Exception(() => RecipeFile.Parse(yaml, "r.yaml")) is null);
    }

    [Fact]
    public void It_tells_an_editor_what_a_key_means_and_defaults_to()
    {
        var schema = JsonNode.Parse(RecipeSchema.Render())!;
        var temperature = schema["properties"]!["sampling"]!["properties"]!["temperature"]!;
        Assert.Equal("Divides the logits; 0 takes the most likely token.", temperature["description"]!.GetValue<string>());
        Assert.Equal(1, temperature["default"]!.GetValue<double>());
        Assert.Equal(["name", "method", "learning_rate"],
            schema["properties"]!["stages"]!["items"]!["required"]!.AsArray().Select(n => n!.GetValue<string>()));
        Assert.Equal(["dpo", "off-policy", "self-judge", "rso"], RecipeHelp.All.Single(h => h.Key == "stages[].loss.beta").Methods);
        Assert.All(RecipeHelp.All, help => Assert.EndsWith(".", help.Meaning));
    }

    [Theory]
    [InlineData("stages[].loss.beta")]
    [InlineData("stages[0].loss.beta")]
    [InlineData("stages.loss.beta")]
    [InlineData("loss.beta")]
    public void A_key_is_explained_however_it_is_written(string written) =>
        Assert.Equal("stages[].loss.beta", Assert.Single(RecipeHelp.Find(written)).Key);

    private static void AssertValid(string yaml)
    {
        var result = Schema.Evaluate(ToJson(yaml), new EvaluationOptions { OutputFormat = OutputFormat.List });
        var errors = (result.Details ?? []).Where(d => d.Errors is not null)
            .Select(d => $"{d.InstanceLocation}: {string.Join(", ", d.Errors!.Values)}");
        Assert.True(result.IsValid, $"{string.Join('\n', errors)}\n{yaml}");
    }

    private static JsonElement ToJson(string yaml)
    {
        var value = new DeserializerBuilder().WithAttemptingUnquotedStringTypeDeserialization().Build().Deserialize(yaml);
        return JsonDocument.Parse(new SerializerBuilder().JsonCompatible().Build().Serialize(value)).RootElement;
    }
}
