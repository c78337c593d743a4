using SelfJudge.Preferences.Losses;
using SelfJudge.Preferences.Methods;
using SelfJudge.Preferences.Recipes;

namespace SelfJudge.Preferences.Tests.Recipes;

public sealed class RecipeFileTests
{
    private const string Small = """
        name: small
        data: {world_pairs: 100}
        stages:
          - name: JSFT
            method: jsft
            steps: 10
            policy_examples: 4
            judge_pairs: 4
            learning_rate: 1e-3
          - name: Self-Judge
            method: self-judge
            from: JSFT
            steps: 5
            prompts: 4
            learning_rate: 1e-4
            adapter: {r: 4, alpha: 8, targets: [q_proj]}
        """;

    [Fact]
    public void Reads_what_is_written_and_defaults_the_rest()
    {
        var recipe = Parse(Small);
        Assert.Equal("small", recipe.Name);
        Assert.Equal(StageMethod.SelfJudge, recipe.Stages[1].Method);
        Assert.Equal(4, recipe.Stages[1].Adapter!.R);
        Assert.Equal(new PreferenceLoss(), recipe.Stages[1].Loss);
        Assert.Equal(0.9, recipe.Sampling.TopP);
        Assert.True(recipe.Stages[0].LossWeights.PerToken);
        Assert.False(recipe.Stages[0].Optimizer.GradientCheckpointing);
    }

    [Fact]
    public void Takes_256_settings_and_no_more()
    {
        var settings = Enumerable.Range(1, 257).Select(i => $"seed={i}").ToList();
        Assert.Equal(256ul, RecipeFile.Parse(Small, "small.yaml", settings.Take(256)).Seed);
        Assert.Equal("--set: 257 settings, and at most 256 are taken: write them into small.yaml",
            Assert.Throws<RecipeException>(() => RecipeFile.Parse(Small, "small.yaml", settings)).Message);
    }

    [Fact]
    public void Rendered_and_read_again_it_is_the_same()
    {
        var rendered = RecipeFile.Render(Parse(Small));
        Assert.Equal(rendered, RecipeFile.Render(Parse(rendered)));
        Assert.Contains("max_staleness: 0", rendered);
    }

    [Fact]
    public void Odd_texts_are_rendered_so_that_they_are_read_again()
    {
        var recipe = Parse(Small) with
        {
            Name = "null",
            Data = new DataRecipe { Pairs = "~", Prompts = "a: b # c" },
            Model = new ModelRecipe { Path = "1e3" }
        };
        recipe = recipe with { Stages = [recipe.Stages[0] with { Name = "true" }, recipe.Stages[1] with { Name = "- 5", From = "true" }] };
        var again = Parse(RecipeFile.Render(recipe));
        Assert.Equal(("null", "~", "a: b # c", "1e3", "true", "- 5", "true"),
            (again.Name, again.Data.Pairs, again.Data.Prompts, again.Model.Path, again.Stages[0].Name, again.Stages[1].Name,
            again.Stages[1].From));
    }

    [Fact]
    public void What_a_stages_method_does_not_have_is_not_rendered()
    {
        var rendered = RecipeFile.Render(Parse(Small));
        Assert.Equal(2, rendered.Split("\n  samples: 2").Length); // of the one stage that samples
        Assert.DoesNotContain("mini_batch", rendered);
        Assert.DoesNotContain("acceptance_beta", rendered);
    }

    [Theory]
    [InlineData("seed=7")]
    [InlineData("stages.Self-Judge.steps=7")]
    [InlineData("stages.1.steps=7")]
    [InlineData("sampling.max_new_tokens=7")]
    [InlineData("stages.Self-Judge.adapter.r=7")]
    public void Any_key_can_be_set(string setting)
    {
        var recipe = RecipeFile.Parse(Small, "r.yaml", [setting]);
        Assert.Equal(7, new[] { (int)recipe.Seed, recipe.Stages[1].Steps, recipe.Sampling.MaxNewTokens,
            recipe.Stages[1].Adapter!.R }.Single(v => v == 7));
    }

    [Fact]
    public void Gradient_checkpointing_can_be_set() =>
        Assert.True(RecipeFile.Parse(Small, "r.yaml",
            ["stages.JSFT.optimizer.gradient_checkpointing=true"]).Stages[0].Optimizer.GradientCheckpointing);

    [Fact]
    public void A_list_can_be_set() =>
        Assert.Equal(["k_proj", "up_proj"], RecipeFile.Parse(Small, "r.yaml",
            ["stages.Self-Judge.adapter.targets=[k_proj, up_proj]"]).Stages[1].Adapter!.Targets);

    [Theory]
    [InlineData("  learning_rate: 1e-3", "  lerning_rate: 1e-3",
        "r.yaml:9: unknown key 'stages[0].lerning_rate'; known here are name, method,")]
    [InlineData("name: small", "nmae: small", "r.yaml:1: unknown key 'nmae'")]
    [InlineData("r: 4, alpha", "rank: 4, alpha", "r.yaml:16: unknown key 'stages[1].adapter.rank'; known here are r, alpha, targets")]
    [InlineData("steps: 10", "steps: 10\n    epochs: 1", "r.yaml:7: stages[0].epochs: give steps or epochs, not both")]
    [InlineData("steps: 10", "epochs: -1", "r.yaml:6: stages[0].epochs: must be a number from 0 to 1000000, not '-1'")]
    [InlineData("steps: 10", "epochs: 0", "stages[0].steps: must be 1 or more, or give epochs")]
    [InlineData("steps: 5", "epochs: 3", "stages[1].epochs: the built-in world's prompts have no end: give steps")]
    [InlineData("name: small", "model: {max_length: 8}", "r.yaml:1: model.max_length: must be a whole number from 16 to 16777216, not '8'")]
    [InlineData("name: small", "model: {max_active_sequences: 0}",
        "r.yaml:1: model.max_active_sequences: must be a whole number from 1 to 65536, not '0'")]
    [InlineData("steps: 10", "steps: ten", "r.yaml:6: stages[0].steps: must be a whole number, 0 or more, not 'ten'")]
    [InlineData("steps: 10", "steps: 0", "r.yaml:6: stages[0].steps: must be 1 or more")]
    [InlineData("method: jsft", "method: jfst",
        "r.yaml:5: stages[0].method: must be one of sft, jsft, dpo, rm, off-policy, self-judge, rso, rest, raft, ppo, not 'jfst'")]
    [InlineData("from: JSFT", "from: SFT", "r.yaml:12: stages[1].from: 'SFT' is not an earlier stage; those are JSFT")]
    [InlineData("name: Self-Judge", "name: JSFT", "r.yaml:10: stages[1].name: 'JSFT' is taken by an earlier stage")]
    [InlineData("name: Self-Judge", "name: ../up", "r.yaml:10: stages[1].name: a name becomes a folder: leave out slashes")]
    [InlineData("prompts: 4", "prompts: 0", "r.yaml:14: stages[1].prompts: must be a whole number from 1 to 65536, not '0'")]
    [InlineData("learning_rate: 1e-4", "learning_rate: -1",
        "r.yaml:15: stages[1].learning_rate: must be a number more than 0 and at most 10, not '-1'")]
    [InlineData("data: {world_pairs: 100}", "data: {}", "r.yaml:2: data: give world_pairs, or a file of pairs or prompts")]
    [InlineData("data: {world_pairs: 100}", "data: {prompts: p.jsonl}", "model.path: a random model knows the built-in world's words only")]
    [InlineData("stages:", "stages: [", "r.yaml:")]
    public void What_is_wrong_is_named_with_its_line(string original, string replacement, string message)
    {
        var problem = Assert.Throws<RecipeException>(() => Parse(Small.Replace(original, replacement, StringComparison.Ordinal)));
        Assert.Contains(message, problem.Message);
    }

    [Theory]
    [InlineData("data.pairs=p.jsonl", "evaluation.judge=oracle",
        "evaluation.judge: only the built-in world has an oracle; name a stage or a model folder")]
    [InlineData("data.pairs=p.jsonl", "evaluation.judge=JFST",
        "evaluation.judge: 'JFST' is neither 'oracle' nor 'start' nor one of judge.endpoints nor a stage; those are JSFT, Self-Judge. A "
        + "model folder is written as a path, such as ./JFST")]
    [InlineData("data.pairs=p.jsonl", "evaluation.split=validation", "evaluation.split: only the built-in world has validation prompts")]
    [InlineData("data.prompts=p.jsonl", "stages=[{name: JSFT, method: self-judge, steps: 1, prompts: 1, learning_rate: 1}]",
        "evaluation.prompts: data.prompts alone holds no prompts out to evaluate on; give data.pairs or data.sources")]
    public void An_evaluation_that_cannot_be_is_named(string data, string setting, string message) =>
        Assert.Contains(message, Assert.Throws<RecipeException>(() =>
            RecipeFile.Parse(Small, "r.yaml", ["model.path=m", "data.world_pairs=0", data, "evaluation={baseline: JSFT}",
                setting])).Message);

    [Theory]
    [InlineData("data.pairs=p.jsonl", null, "start")] // on files the model that the run starts from is the baseline
    [InlineData("data.sources=[{path: p.jsonl}]", null, "start")]
    [InlineData("data.pairs=p.jsonl", "evaluation={prompts: 5}", "start")]
    [InlineData("data.pairs=p.jsonl", "evaluation={baseline: JSFT}", "JSFT")]
    // holds nothing out
    [InlineData("data.prompts=p.jsonl", "stages=[{name: X, method: self-judge, steps: 1, prompts: 1, learning_rate: 1}]", null)]
    [InlineData("data.pairs=p.jsonl", "stages=[{name: RM, method: rm, steps: 1, prompts: 1, learning_rate: 1}]", null)] // answers nothing
    [InlineData("data.pairs=p.jsonl", "stages=[{name: SFT, method: sft, steps: 1, policy_examples: 1, learning_rate: 1, evaluate: false}]",
        null)]
    public void On_files_a_run_is_compared_with_the_model_that_it_starts_from(string data, string? setting, string? baseline)
    {
        var recipe = RecipeFile.Parse(Small, "r.yaml",
            [.. new[] { "model.path=m", "data.world_pairs=0", "evaluation=null", data, setting }.OfType<string>()]);
        Assert.Equal(baseline, recipe.Evaluation?.Baseline);
        Assert.Equal(baseline, RecipeFile.Parse(RecipeFile.Render(recipe), "again").Evaluation?.Baseline);
    }

    [Fact]
    public void In_the_built_in_world_nothing_is_evaluated_unless_the_recipe_says_so()
    {
        Assert.Null(RecipeFile.Parse(Small, "r.yaml", ["evaluation=null"]).Evaluation);
        Assert.Equal("start", RecipeFile.Parse(Small, "r.yaml", ["evaluation={baseline: start}"]).Evaluation!.Baseline);
    }

    [Theory]
    [InlineData("data.pairs=p.jsonl", null, 100, 500)]
    [InlineData("data.pairs=p.jsonl", "evaluation={baseline: JSFT, prompts: 0}", null, 500)]
    [InlineData("data.pairs=p.jsonl", "judge.held_out_pairs=2000", 100, 2000)]
    [InlineData("data.world_pairs=100", "evaluation={baseline: JSFT}", null, null)]
    public void What_is_measured_on_files_is_bounded_unless_the_recipe_says_otherwise(string data, string? setting, int? prompts,
        int? pairs)
    {
        var recipe = RecipeFile.Parse(Small, "r.yaml",
            [.. new[] { "model.path=m", "data.world_pairs=0", "evaluation=null", data, setting }.OfType<string>()]);
        Assert.Equal((prompts, pairs), (recipe.EvaluatedPrompts, recipe.JudgedPairs));
    }

    [Theory]
    [InlineData("judge.gate_pairs=-1", "judge.gate_pairs: must be a whole number from 0 to 1000000, not '-1'")]
    [InlineData("judge.gate_swap_consistency=1.5", "judge.gate_swap_consistency: must be a number from 0 to 1, not '1.5'")]
    [InlineData("judge={gate: true, gate_pairs: 0}", "judge.gate: measures the judge on held-out pairs: give gate_pairs")]
    [InlineData("judge.held_out_pairs=0", "judge.held_out_pairs: must be a whole number, 1 or more, not '0'")]
    [InlineData("evaluation={inconsistent: none}", "evaluation.inconsistent: must be one of tie, mean, not 'none'")]
    [InlineData("stages.JSFT.name=start", "stages[0].name: 'start' is the model that the run starts from")]
    [InlineData("evaluation.baseline=nobody",
        "evaluation.baseline: 'nobody' is neither a stage nor 'start', the model that the run starts from; stages are JSFT, Self-Judge")]
    public void What_judges_and_evaluation_cannot_be_is_named(string setting, string message) =>
        Assert.Contains(message, Assert.Throws<RecipeException>(() => RecipeFile.Parse(Small, "r.yaml", [setting])).Message);

    [Theory]
    [InlineData("JSFT")]
    [InlineData("models/judge")]
    [InlineData("null")]
    public void Without_an_oracle_a_stage_or_a_model_folder_judges(string judge) =>
        Assert.Equal(judge == "null" ? null : judge,
            RecipeFile.Parse(Small, "r.yaml", ["model.path=m", "data.world_pairs=0", "data.pairs=p.jsonl", "evaluation={baseline: JSFT}",
            $"evaluation.judge={judge}"]).Evaluation!.Judge);

    [Theory]
    [InlineData("steps", "--set steps: write it as key=value")]
    [InlineData("stages.DPO.steps=3", "--set stages.DPO.steps=3: 'stages' has no element 'DPO'")]
    [InlineData("stages.JSFT.stpes=3", "--set stages.JSFT.stpes=3: unknown key 'stages.JSFT.stpes'")]
    [InlineData("stages.JSFT.steps=-3", "--set stages.JSFT.steps=-3: stages[0].steps: must be a whole number, 0 or more, not '-3'")]
    [InlineData("sampling.top_p=2", "--set sampling.top_p=2: sampling.top_p: must be a number more than 0 and at most 1, not '2'")]
    public void A_wrong_setting_is_named(string setting, string message) =>
        Assert.Contains(message, Assert.Throws<RecipeException>(() => RecipeFile.Parse(Small, "r.yaml", [setting])).Message);

    [Fact]
    public void A_setting_may_supply_what_the_file_leaves_open()
    {
        const string Open = """
            data: {pairs: pairs.jsonl}
            stages: [{name: DPO, method: dpo, steps: 1, prompts: 1, learning_rate: 1}]
            """;
        Assert.Contains("r.yaml:1: model.path", Assert.Throws<RecipeException>(() => Parse(Open)).Message);
        Assert.Contains("r.yaml:1: model.path", Assert.Throws<RecipeException>(() => RecipeFile.Parse(Open, "r.yaml", ["seed=3"])).Message);
        Assert.Equal("folder", RecipeFile.Parse(Open, "r.yaml", ["model.path=folder"]).Model.Path);
    }

    [Fact]
    public void A_missing_file_is_named() =>
        Assert.Contains("no/such.yaml: no such recipe file", Assert.Throws<RecipeException>(() => RecipeFile.Load("no/such.yaml")).Message);

    [Fact]
    public void Every_recipe_that_comes_with_the_project_is_valid()
    {
        var recipes = Directory.GetFiles(Path.Combine(AppContext.BaseDirectory, "recipes"), "*.yaml", SearchOption.AllDirectories);
        Assert.Equal(["hh-jsft.yaml", "hh-self-judge.yaml", "ultrafeedback-jsft-p.yaml", "ultrafeedback-jsft-pr.yaml",
            "ultrafeedback-jsft.yaml", "ultrafeedback-self-judge.yaml"],
            recipes.Where(r => Path.GetFileName(Path.GetDirectoryName(r)) == "paper").Select(r => Path.GetFileName(r))
                .Order(StringComparer.Ordinal));
        Assert.Contains(recipes, r => Path.GetFileName(r) == "demo.yaml");
        Assert.All(recipes, r => RecipeFile.Load(r));
    }

    private static Recipe Parse(string yaml) => RecipeFile.Parse(yaml, "r.yaml");
}
