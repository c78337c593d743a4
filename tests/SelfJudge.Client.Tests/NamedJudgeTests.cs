using SelfJudge.Abstractions;
using SelfJudge.Preferences.Sampling;
using SelfJudge.Runs.Judging;

namespace SelfJudge.Client.Tests;

public sealed class NamedJudgeTests
{
    private const string Address = "http://127.0.0.1:9/v1";

    private static string Refusal(string named, string? model = null, string? keyVariable = null, params IReadOnlyList<string> templates) =>
        Assert.Throws<UserError>(() => NamedJudge.Resolve(named, model, keyVariable, templates)).Message;

    [Fact]
    public void The_oracle_is_a_judge_without_templates_and_without_a_model()
    {
        var judge = NamedJudge.Resolve("oracle", null, null, []);
        Assert.Equal(("oracle", false), (judge.Name, judge.Source.IsModel));
        Assert.Empty(judge.Templates);
        Assert.Equal("--judge-template: the oracle has no templates", Refusal("oracle", templates: "hh-helpful"));
        Assert.Equal("--judge-model belongs to a judge of the form https://HOST/v1, and --judge is oracle",
            Refusal("oracle", model: "gpt"));
        Assert.Equal("--judge-key-env belongs to a judge of the form https://HOST/v1, and --judge is oracle",
            Refusal("oracle", keyVariable: "KEY"));
    }

    [Fact]
    public void An_address_is_a_chat_model_by_its_name_and_templates()
    {
        var judge = NamedJudge.Resolve(Address, "big", null, ["hh-helpful"]);
        Assert.Equal(($"big at {Address}", false, "big"), (judge.Name, judge.Source.IsModel, judge.Source.Endpoint!.Model));
        Assert.Equal(["hh-helpful"], judge.Templates);
        Assert.Equal(["ultrafeedback"], NamedJudge.Resolve(Address, "big", null, []).Templates);
    }

    [Fact]
    public void What_an_endpoint_lacks_is_said_and_a_secret_is_not_repeated()
    {
        Assert.Equal($"--judge {Address}: name the model that is to judge there with --judge-model", Refusal(Address));
        Assert.Equal("--judge-key-env SELFJUDGE_NO_SUCH_KEY: there is no such environment variable, or it is empty",
            Refusal(Address, "big", "SELFJUDGE_NO_SUCH_KEY"));
        Assert.DoesNotContain("hunter2", Refusal("https://me:hunter2@host/v1", "big"));
        Assert.StartsWith("--judge-template: ", Refusal(Address, "big", null, "no-such-template"));
    }

    [Fact]
    public void A_judge_that_shares_weights_with_a_side_is_not_independent()
    {
        static SubmittedModel Of(params string[] folders) =>
            new(folders[^1], [.. folders.Select(f => new ModelReference($"submit/{f}", f, null, null, "paper"))], ["hh-helpful"],
                new SamplingOptions());
        static ComparedPolicy Side(SubmittedModel? model) => new(model?.Name ?? "answers.jsonl", model, []);
        var judge = new NamedJudge("/judge", ["hh-helpful"], JudgeCatalog.OfModels(Of("/base", "/judge").Chain));
        Assert.Equal("the judge shares weights with A; not independent", judge.NoteOn(Side(Of("/base", "/adapter")), Side(Of("/other"))));
        Assert.Equal("the judge shares weights with A and B; not independent", judge.NoteOn(Side(Of("/judge")), Side(Of("/base"))));
        Assert.Null(judge.NoteOn(Side(Of("/other")), Side(null)));
    }
}
