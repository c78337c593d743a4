using SelfJudge.SystemTests.Processes;

namespace SelfJudge.SystemTests;

/// <summary>Runs, files and strangers on one machine.</summary>
public sealed class RunFoldersTests(UninterruptedRun uninterrupted) : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Two_runs_of_one_name_in_two_places_are_two_to_a_cluster()
    {
        await using var silo = await Silo.Start(_folder);
        string[] runs = [_folder["a/smoke"], _folder["b/smoke"]];
        await using var first =
            _folder.StartClient(SmallRun.Train(runs[0], ["--cluster", silo.Gateway, .. SmallRun.Set("stages.JSFT.steps=100000")]));
        await first.Until(() => SmallRun.NewestCheckpoint(runs[0]) > 0, "a checkpoint of the first run");
        var second = await _folder.Client(SmallRun.Train(runs[1], "--cluster", silo.Gateway));
        Assert.True(second.ExitCode == 0, second.ToString());
        Assert.Equal(Enumerable.Range(1, SmallRun.Steps), SmallRun.Metrics(runs[1]).Select(r => (int)r["run_step"]!));
        Assert.True(File.Exists(Path.Combine(runs[1], "result.json")));
        await AssertFails($"no process is executing run smoke: it is completed; 'show {runs[1]}' prints its result", "cancel", runs[1]);
        var cancelled = await _folder.Client("cancel", runs[0]);
        Assert.True(cancelled.ExitCode == 0, cancelled.ToString());
        Assert.Equal(3, (await first.End()).ExitCode);
    }

    [Fact]
    public async Task No_command_makes_a_run_among_a_users_files()
    {
        var mine = _folder["mine"];
        Directory.CreateDirectory(Path.Combine(mine, "adapter"));
        Directory.CreateDirectory(Path.Combine(mine, "tensorboard", "JSFT"));
        string[] files = [Path.Combine(mine, "adapter", "adapter_model.safetensors"), Path.Combine(mine, "metrics.jsonl"),
            Path.Combine(mine, "tensorboard", "JSFT", "events")];
        foreach (var file in files)
            File.WriteAllText(file, "mine");
        foreach (var command in new[] { SmallRun.Train(mine), ["demo", "--quick", "--out", mine],
            ["jsft", "--model", "none", "--data", "none", "--out", mine] })
            await AssertFails($"{mine} holds files that no run made, such as adapter, and a run would replace some of them: name a folder "
                + $"that is new or empty", command);
        foreach (var command in new[] { new[] { "demo", "--quick", "--seeds", "2", "--out", mine },
            ["reproduce", "--quick", "--table", "1", "--out", mine], ["reproduce", "--quick", "--settings", "--out", mine] })
            await AssertFails($"{mine} holds files that no run made, such as adapter, and a folder of runs would replace some of them: "
                + $"name a folder that is new or empty", command);
        Assert.Equal(files, Directory.GetFiles(mine, "*", SearchOption.AllDirectories).Order(StringComparer.Ordinal));
        Assert.All(files, f => Assert.Equal("mine", File.ReadAllText(f)));
    }

    [Fact]
    public async Task A_folder_with_a_recipe_alone_is_nothing_to_resume()
    {
        Directory.CreateDirectory(_folder["mine"]);
        File.Copy(SmallRun.Recipe("smoke.yaml"), _folder["mine/recipe.yaml"]);
        await AssertFails($"no run was ever started in {_folder["mine"]}: it has a recipe.yaml, but no run.json; start one by 'train "
            + $"--recipe {_folder["mine/recipe.yaml"]}', with --out for another folder", "resume", _folder["mine"]);
        Assert.Single(Directory.GetFileSystemEntries(_folder["mine"]));
    }

    [Fact]
    public async Task What_is_left_of_a_run_without_its_recipe_is_not_taken_up_by_another()
    {
        Directory.CreateDirectory(_folder["left/checkpoints"]);
        File.WriteAllText(_folder["left/run.json"], """{"selfjudge":"run","version":1}""");
        await AssertFails("left holds what is left of a run, such as checkpoints, without its recipe.yaml: put that back, or name another "
            + "folder with --out", SmallRun.Train("left"));
    }

    [Theory]
    [InlineData("../../evil")]
    [InlineData("/evil")]
    [InlineData("..")]
    [InlineData(".hidden")]
    public async Task The_name_of_a_recipe_does_not_lead_out_of_the_folder_of_runs(string name)
    {
        var recipe = _folder.Write("recipe.yaml",
            [.. File.ReadLines(SmallRun.Recipe("smoke.yaml")).Where(l => !l.StartsWith("name:", StringComparison.Ordinal)),
            $"name: '{name}'"]);
        var ended = await _folder.Client("train", "--recipe", recipe);
        Assert.True(ended.ExitCode == 1, ended.ToString());
        Assert.Contains("name", ended.Errors, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", ended.Errors, StringComparison.Ordinal);
        Assert.Equal(["recipe.yaml"], Directory.GetFileSystemEntries(_folder.Path).Select(Path.GetFileName));
    }

    [Fact]
    public async Task The_second_of_two_starts_in_one_folder_is_told_which_process_has_it_from_the_first_moment_on()
    {
        var run = _folder["run"];
        await using var first = _folder.StartClient(SmallRun.Train(run));
        await first.Until(() => File.Exists(Path.Combine(run, "run.lock")), "the lock");
        // It has no silo yet, and no recipe in the folder: to the second console the folder is free.
        var second = await _folder.Client(SmallRun.Train(run));
        Assert.True(second.ExitCode == 1, second.ToString());
        Assert.Matches($"^(process {first.Id} is executing the run in {run}; watch it with 'watch {run}', or stop it with 'cancel "
            + $"{run}'|{run} holds a run already: .*)\n$", second.Errors);
        var ended = await first.End();
        Assert.True(ended.ExitCode == 0, ended.ToString());
    }

    [Fact]
    public async Task A_models_weights_that_have_changed_since_a_run_wrote_them_are_refused_wherever_they_are_read()
    {
        var run = await uninterrupted.Folder;
        foreach (var name in new[] { "adapter", "stages" })
            await ConsoleProcess.Run("cp", _folder.Path, "-r", Path.Combine(run, name), _folder[name]);
        var weights = _folder["stages/JSFT/model.safetensors"];
        var bytes = File.ReadAllBytes(weights);
        bytes[^1] ^= 1;
        File.WriteAllBytes(weights, bytes);
        var message = $"{_folder["stages/JSFT"]} is damaged: the content of model.safetensors has changed since it was written";
        await AssertFails(message, "generate", "--model", _folder["stages/JSFT"], "--prompt", "hello");
        await AssertFails(message, "generate", "--model", _folder["stages/JSFT"], "--adapter", _folder["adapter"], "--prompt", "hello");
        await AssertFails(message, "convert", "--model", _folder["stages/JSFT"], "--out", _folder["converted"]);
        await AssertFails(message, SmallRun.Train("new", [.. SmallRun.Set($"model.path={_folder["stages/JSFT"]}")]));
    }

    [Fact]
    public async Task A_result_is_not_written_over_what_is_read_or_over_what_is_something_else()
    {
        var run = await uninterrupted.Folder;
        // One line without its end looks like a line that a crash has cut.
        var prompts = _folder["prompts.jsonl"];
        File.WriteAllText(prompts, """{"prompt": "where does the dog live ?"}""");
        var other = _folder["other.jsonl"];
        File.WriteAllText(other, "a user's own line");
        var rows = _folder.Write("rows.jsonl", """{"prompt": "where does the dog live ?", "chosen": "here .", "rejected": "there ."}""");
        Directory.CreateSymbolicLink(_folder["link"], _folder.Path);
        await AssertFails($"--out {prompts} is {prompts}, which the command reads: name another file", "submit", prompts, "--model", run,
            "--out", prompts);
        await AssertFails($"--out {_folder["link/rows.jsonl"]} is {rows}, which the command reads: name another file", "score", "--model",
            run, "--data", rows, "--out", _folder["link/rows.jsonl"]);
        await AssertFails($"--out {prompts} is {prompts}, which the command reads: name another file", "compare", run, run, "--prompts",
            prompts, "--judge", run, "--out", prompts);
        File.WriteAllText(_folder["out.b.jsonl"], """{"prompt": "where does the dog live ?"}""");
        await AssertFails($"--out {_folder["out.b.jsonl"]} is {_folder["out.b.jsonl"]}, which the command reads: name another file",
            "compare", run, run, "--prompts", _folder["out.b.jsonl"], "--judge", run, "--out", _folder["out.jsonl"]);
        await AssertFails($"{other}:1: no line that this command writes; name another file with --out", "submit", prompts, "--model", run,
            "--out", other);
        await AssertFails($"{other}:1: no line that this command writes; name another file with --out", "compare", run, run, "--prompts",
            prompts, "--judge", run, "--out", other);
        await AssertFails($"--out {other} is there already, and holds no scores: name another file, or delete it", "score", "--model", run,
            "--data", rows, "--out", other);
        Assert.Equal("a user's own line", File.ReadAllText(other));
        await AssertFails($"--out {_folder.Path} is a folder: name a file", "submit", prompts, "--model", run, "--out", _folder.Path);
    }

    [Fact]
    public async Task A_run_with_a_damaged_file_is_listed_and_its_file_named()
    {
        var run = await uninterrupted.Folder;
        Directory.CreateDirectory(_folder["runs"]);
        foreach (var name in new[] { "metrics", "result", "address" })
            await ConsoleProcess.Run("cp", _folder.Path, "-r", run, _folder[$"runs/{name}"]);
        File.WriteAllText(_folder["runs/metrics/metrics.jsonl"], "x\n");
        File.WriteAllText(_folder["runs/result/result.json"], "{}");
        File.WriteAllText(_folder["runs/address/silo.json"],
            """{"run_id":"x","process_id":1,"gateway_port":99999,"cluster_id":"","service_id":"","dashboard":"","gateway_host":"?"}""");
        var listed = await _folder.Client("runs");
        Assert.Matches("address +smoke +completed .*\n +metrics +damaged .*\n +result +smoke +completed ", listed.Output);
        var metrics = await _folder.Client("show", "metrics");
        Assert.True(metrics.ExitCode == 1, metrics.ToString());
        Assert.StartsWith($"{_folder["runs/metrics/metrics.jsonl"]}:1: the line was damaged", metrics.Errors, StringComparison.Ordinal);
        var result = await _folder.Client("show", "result");
        Assert.True(result.ExitCode == 1, result.ToString());
        Assert.StartsWith($"{_folder["runs/result/result.json"]}: the result was damaged after it was written (", result.Errors,
            StringComparison.Ordinal);
        await AssertFails($"no process is executing run address: it is completed; 'show {_folder["runs/address"]}' prints its result",
            "watch", "address");
    }

    private async Task AssertFails(string message, params string[] arguments)
    {
        var ended = await _folder.Client(arguments);
        Assert.True(ended.ExitCode == 1, ended.ToString());
        Assert.Equal(message + "\n", ended.Errors);
    }
}
