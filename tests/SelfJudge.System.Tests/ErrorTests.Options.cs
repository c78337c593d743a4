using SelfJudge.SystemTests.Processes;

namespace SelfJudge.SystemTests;

public sealed partial class ErrorTests
{
    [Fact]
    public async Task A_cluster_where_nobody_answers_is_named_at_once()
    {
        await AssertFails("no silo answers at 127.0.0.1:1: Connection refused", SmallRun.Train(Run, "--cluster", "localhost:1"));
        Assert.False(Directory.Exists(Run), "there is a folder of a run that never was");
    }

    [Theory]
    [InlineData("localhost")]
    [InlineData("localhost:")]
    [InlineData("localhost:99999")]
    public async Task A_cluster_without_a_port_is_refused(string cluster) =>
        await AssertFails($"--cluster {cluster}: write the gateway of a silo as HOST:PORT, such as 127.0.0.1:30000",
            SmallRun.Train(Run, "--cluster", cluster));

    [Theory]
    [InlineData("--seeds 0: must be a whole number from 1 to 1000", "demo", "--seeds", "0")]
    [InlineData("--seeds 2: there are not so many seeds from --seed 18446744073709551615 on", "demo", "--seed", "18446744073709551615",
        "--seeds", "2")]
    [InlineData("--samples 0: must be a whole number from 1 to 1024", "submit", "prompts.jsonl", "--samples", "0", "--out",
        "answers.jsonl")]
    [InlineData("--temperature 1e-39: must be a number, 0, or from 0.0001 to 1000", "generate", "--prompt", "x", "--temperature", "1e-39")]
    [InlineData("--max-new-tokens 2147483647: must be a whole number from 1 to 1048576", "generate", "--prompt", "x", "--max-new-tokens",
        "2147483647")]
    [InlineData("--beta 1e-320: must be a number from 0.000001 to 1000", "score", "--data", "x", "--out", "x", "--beta", "1e-320")]
    [InlineData("--loss 1: known are sigmoid, hinge and ipo", "score", "--data", "x", "--out", "x", "--loss", "1")]
    [InlineData("--loss sigmoid, ipo: known are sigmoid, hinge and ipo", "score", "--data", "x", "--out", "x", "--loss", "sigmoid, ipo")]
    [InlineData("--max-length -5: must be a whole number from 16 to 16777216", "data", "inspect", "--data", "x", "--max-length", "-5")]
    [InlineData("--epochs NaN: must be a number more than 0 and at most 1000000", "jsft", "--model", "x", "--data", "x", "--epochs", "NaN")]
    [InlineData("--max-shard-size 2: write a size such as 80GB or 24GiB", "convert", "--model", "x", "--out", "y", "--max-shard-size", "2")]
    [InlineData("--out '': must not be empty", "train", "--recipe", "x", "--out", "")]
    [InlineData("--recipe '': must not be empty", "train", "--recipe", "")]
    [InlineData("prompts '': must not be empty", "submit", "", "--out", "x")]
    [InlineData("tarin is no command of 'selfjudge': known are demo, jsft, train, plan, submit, compare, generate, chat, judge, score, "
        + "convert, recipes, data, reproduce, runs, show, watch, cancel, resume, tokenize, detokenize", "tarin", "--recipe", "x")]
    [InlineData("vali is no command of 'selfjudge recipes': known are list, show, copy, validate, schema, explain", "recipes", "vali", "x")]
    [InlineData("--nonsense is no option of 'selfjudge recipes validate': known are --set, --verbose", "recipes", "validate", "x",
        "--nonsense", "1")]
    [InlineData("two is more than 'selfjudge show' takes: put a text with spaces between quotes, or see 'selfjudge show --help'", "show",
        "one", "two")]
    [InlineData("prompts.jsonl: no such file", "submit", "prompts.jsonl", "--out", "answers.jsonl")]
    public async Task A_number_or_file_that_cannot_be_is_refused(string message, params string[] arguments) =>
        await AssertFails(message, arguments);

    [Theory]
    [InlineData("--silo-port 65536: must be a whole number from 0 to 65535", "--silo-port", "65536")]
    [InlineData("--workers 2147483647: must be a whole number from 1 to 1024", "--workers", "2147483647")]
    [InlineData("--primary 127.0.0.1: write it as ADDRESS:PORT, such as 127.0.0.1:11111", "--primary", "127.0.0.1")]
    [InlineData("--dtype 1: known are auto, float32, bfloat16 and rounded", "--dtype", "1")]
    [InlineData("--device tpu is unknown: write cpu, or cuda:N for the N-th GPU, counted from 0", "--device", "tpu")]
    [InlineData("--storage '': must not be empty", "--storage", "")]
    public async Task A_silo_refuses_options_that_cannot_be(string message, params string[] arguments)
    {
        var ended = await ConsoleProcess.Run(Programs.Silo, _folder.Path, arguments);
        Assert.True(ended.ExitCode == 1, ended.ToString());
        Assert.Equal(message + "\n", ended.Errors);
    }

    [Fact]
    public async Task A_text_that_begins_with_an_at_sign_is_a_text_and_names_no_file_of_arguments()
    {
        await AssertFails($"{_folder["@none.yaml"]}: no such recipe file", "train", "--recipe", _folder["@none.yaml"]);
        await AssertFails("@none.yaml: no such recipe file", "train", "--recipe", "@none.yaml");
    }

    [Fact]
    public async Task What_others_wrote_cannot_steer_the_terminal() =>
        await AssertFails("\\u001b]0;owned\\u0007\\u202e.yaml: no such recipe file", "train", "--recipe", "\e]0;owned\a\u202e.yaml");

    [Theory]
    [InlineData("--device tpu is unknown: write cpu, or cuda:N for the N-th GPU, counted from 0", "--device", "tpu")]
    [InlineData("--device cuda:99 *", "--device", "cuda:99")]
    [InlineData("--dtype bfloat16 and --cluster localhost:1 contradict each other: the cluster's models are where its silos have them; "
        + "start the silo with these options", "--dtype", "bfloat16", "--cluster", "localhost:1")]
    public async Task A_device_that_is_not_there_or_not_the_clients_to_choose_is_said_first(string message, params string[] options)
    {
        foreach (var command in new[] { SmallRun.Train(Run), ["generate", "--model", _folder["none"], "--prompt", "hello"],
            ["submit", "none.jsonl", "--out", Run], ["resume", Run] })
            await AssertFails(message, [.. command, .. options]);
    }

    [Fact]
    public async Task Settings_that_need_one_another_are_checked_together()
    {
        var ended = await _folder.Client(["recipes", "validate", SmallRun.Recipe("smoke.yaml"),
            .. SmallRun.Set("model.init.heads=4", "model.init.key_value_heads=4", "model.init.hidden_size=30",
            "model.init.hidden_size=32")]);
        Assert.True(ended.ExitCode == 0, ended.ToString());
        await AssertFails("--set model.init.heads=3: model.init.heads: must divide hidden_size (64)",
            ["recipes", "validate", SmallRun.Recipe("smoke.yaml"), .. SmallRun.Set("model.init.heads=3", "seed=2")]);
    }
}
