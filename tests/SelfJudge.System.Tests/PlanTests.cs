using System.Text.Json.Nodes;
using SelfJudge.SystemTests.Processes;
using SelfJudge.Tests.Shared;

namespace SelfJudge.SystemTests;

public sealed class PlanTests : IDisposable
{
    private const string Config = """
        {"model_type": "llama", "hidden_size": 4096, "intermediate_size": 11008, "num_hidden_layers": 32, "num_attention_heads": 32, "num_key_value_heads": 32,
         "max_position_embeddings": 4096, "vocab_size": 32000, "bos_token_id": 1, "eos_token_id": 2}
        """;

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("hh-jsft", 128, 4_194_304)]
    [InlineData("hh-self-judge", 128, 4_194_304)]
    [InlineData("ultrafeedback-jsft", 128, 4_194_304)]
    [InlineData("ultrafeedback-jsft-p", 128, 4_194_304)]
    [InlineData("ultrafeedback-jsft-pr", 128, 4_194_304)]
    [InlineData("ultrafeedback-self-judge", 128, 4_194_304)]
    public async Task The_papers_recipes_fit_onto_a_gpu_of_80_gb(string recipe, int sequences, long trained)
    {
        var plan = await Plan("--recipe", Recipe(recipe), "--model", Model(), "--device", "cuda:0", "--memory", "80GB");
        Assert.Equal(6_738_415_616, (long)plan["parameters"]!);
        var stage = plan["stages"]!.AsArray().Single()!;
        Assert.Equal((sequences, 2048, trained),
            ((int)stage["batch"]!["sequences"]!, (int)stage["batch"]!["longest"]!, (long)stage["trained"]!));
        Assert.True((bool)stage["fits"]!, stage.ToJsonString());
        Assert.Contains(plan["notes"]!.AsArray(), n => ((string)n!).Contains("every sequence is taken to be 2048 tokens long"));
    }

    [Fact]
    public async Task All_weights_of_Llama_2_7B_do_not_and_it_is_said_what_would()
    {
        var ended = await _folder.Client("plan", "--recipe", Recipe("hh-jsft"), "--model", Model(), "--device", "cuda:0", "--memory",
            "80GB", "--set", "stages.JSFT.adapter=null", "--set", "stages.JSFT.optimizer.gradient_checkpointing=false");
        Assert.True(ended.ExitCode == 0, ended.ToString());
        Assert.Matches(@"memory: in all +\S+ GB  cuda:0: does not fit into 80\.00 GB, \S+ GB too much", ended.Output);
        Assert.Matches(@"with +\S+ GB  an adapter", ended.Output);
        Assert.Matches(@"with +\S+ GB  optimizer\.gradient_checkpointing: true", ended.Output);
    }

    [Fact]
    public async Task On_a_model_and_data_at_hand_it_measures()
    {
        var plan = await Plan("--recipe", Recipe("hh-jsft"), "--model", TestData.Path("llama"), "--data",
            TestData.Path("preferences/hh.jsonl.gz"),
            "--set", "stages.JSFT.policy_examples=4", "--set", "stages.JSFT.judge_pairs=2", "--set", "model.max_length=400");
        var stage = plan["stages"]!.AsArray().Single()!;
        // 8 of the 3 · n examples are a step, n the pairs that are not held out: nine tenths of 381 prompts, some of which have several.
        Assert.InRange((int)stage["steps"]!, 3 * 304 / 8, 3 * 381 / 8);
        Assert.Equal((8, 400), ((int)stage["batch"]!["sequences"]!, (int)stage["batch"]!["longest"]!));
        Assert.Equal(512 * 64 + 2 * (64 * 64 + 2 * 64 * 32 + 64 * 64 + 3 * 64 * 96 + 2 * 64) + 64, (long)plan["parameters"]!);
        Assert.Equal(2 * 8 * (64 + 64 + 64 + 32), (long)stage["trained"]!);
        var measured = stage["measured"]!;
        Assert.True((double)measured["step_seconds"]! > 0 && (long)measured["peak_bytes"]! > 50_000_000, measured.ToJsonString());
        Assert.Equal((int)stage["steps"]! * (double)measured["step_seconds"]!, (double)plan["seconds"]!, 1e-6);
    }

    [Theory]
    [InlineData("--memory 80 --device cuda:0", "--memory 80: write a size such as 80GB or 24GiB")]
    [InlineData("--memory -1GB", "--memory -1GB: write a size such as 80GB or 24GiB")]
    [InlineData("--device gpu", "--device gpu: known are cpu and cuda:N, such as cuda:0")]
    [InlineData("--dtype int8", "--dtype int8: known are auto, float32, bfloat16 and rounded")]
    [InlineData("--data none.jsonl", "--data: there is no ")]
    [InlineData("--model none", "model.path: there is no ")]
    [InlineData("--set stages.JSFT.steps=3", "give steps or epochs, not both")]
    public async Task What_cannot_be_is_said(string arguments, string message)
    {
        var model = Model();
        var ended = await _folder.Client(["plan", "--recipe", Recipe("hh-jsft"),
            .. arguments.Contains("--model", StringComparison.Ordinal) ? [] : new[] { "--model", model }, .. arguments.Split(' ')]);
        Assert.Equal(1, ended.ExitCode);
        Assert.Contains(message, ended.Errors);
        Assert.DoesNotContain("   at ", ended.Errors);
        Assert.Single(ended.Errors.TrimEnd().Split('\n'));
    }

    [Fact]
    public async Task Every_shipped_recipe_is_valid_and_can_be_planned()
    {
        // What a recipe may leave to its user: a model, of which the configuration is enough, and data.
        var model = Model();
        var pairs = _folder.Write("pairs.jsonl",
            [.. Enumerable.Range(0, 40).Select(i => $$"""{"prompt": "a {{i}}", "chosen": "a", "rejected": "b"}""")]);
        var recipes = Directory.GetFiles(Path.GetDirectoryName(SmallRun.Recipe("smoke.yaml"))!, "*.yaml", SearchOption.AllDirectories);
        Assert.Contains(Recipe("hh-self-judge"), recipes);
        await Parallel.ForEachAsync(recipes, new ParallelOptions { MaxDegreeOfParallelism = Environment.ProcessorCount },
            async (recipe, _) =>
        {
            var valid = await _folder.Client("recipes", "validate", recipe);
            Assert.True(valid.ExitCode == 0, valid.ToString());
            Assert.Matches($"\n# {recipe} is valid: [1-9][0-9]* stages, [0-9]+ steps( and [0-9.]+ epochs of the data)?\n$", valid.Output);
            var isOfWorld = !valid.Output.Contains("world_pairs: 0\n", StringComparison.Ordinal);
            var planned = await _folder.Client(["plan", "--recipe", recipe, "--no-dry-run",
                .. isOfWorld ? [] : new[] { "--model", model, "--data", pairs }]);
            Assert.True(planned.ExitCode == 0, planned.ToString());
            Assert.Contains("memory: in all", planned.Output, StringComparison.Ordinal);
        });
    }

    [Fact]
    public async Task A_recipes_automatic_template_is_the_models_as_in_a_run()
    {
        var prompts = _folder.Write("prompts.jsonl", """{"prompt": "a"}""");
        var ended = await _folder.Client("plan", "--recipe", SmallRun.Recipe("self-judge-lora.yaml"), "--model", TestData.Path("llama"),
            "--no-dry-run", "--set", $"data.prompts={prompts}");
        Assert.True(ended.ExitCode == 0, ended.ToString());
        Assert.Contains("has no chat_template, so its prompts are put by the dialogue template 'paper'", ended.Errors,
            StringComparison.Ordinal);
    }

    private static string Recipe(string name) => SmallRun.Recipe($"paper/{name}.yaml");

    private string Model()
    {
        Directory.CreateDirectory(_folder["model"]);
        _folder.Write("model/config.json", Config);
        return _folder["model"];
    }

    private async Task<JsonNode> Plan(params IEnumerable<string> arguments)
    {
        var ended = await _folder.Client(["plan", .. arguments, "--json"]);
        Assert.True(ended.ExitCode == 0, ended.ToString());
        return JsonNode.Parse(ended.Output)!;
    }
}
