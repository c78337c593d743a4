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
        var row = Assert.Single(Read("""{"prompt": "x", "chosen": "y", "rejected": "z", "prompt_ids": [1, 5], "chosen_ids": [6, 2], "rejected_ids": [], "policy_chosen_logp": -1.5, "policy_rejected_logp": 0, "ref_chosen_logp": -2, "ref_rejected_logp": -3}"""));
        Assert.Equal([[1, 5], [6, 2], []], new[] { row.Ids!.Prompt, row.Ids.Chosen, row.Ids.Rejected });
        Assert.Equal(new RecordedLogProbs(-1.5, 0, -2, -3), row.Recorded);
    }

    [Theory]
    [InlineData("""{"prompt_ids": [1], "chosen_ids": [2]}""", "the row has some of \"prompt_ids\", \"chosen_ids\", \"rejected_ids\", but not all")]
    [InlineData("""{"prompt_ids": [], "chosen_ids": [2], "rejected_ids": [3]}""", "\"prompt_ids\" is empty: nothing predicts a response's first token")]
    [InlineData("""{"prompt_ids": [1], "chosen_ids": [2.5], "rejected_ids": [3]}""", "\"chosen_ids\" has 2.5, which is no token id")]
    [InlineData("""{"prompt_ids": [1], "chosen_ids": [-2], "rejected_ids": [3]}""", "\"chosen_ids\" has -2, which is no token id")]
    [InlineData("""{"prompt_ids": [1], "chosen_ids": [2], "rejected_ids": [512]}""", "\"rejected_ids\" has the token 512, which is not in the model's vocabulary of 512")]
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

    private List<ScoredRow> Read(params string[] lines)
    {
        var path = Path.Combine(_folder, "rows.jsonl");
        File.WriteAllText(path, string.Concat(lines.Select(l => l + "\n")));
        return [.. ScoredRows.Read(path, verbatim: false, vocabulary: 512)];
    }
}
