using System.Globalization;
using System.Text;
using SelfJudge.Preferences.Methods;
using SelfJudge.Preferences.Recipes;
using SelfJudge.Preferences.Sampling;

namespace SelfJudge.Preferences.Tests.Recipes;

/// <summary>What stands at a key, and what it may be.</summary>
public sealed class RecipeValuesTests
{
    // A stage S of a method that has the key, behind one that it can start from.
    private static Recipe Parse(string key, string value) => RecipeFile.Parse($$"""
        data: {world_pairs: 100}
        judge: {templates: [world]}
        stages:
          - {name: SFT, method: sft, steps: 1, policy_examples: 1, learning_rate: 1}
          - {name: S, steps: 2, learning_rate: 1, {{StageWith(key.Split('.')[^1], key)}}}
        """, "r.yaml", [$"{key}={value}"]);

    private static string StageWith(string name, string key) => name switch
    {
        _ when key.StartsWith("stages.S.ppo.", StringComparison.Ordinal) => "method: ppo, prompts: 1, reward: SFT",
        "thresholds" or "grow_steps" => "method: rest, prompts: 1, reward: SFT, policy_examples: 1, grow_steps: 1",
        "acceptance_beta" => "method: rso, prompts: 1",
        "judge_pairs" or "policy_examples" or "measure_every" or "response" or "judge_token" or "rationale" or "judge_prompt" =>
            "method: jsft, policy_examples: 1",
        _ => "method: self-judge, prompts: 1",
    };

    public static TheoryData<string> Numbers() =>
    [
        "data.world_pairs", "data.world_extra_answers", "data.max_malformed", "model.max_length", "model.max_active_sequences",
            "model.init.hidden_size", "model.init.intermediate_size",
        "model.init.layers", "model.init.heads", "model.init.key_value_heads", "model.init.max_positions", "model.init.initializer_range",
            "keep_checkpoints", "seed",
        "judge.held_out_pairs", "judge.gate_pairs", "judge.gate_swap_consistency", "sampling.temperature", "sampling.top_p",
            "sampling.top_k", "sampling.max_new_tokens", "evaluation.prompts", "evaluation.rejection_samples",
        "stages.S.steps", "stages.S.epochs", "stages.S.learning_rate", "stages.S.warmup", "stages.S.prompts", "stages.S.samples",
            "stages.S.max_staleness", "stages.S.checkpoint_every",
        "stages.S.prior.weight", "evaluation.prior.weight", "stages.S.loss.beta", "stages.S.loss.label_smoothing", "stages.S.loss.gamma",
            "stages.S.loss.nll_weight",
        "stages.S.loss.desirable_weight", "stages.S.loss.undesirable_weight", "stages.S.acceptance_beta", "stages.S.thresholds",
            "stages.S.grow_steps", "stages.S.judge_pairs", "stages.S.policy_examples", "stages.S.measure_every",
        "stages.S.loss_weights.response", "stages.S.loss_weights.judge_token", "stages.S.loss_weights.rationale",
            "stages.S.loss_weights.judge_prompt",
        "stages.S.optimizer.beta1", "stages.S.optimizer.beta2", "stages.S.optimizer.weight_decay", "stages.S.optimizer.clip_norm",
            "stages.S.optimizer.max_tokens_per_batch",
        "stages.S.adapter.r", "stages.S.adapter.alpha",
        "stages.S.ppo.initial_kl", "stages.S.ppo.target_kl", "stages.S.ppo.kl_horizon", "stages.S.ppo.discount", "stages.S.ppo.lambda",
            "stages.S.ppo.clip_range", "stages.S.ppo.value_clip_range",
        "stages.S.ppo.value_coefficient", "stages.S.ppo.mini_batch", "stages.S.ppo.inner_epochs",
    ];

    [Theory]
    [MemberData(nameof(Numbers))]
    public void No_number_may_be_infinite_or_none_or_negative(string key)
    {
        foreach (var value in new[] { ".inf", "-.inf", ".nan", "Infinity", "NaN", "1e400", "-1", "99999999999999999999999", "''", "many",
            "[.nan]" })
        {
            var message = Assert.Throws<RecipeException>(() => Parse(key, value)).Message;
            Assert.StartsWith($"--set {key}={value}: {key.Replace("stages.S", "stages[1]", StringComparison.Ordinal)}", message);
            Assert.Contains(": must be a", message);
        }
    }

    [Fact]
    public void Every_number_of_a_recipe_is_tried_above() =>
        Assert.Equal(
            RecipeHelp.All.Where(h => h.Allowed.Contains("number", StringComparison.Ordinal))
                .Select(h => h.Key.Replace("stages[]", "stages.S", StringComparison.Ordinal))
                .Except(["data.sources[].weight", "judge.endpoints[].requests"]).Order(StringComparer.Ordinal),
            Numbers().Select(n => (string)n.Data).Order(StringComparer.Ordinal));

    [Theory]
    [InlineData("stages.S.optimizer.beta2", "1", "a number from 0 to below 1, not '1'")]
    [InlineData("stages.S.adapter.alpha", "0", "a number more than 0 and at most 1000000, not '0'")]
    [InlineData("stages.S.adapter.alpha", "1e-50", "a number more than 0 and at most 1000000, not '1e-50'")] // 0 as a float
    [InlineData("sampling.temperature", "1e-39", "a number, 0, or from 0.0001 to 1000, not '1e-39'")]
    [InlineData("sampling.max_new_tokens", "2147483647", "a whole number from 1 to 1048576, not '2147483647'")]
    [InlineData("stages.S.steps", "1.5", "a whole number, 0 or more, not '1.5'")]
    [InlineData("stages.S.steps", "010", "a whole number, 0 or more, not '010'")] // octal to some, decimal to others
    [InlineData("stages.S.learning_rate", "[1]", "a number more than 0 and at most 10, not a list")]
    [InlineData("stages.S.adapter", "5", "a group of keys: r, alpha, targets, not '5'")]
    [InlineData("stages.S.evaluate", "2", "true or false, not '2'")]
    [InlineData("stages.S.schedule", "1", "one of constant, cosine, not '1'")]
    [InlineData("stages.S.schedule", "'constant, cosine'", "one of constant, cosine, not 'constant, cosine'")]
    [InlineData("stages.S.schedule", "Cosine", "one of constant, cosine, not 'Cosine'")]
    [InlineData("stages.S.loss.kind", "7", "one of sigmoid, hinge, ipo, robust, simpo, orpo, kto, not '7'")]
    [InlineData("stages.S.triplets", "AllMatches",
        "one of final, all-matches, champion-against-losers, first-loser, all-first-losers, not 'AllMatches'")]
    [InlineData("evaluation.split", "0", "one of test, validation, not '0'")]
    [InlineData("sampling", "5", "a group of keys: temperature, top_p, top_k, max_new_tokens, not '5'")]
    [InlineData("data", "[]", "a group of keys: world_pairs, pairs,")]
    [InlineData("stages", "5", "a list, not '5'")]
    [InlineData("model.path", "{a: 1}", "a text, not a group of keys")]
    [InlineData("model.path", "\"a\\0b\"", "a text of 1 to 4096 characters on one line")]
    [InlineData("data.pairs", "''", "a text of 1 to 4096 characters on one line")]
    public void What_a_key_does_not_take_is_refused_with_what_it_takes(string key, string value, string message) =>
        Assert.Contains($": {key.Replace("stages.S", "stages[1]", StringComparison.Ordinal)}: must be {message}",
            Assert.Throws<RecipeException>(() => Parse(key, value)).Message);

    [Theory]
    [InlineData("seed", "18446744073709551615")]
    [InlineData("sampling.temperature", "0")]
    [InlineData("data.world_pairs", "10_000")]
    [InlineData("stages.S.learning_rate", "'1e-3'")]
    [InlineData("stages.S.evaluate", "no")]
    [InlineData("evaluation.rejection_samples", "4")]
    public void What_it_takes_is_read(string key, string value) => Assert.Equal(2, Parse(key, value).Stages.Count);

    [Fact]
    public void Sampling_options_have_the_same_ranges() =>
        Assert.Equal("temperature must be 0, or from 0.0001 to 1000, not NaN", new SamplingOptions(double.NaN).Problem());

    [Theory]
    [InlineData("model.init.heads=7", "model.init.heads: must divide hidden_size (64)")]
    [InlineData("model.init.heads=64", "model.init.heads: hidden_size (64) divided by heads (64) must be even")]
    [InlineData("model.init.key_value_heads=3", "model.init.key_value_heads: must divide heads (8)")]
    [InlineData("model.init={hidden_size: 65536, intermediate_size: 1048576, layers: 1024}", "model.init: comes to")]
    [InlineData("stages.S={}", "'stages.S' is a whole element; set one of its keys: name, method,")]
    [InlineData("stages.S=5", "'stages.S' is a whole element")]
    [InlineData("stages.1=5", "'stages.1' is a whole element")]
    [InlineData("judge.templates.0=world", "'judge.templates.0' is a whole element; set the list, as judge.templates=[…]")]
    [InlineData("seed.x=5", "unknown key 'seed.x'; 'seed' has no keys")]
    [InlineData("stages.S.adapter.targets.0=5", "'stages.S.adapter.targets' is empty, and has no element '0'")]
    [InlineData("stages.=5", "'stages.' is a whole element")]
    [InlineData("=5", "write it as key=value")]
    [InlineData("seed=[", "--set seed=[: not valid YAML")]
    public void Settings_that_do_not_go_together_or_nowhere_are_refused(string setting, string message)
    {
        var refused = Assert.Throws<RecipeException>(() => Parse(setting.Split('=')[0], setting[(setting.IndexOf('=') + 1)..])).Message;
        Assert.StartsWith("--set ", refused);
        Assert.Contains(message, refused);
    }

    [Fact]
    public void Prompts_and_samples_are_bounded_together() =>
        Assert.Contains("stages[0].samples: 65536 prompts of 1024 samples are more than 1048576 responses in a step",
            Assert.Throws<RecipeException>(() =>
            RecipeFile.Parse("{data: {world_pairs: 1}, stages: [{name: S, method: self-judge, steps: 1, learning_rate: 1, prompts: 65536, "
                + "samples: 1024}]}", "r.yaml")).Message);

    [Theory]
    [InlineData("judge_pairs: 1, loss_weights: {response: 1, judge_token: 0, rationale: 0}")] // judge_prompt weighs 0 by default
    [InlineData("policy_examples: 1, loss_weights: {response: 0}")]
    public void A_stage_whose_loss_is_always_zero_is_refused(string stage) =>
        Assert.Contains("stages[0].loss_weights: give a weight of more than 0 to what the stage learns",
            Assert.Throws<RecipeException>(() =>
            RecipeFile.Parse($"{{data: {{world_pairs: 1}}, stages: [{{name: S, method: jsft, steps: 1, learning_rate: 1, {stage}}}]}}",
                "r.yaml")).Message);

    [Theory]
    [InlineData("a\\0b", "must be a text of 1 to 4096 characters on one line")]
    [InlineData("a\\u200bb", "leave out characters that cannot be seen")]
    [InlineData("../../evil", "leave out slashes")]
    [InlineData("..", "cannot begin or end with a dot")]
    [InlineData(".hidden", "cannot begin or end with a dot")]
    [InlineData(" a", "cannot begin or end with a dot or a blank")]
    [InlineData("a ", "cannot begin or end with a dot or a blank")]
    [InlineData("a\\\\b", "leave out slashes")]
    [InlineData("äääääääääääääääääääääääääääääääääääääääääääääääääää", "more than 100 bytes")]
    public void A_name_that_is_no_folder_is_refused(string name, string problem)
    {
        Assert.StartsWith("r.yaml:1: name: ",
            Refused($"{{name: \"{name}\", data: {{world_pairs: 1}}, stages: [{{name: S, method: rm, steps: 1, learning_rate: 1, prompts: "
            + $"1}}]}}"));
        var stage = Refused($"{{data: {{world_pairs: 1}},\nstages: [{{name: \"{name}\", method: rm, steps: 1, learning_rate: 1, prompts: "
            + $"1}}]}}");
        Assert.StartsWith("r.yaml:2: stages[0].name: ", stage);
        Assert.Contains(problem, stage);

        static string Refused(string yaml) => Assert.Throws<RecipeException>(() => RecipeFile.Parse(yaml, "r.yaml")).Message;
    }

    [Theory]
    [InlineData("sft", "'sft' is taken by an earlier stage")]
    [InlineData("v1.5", "leave out dots")]
    [InlineData("oracle", "'oracle' means something else")]
    [InlineData("policy", "'policy' means something else")]
    public void A_stage_name_that_is_taken_or_cannot_be_set_by_is_refused(string name, string problem) =>
        Assert.Contains($"stages[1].name: {problem}", Assert.Throws<RecipeException>(() => Parse("stages.S.name", name)).Message);

    [Theory]
    [InlineData("name:", "run")]
    [InlineData("model:", "run")]
    [InlineData("judge:", "run")]
    [InlineData("sampling: ~", "run")]
    [InlineData("evaluation: null", "run")]
    [InlineData("model: {dialogue_template: }", "run")]
    [InlineData("judge: {templates: }", "run")]
    [InlineData("seed: ", "run")]
    public void A_key_without_a_value_has_its_default(string line, string name)
    {
        var recipe = RecipeFile.Parse(
            $"{line}\ndata: {{world_pairs: 1}}\nstages: [{{name: S, method: rm, steps: 1, learning_rate: 1, prompts: 1, optimizer: , "
            + $"judge_templates: ~}}]", "r.yaml");
        Assert.Equal((name, 1UL, "world", "world", 1.0),
            (recipe.Name, recipe.Seed, recipe.Model.DialogueTemplate, recipe.Judge.Templates.Single(), recipe.Sampling.Temperature));
        Assert.Equal(new OptimizerRecipe(), recipe.Stages[0].Optimizer);
    }

    [Theory]
    [InlineData("data:\nstages: [{name: S, method: rm, steps: 1, learning_rate: 1, prompts: 1}]",
        "r.yaml:1: data: give world_pairs, or a file")]
    [InlineData("data: {world_pairs: 1}\nstages:", "r.yaml:2: stages: a run has 1 to 1000 stages")]
    [InlineData("data: {world_pairs: 1}\nstages: [null]", "r.yaml:2: stages[0] is empty")]
    [InlineData("data: {world_pairs: 1}\nstages: [{}]", "r.yaml:2: stages[0].name is missing")]
    [InlineData("data: {world_pairs: 1}\nstages:\n - name:\n   method: rm", "r.yaml:3: stages[0].name is missing")]
    [InlineData("data: {world_pairs: 1}\nstages: [{name: S, steps: 1}]", "r.yaml:2: stages[0].method is missing; it is one of sft, jsft,")]
    [InlineData("data: {world_pairs: 1}\nstages: [{name: S, method: rm, prompts: 1}]",
        "r.yaml:2: stages[0].learning_rate is missing; it is a number more than 0")]
    [InlineData("judge: {templates: [null]}", "r.yaml:1: judge.templates[0] is empty")]
    [InlineData("data: {sources: [{weight: 1}]}", "r.yaml:1: data.sources[0].path is missing")]
    [InlineData("data: {sources: [{path: p, weight: 0}]}",
        "r.yaml:1: data.sources[0].weight: must be a number more than 0 and at most 1000, not '0'")]
    [InlineData("", "r.yaml: a recipe is a mapping of keys to values")]
    [InlineData("~", "r.yaml: a recipe is a mapping of keys to values")]
    [InlineData("- a", "r.yaml: a recipe is a mapping of keys to values")]
    [InlineData("seed: 1\n? [a, b]\n: 1", "r.yaml:2: a key must be a word, not a list")]
    [InlineData("seed: 1\n? {a: b}\n: 1", "r.yaml:2: a key must be a word, not a group of keys")]
    [InlineData("seed: 1\n~: 1", "r.yaml:2: a key must be a word, not empty")]
    [InlineData("seed: 1\nname: a\nseed: 2", "r.yaml:3: the key 'seed' stands here a second time")]
    [InlineData("seed: 1\n---\nseed: 2", "r.yaml:2: a second document begins")]
    [InlineData("seed: 1\n<<: {seed: 2}", "r.yaml:2: the merge key << is not supported")]
    [InlineData("name: a\nseed: !!int 1", "r.yaml:2: the tag tag:yaml.org,2002:int is not supported")]
    [InlineData("name: a\nseed: !odd 1", "r.yaml:2: the tag !odd is not supported")]
    [InlineData("name: a\nseed: *nothing", "r.yaml:2: ")]
    [InlineData("name: &a [*a]", "r.yaml:1: ")]
    [InlineData("name: \"a\nseed: 1", "r.yaml:")]
    public void What_is_no_recipe_is_refused_with_its_line(string yaml, string message) =>
        Assert.StartsWith(message, Assert.Throws<RecipeException>(() => RecipeFile.Parse(yaml, "r.yaml")).Message);

    [Fact]
    public void An_alias_is_what_it_stands_for_and_is_set_by_itself()
    {
        var recipe = RecipeFile.Parse("""
            data: {world_pairs: 1}
            stages:
              - {name: A, method: rm, steps: 1, learning_rate: 1, prompts: 1, optimizer: &o {beta2: 0.5}}
              - {name: B, method: rm, steps: 1, learning_rate: 1, prompts: 1, optimizer: *o}
            """, "r.yaml", ["stages.A.optimizer.beta2=0.75"]);
        Assert.Equal([0.75, 0.5], recipe.Stages.Select(s => s.Optimizer.Beta2));
    }

    [Fact]
    public void What_would_take_the_stack_or_the_memory_is_refused()
    {
        const int Levels = 100_000;
        foreach (var deep in new[] { new string('[', Levels), string.Concat(Enumerable.Repeat("{a: ", Levels)),
            string.Concat(Enumerable.Repeat("- ", Levels)),
            string.Concat(Enumerable.Range(0, 1000).Select(i => new string(' ', i) + "a:\n")) })
        {
            Assert.Contains("nests deeper than 32 levels", Assert.Throws<RecipeException>(() => RecipeFile.Parse(deep, "r.yaml")).Message);
            Assert.Contains("nests deeper than 32 levels", Assert.Throws<RecipeException>(() => Parse("seed", deep)).Message);
        }
        var bomb = new StringBuilder("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
        for (var i = 1; i < 12; i++)
            bomb.Append(CultureInfo.InvariantCulture, $"a{i}: &a{i} [{string.Join(", ", Enumerable.Repeat($"*a{i - 1}", 10))}]\n");
        Assert.Contains("comes to more than 100000 values, aliases written out",
            Assert.Throws<RecipeException>(() => RecipeFile.Parse(bomb.ToString(), "r.yaml")).Message);
        Assert.Equal("r.yaml:1: has more than 1048576 characters, which no text of this kind needs",
            Assert.Throws<RecipeException>(() => RecipeFile.Parse(new string('a', 1 << 21), "r.yaml")).Message);
    }

    [Fact]
    public void A_file_that_never_ends_or_is_no_text_is_refused()
    {
        if (OperatingSystem.IsLinux())
            Assert.Contains("/dev/zero:1: has more than 1048576 characters",
                Assert.Throws<RecipeException>(() => RecipeFile.Load("/dev/zero")).Message);
        var folder = Directory.CreateTempSubdirectory("selfjudge-recipe-");
        try
        {
            var path = Path.Combine(folder.FullName, "latin.yaml");
            File.WriteAllBytes(path, [.. "name: "u8, 0xE4, 0xF6]);
            Assert.Equal($"{path}: is not a text in UTF-8", Assert.Throws<RecipeException>(() => RecipeFile.Load(path)).Message);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    [Theory]
    [InlineData("address: 'https://h/v1?api_key=SECRET', model: m", "whatever follows ? or #")]
    [InlineData("address: 'https://h/v1#SECRET', model: m", "whatever follows ? or #")]
    [InlineData("address: 'https://me:SECRET@h/v1', model: m", "leave name, password")]
    [InlineData("address: 'https://h/v1', model: m, key_env: sk-SECRET", "write its name, never the key itself")]
    [InlineData("address: 'http://h/v1', model: m, key_env: KEY", "the key would go to h in clear; write the address as https://HOST/v1")]
    [InlineData("address: 'http://127.0.0.2.example/v1', model: m, key_env: KEY", "in clear")]
    [InlineData("address: 'ftp://h/SECRET', model: m", "write the address as https://HOST/v1")]
    [InlineData("address: 'SECRET', model: m", "write the address as https://HOST/v1")]
    public void No_secret_of_an_endpoint_is_taken_or_repeated(string endpoint, string problem)
    {
        var message = Assert.Throws<RecipeException>(() =>
            RecipeFile.Parse(
                $"judge: {{endpoints: [{{name: e, {endpoint}}}]}}\ndata: {{world_pairs: 1}}\nstages: [{{name: S, method: rm, steps: 1, "
                + $"learning_rate: 1, prompts: 1}}]", "r.yaml")).Message;
        Assert.StartsWith("r.yaml:1: judge.endpoints[0]: ", message);
        Assert.Contains(problem, message);
        Assert.DoesNotContain("SECRET", message);
    }

    [Theory]
    [InlineData("stages.S.judge", "https://h/v1?api_key=SECRET")]
    [InlineData("evaluation.judge", "https://h/v1?api_key=SECRET")]
    [InlineData("judge.endpoints", "[{name: e, address: 'https://h/v1?api_key=SECRET', model: m}]")]
    public void A_setting_with_an_address_is_named_without_it(string key, string value)
    {
        var message = Assert.Throws<RecipeException>(() => Parse(key, value)).Message;
        Assert.StartsWith($"--set {key}=…: ", message);
        Assert.DoesNotContain("SECRET", message);
    }

    [Theory]
    [InlineData("address: 'http://127.0.0.1:8000/v1', model: m, key_env: KEY")]
    [InlineData("address: 'http://localhost/v1', model: m, key_env: KEY")]
    [InlineData("address: 'http://[::1]/v1', model: m, key_env: KEY")]
    [InlineData("address: 'http://h/v1', model: m")]
    [InlineData("address: 'https://h/v1', model: m, key_env: KEY")]
    public void An_endpoint_that_keeps_its_key_is_taken(string endpoint) =>
        Assert.Equal("e", Parse("judge.endpoints", $"[{{name: e, {endpoint}}}]").Judge.Endpoints.Single().Name);
}
