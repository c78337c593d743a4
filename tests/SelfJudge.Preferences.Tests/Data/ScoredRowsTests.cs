using SelfJudge.Preferences.Data;
using SelfJudge.Preferences.Templates;

namespace SelfJudge.Preferences.Tests.Data;

public sealed class ScoredRowsTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("selfjudge-scored-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Ids_are_taken_as_they_stand_and_so_is_what_the_row_says_of_them()
    {
        var row = Assert.Single(
            Read("""{"prompt": "x", "chosen": "y", "rejected": "z", "prompt_ids": [1, 5], "chosen_ids": [6, 2], "rejected_ids": [], "policy_chosen_logp": -1.5, "policy_rejected_logp": 0, "ref_chosen_logp": -2, "ref_rejected_logp": -3}"""));
        Assert.Equal([[1, 5], [6, 2], []], new[] { row.Ids!.Prompt, row.Ids.Chosen, row.Ids.Rejected });
        Assert.Equal(new RecordedLogProbs(-1.5, 0, -2, -3), row.Recorded);
    }

    [Theory]
    [InlineData("""{"prompt_ids": [1], "chosen_ids": [2]}""",
        "the row has some of \"prompt_ids\", \"chosen_ids\", \"rejected_ids\", but not all")]
    [InlineData("""{"prompt_ids": [], "chosen_ids": [2], "rejected_ids": [3]}""",
        "\"prompt_ids\" is empty: nothing predicts a response's first token")]
    [InlineData("""{"prompt_ids": [1], "chosen_ids": [2.5], "rejected_ids": [3]}""", "\"chosen_ids\" has 2.5, which is no token id")]
    [InlineData("""{"prompt_ids": [1], "chosen_ids": [-2], "rejected_ids": [3]}""", "\"chosen_ids\" has -2, which is no token id")]
    [InlineData("""{"prompt_ids": [1], "chosen_ids": [2], "rejected_ids": [512]}""",
        "\"rejected_ids\" has the token 512, which is not in the model's vocabulary of 512")]
    [InlineData("""{"prompt_ids": [1], "chosen_ids": [2], "rejected_ids": "3"}""", "\"rejected_ids\" is not a list of token ids")]
    [InlineData("""{"prompt": "a", "chosen": 1, "rejected": "b"}""", "\"chosen\" is not a text")]
    [InlineData("[1]", "not a JSON object")]
    public void A_row_that_cannot_be_scored_is_named(string row, string message)
    {
        var problem = Assert.Throws<DataException>(() => Read("""{"prompt_ids": [1], "chosen_ids": [511], "rejected_ids": [3]}""", row));
        Assert.Equal($"{_folder}/rows.jsonl:2: {message}", problem.Message);
    }

    [Fact]
    public void Dialogues_are_split_at_their_last_common_answer_and_rows_of_turns_are_those_of_training()
    {
        var rows = Read(
            """{"chosen": "\n\nHuman: a\n\nAssistant: b\n\nHuman: c\n\nAssistant: d e", "rejected": "\n\nHuman: a\n\nAssistant: b\n\nHuman: c\n\nAssistant: d f"}""",
            """{"prompt": [{"role": "user", "content": "a"}], "chosen": [{"role": "assistant", "content": "b"}], "rejected": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "c"}]}""");
        Assert.Equal([new Turn(Role.User, "a"), new Turn(Role.Assistant, "b"), new Turn(Role.User, "c")], rows[0].Prompt);
        Assert.Equal(("d e", "d f", 0), (rows[0].Chosen, rows[0].Rejected, rows[0].Row));
        Assert.Equal([new Turn(Role.User, "a")], rows[1].Prompt);
        Assert.Equal(("b", "c", 1), (rows[1].Chosen, rows[1].Rejected, rows[1].Row));
    }

    [Fact]
    public void Rows_that_training_takes_in_other_forms_are_scored_as_it_reads_them()
    {
        static string Completion(string text, int rating) =>
            $$$"""{"response": "{{{text}}}", "custom_system_prompt": "be good", "annotations": {"helpfulness": {"Rating": "{{{rating}}}"} } }""";
        var rows = Read(
            """{"chosen": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello."}], "rejected": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Go."}]}""",
            $$"""{"instruction": "do", "completions": [{{Completion("x", 2)}}, {{Completion("y", 5)}}]}""",
            """{"prompt": null, "chosen": "\n\nHuman: a\n\nAssistant: b\n\nHuman: bye", "rejected": "\n\nHuman: a\n\nAssistant: c"}""",
            """{"prompt": "p", "chosen": "same", "rejected": "same"}""",
            """{"chosen": "\n\nHuman: a\n\nAssistant: b\n\nHuman: c\n\nAssistant: d", "rejected": "\n\nHuman: a\n\nAssistant: e\n\nHuman: c\n\nAssistant: d"}""");
        Assert.Equal([("Hi", "Hello.", "Go."), ("do", "y", "x"), ("a", "b", "c"), ("p", "same", "same")],
            rows.Take(4).Select(r => (r.Prompt.Single().Content, r.Chosen, r.Rejected)));
        // No whole prompt is shared: what the two have in common is.
        Assert.Equal(("a", "b\n\nHuman: c\n\nAssistant: d", "e\n\nHuman: c\n\nAssistant: d"),
            (rows[4].Prompt.Single().Content, rows[4].Chosen, rows[4].Rejected));
    }

    [Theory]
    [InlineData("""{"instruction": "do", "completions": []}""", "fewer than two rated completions")]
    [InlineData("""{"prompt": [{"role": "7", "content": "x"}], "chosen": "a", "rejected": "b"}""",
        "unknown role '7': a turn is of system, user or assistant")]
    [InlineData("""{"chosen": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}], "rejected": [{"role": "user", "content": "x"}, {"role": "assistant", "content": "b"}]}""", "chosen and rejected do not share the prompt")]
    public void A_row_that_is_no_pair_is_refused_with_the_reason_that_training_gives(string row, string message) =>
        Assert.Equal($"{_folder}/rows.jsonl:1: {message}", Assert.Throws<DataException>(() => Read(row)).Message);

    private List<ScoredRow> Read(params string[] lines)
    {
        var path = Path.Combine(_folder, "rows.jsonl");
        File.WriteAllText(path, string.Concat(lines.Select(l => l + "\n")));
        return [.. ScoredRows.Read(path, verbatim: false, vocabulary: 512)];
    }
}
