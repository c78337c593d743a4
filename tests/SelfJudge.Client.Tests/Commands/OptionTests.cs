using System.CommandLine;
using System.Net;
using SelfJudge.Client.Commands;
using SelfJudge.Modeling.Hosting;
using SelfJudge.Preferences.Sampling;
using SelfJudge.Tests.Shared;

namespace SelfJudge.Client.Tests.Commands;

/// <summary>What the words of a command line come to.</summary>
public sealed class OptionTests
{
    private static readonly SamplingOptions Defaults = new(0.5, 0.9, 40, 64);

    [Fact]
    public void What_is_left_out_of_sampling_is_as_the_recipe_has_it()
    {
        var choices = new SamplingChoices();
        var command = new Command("c");
        choices.AddTo(command);
        Assert.Equal(Defaults, choices.Resolve(command.Parse([]), Defaults));
        Assert.Equal(new SamplingOptions(0, 1, 0, 8),
            choices.Resolve(command.Parse("--temperature 0 --top-p 1 --top-k 0 --max-new-tokens 8"), Defaults));
        Assert.Equal(1UL, command.Parse([]).GetValue(choices.Seed));
        Assert.Equal(ulong.MaxValue, command.Parse("--seed 18446744073709551615").GetValue(choices.Seed));
        Assert.NotEmpty(command.Parse("--top-p 1.5").Errors);
    }

    [Theory]
    [InlineData("127.0.0.1:30000", true)]
    [InlineData("localhost:1", true)]
    [InlineData("localhost:65535", true)]
    [InlineData("localhost:65536", false)]
    [InlineData("localhost:0", false)]
    [InlineData("localhost:+1", false)]
    [InlineData("localhost", false)]
    [InlineData(":30000", false)]
    public void A_cluster_is_a_host_and_a_port(string text, bool isOne) =>
        Assert.Equal(isOne ? 0 : 1, new Command("c") { CommonOptions.Cluster() }.Parse(["--cluster", text]).Errors.Count);

    [Fact]
    public void A_gateway_is_an_address_and_an_unknown_host_is_said()
    {
        Assert.Equal(new IPEndPoint(IPAddress.Loopback, 30000), CommonOptions.ParseGateway("127.0.0.1:30000"));
        Assert.StartsWith("--cluster no host:1: ", Assert.Throws<UserError>(() => CommonOptions.ParseGateway("no host:1")).Message);
    }

    [Fact]
    public void Templates_are_known_names_or_files_by_their_whole_paths()
    {
        using var folder = new TemporaryFolder();
        Assert.Null(CommonOptions.ParseTemplate(null));
        Assert.Equal("paper", CommonOptions.ParseTemplate("paper"));
        Assert.StartsWith("--template none: ", Assert.Throws<UserError>(() => CommonOptions.ParseTemplate("none")).Message);
        Assert.Equal("hh-helpful", CommonOptions.ParseJudgeTemplate("hh-helpful", "--judge-template"));
        Assert.StartsWith("--judge-template: ",
            Assert.Throws<UserError>(() => CommonOptions.ParseJudgeTemplate("none", "--judge-template")).Message);
        Assert.DoesNotContain("--judge-template",
            Assert.Throws<UserError>(() => CommonOptions.ParseJudgeTemplate(folder.In("none.yaml"), null)).Message);
    }

    [Fact]
    public void A_device_is_of_this_process_and_not_of_a_cluster()
    {
        var options = new DeviceOptions();
        var command = new Command("c");
        options.AddTo(command);
        DeviceChoice Of(string line, string? cluster = null) => options.Resolve(command.Parse(line), cluster);
        Assert.Equal(new DeviceChoice("cpu", WeightDtype.Auto), Of(""));
        Assert.Equal(new DeviceChoice("cpu", WeightDtype.BFloat16), Of("--device cpu --dtype bfloat16"));
        Assert.Equal(DeviceChoice.Default, Of("", "host:1"));
        Assert.StartsWith("--device cpu and --cluster host:1 contradict each other",
            Assert.Throws<UserError>(() => Of("--device cpu", "host:1")).Message);
        Assert.StartsWith("--dtype float32 and --cluster host:1 contradict each other",
            Assert.Throws<UserError>(() => Of("--dtype float32", "host:1")).Message);
        Assert.StartsWith("--device", Assert.Throws<UserError>(() => Of("--device tpu")).Message);
    }

    [Fact]
    public void A_name_that_is_no_model_is_told_apart_from_a_folder_without_one()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder.In("file"), "");
        string Refusal(string named, string? option) =>
            Assert.Throws<UserError>(() => SubmittedModel.Resolve(named, null, null, option: option)).Message;
        Assert.Equal($"--model {folder.Path}: the folder holds no model (config.json), no adapter (adapter_config.json) and no run "
            + $"(recipe.yaml)", Refusal(folder.Path, "--model"));
        Assert.StartsWith($"{folder.In("file")}: is a file; ", Refusal(folder.In("file"), null));
        Assert.StartsWith($"{folder.In("none")}: there is no such folder or run; ", Refusal(folder.In("none"), null));
    }
}
