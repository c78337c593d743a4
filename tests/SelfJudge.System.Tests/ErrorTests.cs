using SelfJudge.SystemTests.Processes;

namespace SelfJudge.SystemTests;

/// <summary>What the user can put right is said in one message, before there is a run.</summary>
public sealed partial class ErrorTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    private string Run => _folder["run"];

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task An_unknown_key_of_a_recipe_is_named_with_its_line()
    {
        var recipe = _folder.Write("recipe.yaml", "name: mine", "data:", "  world_pears: 100");
        await AssertFails($"{recipe}:3: unknown key 'data.world_pears'; known here are world_pairs, pairs, prompts, sources, "
            + $"world_extra_answers, extra_answers, max_malformed", "train", "--recipe", recipe, "--out", Run);
    }

    [Fact]
    public async Task A_value_of_another_type_is_named_with_its_line()
    {
        var recipe = _folder.Write("recipe.yaml", "data: {world_pairs: 100}", "stages:", "  - name: SFT", "    method: sft",
            "    steps: many");
        await AssertFails($"{recipe}:5: stages[0].steps: must be a whole number, 0 or more, not 'many'", "train", "--recipe", recipe,
            "--out", Run);
    }

    [Fact]
    public async Task A_missing_recipe_is_named() =>
        await AssertFails($"{_folder["none.yaml"]}: no such recipe file", "train", "--recipe", _folder["none.yaml"], "--out", Run);

    [Theory]
    [InlineData("stages.JSFT.stepz=3", "unknown key 'stages.JSFT.stepz'; known here are name, method, from, steps, ")]
    [InlineData("stages.SFT.steps=3", "'stages' has no element 'SFT'")]
    [InlineData("stages.JSFT.steps=many", "stages[0].steps: must be a whole number, 0 or more, not 'many'")]
    [InlineData("stages.JSFT.steps=0", "stages[0].steps: must be 1 or more")]
    [InlineData("steps", "write it as key=value")]
    [InlineData("stages.JSFT=5", "'stages.JSFT' is a whole element; set one of its keys: name, method, ")]
    [InlineData("data.world_pairs=", "data: give world_pairs, or a file of pairs or prompts")]
    public async Task A_setting_that_cannot_be_is_quoted(string setting, string message) =>
        await AssertFails($"--set {setting}: {message}*", SmallRun.Train(Run, "--set", setting));

    [Fact]
    public async Task Template_files_of_stages_are_read_before_there_is_a_run_and_have_names_of_their_own()
    {
        var (empty, named) = (_folder.Write("empty.yaml", "name: mine", "text:"),
            _folder.Write("named.yaml", "name: world", "text: \"{context} {response_a} {response_b} \""));
        await AssertFails($"{empty}: the key text is missing; a judge template has name, text",
            SmallRun.Train(Run, "--set", $"stages.JSFT.judge_templates=[{empty}]"));
        await AssertFails($"judge.templates: world and {named} have the same name, 'world'; give one of them another",
            SmallRun.Train(Run, "--set", $"stages.JSFT.judge_templates=[{named}]"));
        Assert.False(Directory.Exists(Run));
    }

    [Fact]
    public async Task A_missing_model_folder_is_named() =>
        await AssertFails($"model.path: there is no {_folder["model"]}", SmallRun.Train(Run, "--model", _folder["model"]));

    [Fact]
    public async Task A_model_folder_without_a_configuration_is_named()
    {
        Directory.CreateDirectory(_folder["model"]);
        await AssertFails($"{_folder["model"]} is not a model folder: it has no config.json",
            SmallRun.Train(Run, "--model", _folder["model"]));
    }

    /// <summary>Wherever a model and a tokenizer come together.</summary>
    [Theory]
    [InlineData("train", "--recipe", "RECIPE", "--out", "RUN", "--model", "MODEL")]
    [InlineData("plan", "--recipe", "RECIPE", "--model", "MODEL")]
    [InlineData("generate", "--prompt", "cat", "--model", "MODEL")]
    [InlineData("judge", "--prompt", "cat", "--a", "x", "--b", "y", "--model", "MODEL")]
    [InlineData("submit", "PROMPTS", "--samples", "2", "--out", "RUN", "--model", "MODEL")]
    [InlineData("data", "inspect", "--data", "PROMPTS", "--model", "MODEL")]
    public async Task A_tokenizer_that_knows_more_tokens_than_its_model_is_refused(params string[] command)
    {
        WriteModelThatLacksAToken();
        var recipe = _folder.Write("recipe.yaml", "name: mine", "data: {world_pairs: 100}",
            "stages: [{name: SFT, method: sft, steps: 1, policy_examples: 2, learning_rate: 1e-3}]");
        var prompts = _folder.Write("prompts.jsonl", """{"prompt": "cat"}""");
        await AssertFails($"{_folder["model/tokenizer.json"]}: the token 'dog' has the id 3, but the model knows the ids 0 to 2 only "
            + $"(vocab_size 3 in config.json)*",
            [.. command.Select(a => a switch { "MODEL" => _folder["model"], "RECIPE" => recipe, "PROMPTS" => prompts, "RUN" => Run, _ =>
                a })]);
    }

    [Theory]
    [InlineData("train", "method: self-judge", "judge: MODEL", "")]
    [InlineData("train", "method: ppo", "reward: MODEL", "")]
    [InlineData("train", "method: dpo", "loss: {kind: sigmoid}", "evaluation: {baseline: SFT, prompts: 2, judge: MODEL}")]
    [InlineData("plan", "method: self-judge", "judge: MODEL", "")]
    [InlineData("plan", "method: ppo", "reward: MODEL", "")]
    public async Task Such_a_model_judges_and_rewards_no_stage(string command, string method, string key, string evaluation)
    {
        WriteModelThatLacksAToken();
        string Named(string text) => text.Replace("MODEL", _folder["model"], StringComparison.Ordinal);
        var recipe = _folder.Write("recipe.yaml", "name: mine", "data: {world_pairs: 100}",
            "stages: [{name: SFT, method: sft, steps: 1, policy_examples: 2, learning_rate: 1e-3},",
                $"  {{name: Second, {method}, from: SFT, steps: 1, prompts: 2, learning_rate: 1e-3, {Named(key)}}}]", Named(evaluation));
        await AssertFails($"{_folder["model/tokenizer.json"]}: the token 'dog' has the id 3, but the model knows the ids 0 to 2 only "
            + $"(vocab_size 3 in config.json)*",
            [command, "--recipe", recipe, .. command == "train" ? ["--out", Run] : Array.Empty<string>()]);
    }

    [Fact]
    public async Task A_model_of_another_architecture_is_refused()
    {
        Directory.CreateDirectory(_folder["model"]);
        File.WriteAllText(_folder["model/config.json"], """{"model_type": "gpt2"}""");
        await AssertFails($"{_folder["model/config.json"]}: model_type is gpt2; supported are llama, mistral, qwen2, qwen3",
            SmallRun.Train(Run, "--model", _folder["model"]));
    }

    [Theory]
    [InlineData("Unigram", "model.type is Unigram; supported are BPE and WordLevel")]
    [InlineData("WordLevel", "the token </s> is missing from model.vocab")]
    public async Task A_tokenizer_that_is_not_supported_is_named(string type, string message)
    {
        File.WriteAllText(Path.Combine(Model(), "tokenizer.json"), $$"""{"model": {"type": "{{type}}", "vocab": {"a": 0, "b": 1} } }""");
        await AssertFails($"{_folder["model/tokenizer.json"]}: {message}", SmallRun.Train(Run, "--model", _folder["model"]));
    }

    [Fact]
    public async Task A_malformed_line_of_prompts_is_named()
    {
        var prompts = _folder.Write("prompts.jsonl", """{"prompt": "where does the dog live ?"}""",
            """{"question": "what colour is it ?"}""");
        await AssertFails($"{prompts}:2: the row has no \"prompt\"; write rows as {{\"prompt\": \"…\"}}; it has \"question\"", "submit",
            prompts, "--model", _folder["model"], "--out", Run);
        await AssertFails($"{prompts}:2: the row has no \"prompt\"; write rows as {{\"prompt\": \"…\"}}; it has \"question\"", "train",
            "--recipe", SmallRun.Recipe("self-judge-lora.yaml"), "--model", Model(), "--set", $"data.prompts={prompts}", "--out", Run);
        _folder.Write("prompts.jsonl", """{"prompt": "where does the dog live ?""");
        await AssertFails($"{prompts}:1: *", "submit", prompts, "--model", _folder["model"], "--out", Run);
    }

    [Fact]
    public async Task An_empty_file_of_prompts_is_named()
    {
        var prompts = _folder.Write("prompts.jsonl");
        await AssertFails($"{prompts}: holds no rows", "submit", prompts, "--model", _folder["model"], "--out", Run);
        await AssertFails($"{prompts}: holds no rows", "train", "--recipe", SmallRun.Recipe("self-judge-lora.yaml"), "--model", Model(),
            "--set", $"data.prompts={prompts}", "--out", Run);
    }

    [Fact]
    public async Task A_folder_that_cannot_be_made_is_named()
    {
        // Where tests run as root no mode forbids writing, but a file where a folder should be always does.
        var blocked = Path.Combine(_folder.Write("file", "in the way"), "run");
        foreach (var command in new string[][] { SmallRun.Train(blocked), ["demo", "--quick", "--out", blocked],
            ["reproduce", "--out", blocked], ["convert", "--model", "none", "--out", blocked] })
            await AssertFails($"--out {blocked} cannot be written: {_folder["file"]} is a file, not a folder", command);
    }

    [Fact]
    public async Task A_name_that_no_file_system_takes_is_said_before_anything_is_read()
    {
        string name = new('é', 128), folder = _folder[Path.Combine(name, "run")], file = _folder[name];
        await AssertFails($"--out {folder} cannot be written: its name has 256 bytes, and a file system takes 255", "train", "--recipe",
            "none.yaml", "--out", folder);
        await AssertFails($"--out {file} cannot be written: its name has 256 bytes, and a file system takes 255", "score", "--data",
            "none.jsonl", "--model", "none", "--out", file);
    }

    [Fact]
    public async Task A_file_that_cannot_be_written_is_named_before_anything_is_read()
    {
        foreach (var command in new string[][] { ["submit", "none.jsonl"], ["compare", "none", "none", "--judge", "oracle"],
            ["score", "--data", "none.jsonl", "--model", "none"] })
        {
            await AssertFails($"--out {_folder["none/out.jsonl"]} cannot be written: there is no folder {_folder["none"]}",
                [.. command, "--out", "none/out.jsonl"]);
            await AssertFails($"--out {_folder.Path} is a folder: name a file", [.. command, "--out", _folder.Path]);
        }
    }

    [Fact]
    public async Task What_is_neither_a_model_nor_a_run_is_named_by_its_option()
    {
        const string Wanted = "name the folder of a model, of an adapter or of a run, or a run under runs/, which 'runs' lists";
        var pairs = _folder.Write("pairs.jsonl", """{"prompt": "a", "chosen": "b", "rejected": "c"}""");
        var answers = _folder.Write("given.jsonl", """{"prompt": "a", "answer": "b"}""");
        Directory.CreateDirectory(_folder["empty"]);
        foreach (var command in new string[][] { ["generate", "--prompt", "x"], ["chat"],
            ["judge", "--prompt", "x", "--a", "b", "--b", "c"], ["score", "--data", pairs, "--out", "scores.jsonl"],
            ["submit", pairs, "--out", "answers.jsonl"], ["convert", "--out", "converted"] })
            await AssertFails($"--model nowhere: there is no such folder or run; {Wanted}", [.. command, "--model", "nowhere"]);
        await AssertFails($"--model {pairs}: is a file; {Wanted}", "chat", "--model", pairs);
        await AssertFails("--model empty: the folder holds no model (config.json), no adapter (adapter_config.json) and no run "
            + "(recipe.yaml)", "chat", "--model", "empty");
        await AssertFails($"nowhere: there is no such folder or run; {Wanted}", "compare", answers, "nowhere", "--judge", "oracle", "--out",
            "compared.jsonl");
        await AssertFails($"--judge nowhere: there is no such folder or run; {Wanted}", "compare", answers, answers, "--judge", "nowhere",
            "--out", "compared.jsonl");
        foreach (var command in new[] { "tokenize", "detokenize" })
            await AssertFails("--model nowhere: there is no such folder", command, "--model", "nowhere");
        await AssertFails("--model nowhere: there is no such folder", "data", "inspect", "--data", pairs, "--model", "nowhere");
    }

    [Fact]
    public async Task Data_that_is_not_there_is_named_by_its_option()
    {
        foreach (var command in new string[][] { SmallRun.Train(Run), ["jsft", "--model", Model(), "--out", Run],
            ["plan", "--recipe", SmallRun.Recipe("smoke.yaml")] })
            await AssertFails($"--data: there is no {_folder["none.jsonl"]}", [.. command, "--data", "none.jsonl"]);
    }

    [Fact]
    public async Task A_judge_template_that_is_not_known_is_named_by_its_option()
    {
        var model = Model();
        foreach (var command in new string[][] { ["judge", "--prompt", "x", "--a", "b", "--b", "c", "--model", model, "--template",
            "plain"], ["data", "inspect", "--data", "none.jsonl"], ["jsft", "--data", model, "--model", model, "--out", Run] })
            await AssertFails("--judge-template: unknown judge template 'none'; known are world, *",
                [.. command, "--judge-template", "none"]);
    }

    [Fact]
    public async Task A_device_is_no_file_for_results()
    {
        if (!OperatingSystem.IsLinux())
            Assert.Skip("needs /dev");
        foreach (var command in new string[][] { ["submit", "none.jsonl"], ["compare", "none", "none", "--judge", "oracle"],
            ["score", "--data", "none.jsonl", "--model", "none"] })
            foreach (var device in new[] { "/dev/full", "/dev/stdout" })
                await AssertFails($"--out {device} is a device, a pipe or the system's own: name a file elsewhere",
                    [.. command, "--out", device]);
    }

    [Fact]
    public async Task A_folder_that_holds_a_run_is_not_overwritten()
    {
        Directory.CreateDirectory(Run);
        File.WriteAllText(Path.Combine(Run, "recipe.yaml"), "name: earlier");
        await AssertFails($"{Run} holds a run already: go on with it by 'resume {Run}', or name another folder with --out",
            SmallRun.Train(Run));
        await AssertFails($"{Run} holds a run already: go on with it by 'resume {Run}', or name another folder with --out", "demo",
            "--quick", "--out", Run);
        Assert.Equal(["recipe.yaml"], Directory.GetFileSystemEntries(Run).Select(Path.GetFileName));
    }

    // A model as far as anybody looks before work is spent.
    private void WriteModelThatLacksAToken()
    {
        Directory.CreateDirectory(_folder["model"]);
        File.WriteAllText(_folder["model/config.json"],
            """{"model_type": "llama", "vocab_size": 3, "hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2}""");
        File.WriteAllText(_folder["model/tokenizer.json"],
            """{"added_tokens": [], "model": {"type": "WordLevel", "vocab": {"</s>": 0, "<unk>": 1, "cat": 2, "dog": 3}, "unk_token": "<unk>"}}""");
    }

    private string Model()
    {
        Directory.CreateDirectory(_folder["model"]);
        File.WriteAllText(_folder["model/config.json"],
            """{"model_type": "llama", "vocab_size": 2, "hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1}""");
        File.WriteAllText(_folder["model/tokenizer.json"], """{"model": {"type": "WordLevel", "vocab": {"</s>": 0, "<unk>": 1}}}""");
        return _folder["model"];
    }

    // An asterisk at the end of the message stands for anything there.
    private async Task AssertFails(string message, params string[] arguments)
    {
        var ended = await _folder.Client(arguments);
        Assert.True(ended.ExitCode == 1, ended.ToString());
        Assert.True(ended.ProcessorTime < TimeSpan.FromSeconds(15), ended.ToString());
        Assert.DoesNotContain("   at ", ended.Errors, StringComparison.Ordinal);
        if (message.EndsWith('*'))
            Assert.StartsWith(message[..^1], ended.Errors, StringComparison.Ordinal);
        else
            Assert.Equal(message + "\n", ended.Errors);
        Assert.False(Directory.Exists(Path.Combine(Run, "checkpoints")), "work was spent");
    }
}
