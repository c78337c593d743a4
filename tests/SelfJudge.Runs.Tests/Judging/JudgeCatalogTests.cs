using SelfJudge.Modeling.Checkpoints;
using SelfJudge.Preferences.Methods;
using SelfJudge.Preferences.Recipes;
using SelfJudge.Runs.Folders;
using SelfJudge.Runs.Judging;
using SelfJudge.Tests.Shared;
using SelfJudge.World;

namespace SelfJudge.Runs.Tests.Judging;

public sealed class JudgeCatalogTests : IDisposable
{
    private static readonly Recipe Recipe = new()
    {
        Judge = new JudgeRecipe { Endpoints = [new JudgeEndpoint { Name = "chat", Address = "http://127.0.0.1:9/v1", Model = "big" }] },
        Model = new ModelRecipe { Path = "/models/start" },
        Stages = [new StageRecipe { Name = "JSFT", Method = StageMethod.Jsft }],
    };

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private JudgeSource Of(string judge) =>
        JudgeCatalog.Of(JudgeRef.Parse(judge, Recipe)!, "run", Recipe, new RunFolder(_folder.Path), "run/S");

    [Theory]
    [InlineData("oracle", "oracle", false, new string[0])]
    [InlineData("chat", "run/endpoints/chat", false, new string[0])]
    [InlineData("policy", "run/S", true, new string[0])] // in training, and so loaded
    [InlineData("start", "run//start", true, new[] { "run//start" })]
    [InlineData("JSFT", "run/JSFT", true, new[] { "run/JSFT" })]
    [InlineData("/models/other", "run/named//models/other", true, new[] { "run/named//models/other" })]
    public void Every_judge_is_opened_by_what_it_stands_for(string judge, string id, bool isModel, string[] models)
    {
        var source = Of(judge);
        Assert.Equal((id, isModel), (source.Id, source.IsModel));
        Assert.Equal(models, source.Models.Select(m => m.Id));
        var external = JudgeCatalog.OpenExternal(source);
        Assert.Equal(isModel, external is null);
        (external as IDisposable)?.Dispose();
    }

    [Fact]
    public void The_oracle_is_found_like_any_judge_that_is_no_model()
    {
        var externals = new ChatJudges();
        Assert.Same(OracleJudge.Instance, externals.Find(Of("oracle").Id));
        Assert.Null(externals.Find(Of("start").Id));
    }

    [Fact]
    public void An_adapter_judges_on_the_weights_that_it_names()
    {
        var adapter = Directory.CreateDirectory(_folder.In("adapter")).FullName;
        File.WriteAllText(Path.Combine(adapter, "adapter_config.json"),
            """{"peft_type": "LORA", "r": 2, "lora_alpha": 4, "target_modules": ["v_proj"], "base_model_name_or_path": "/models/base"}""");
        var source = Of(adapter);
        Assert.Equal([("run/named//models/base", null), ($"run/named/{adapter}", "run/named//models/base")],
            source.Models.Select(m => (m.Id, m.BaseId)));
        File.WriteAllText(Path.Combine(adapter, "adapter_config.json"),
            """{"peft_type": "LORA", "r": 2, "lora_alpha": 4, "target_modules": ["v_proj"]}""");
        Assert.Equal($"the adapter in {adapter} does not say what it stands on: write base_model_name_or_path into its adapter_config.json",
            Assert.Throws<CheckpointException>(() => Of(adapter)).Message);
    }
}
