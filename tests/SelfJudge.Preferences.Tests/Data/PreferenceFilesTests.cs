using SelfJudge.Preferences.Data;
using SelfJudge.Preferences.Recipes;
using SelfJudge.Preferences.Templates;
using SelfJudge.Tests.Shared;

namespace SelfJudge.Preferences.Tests.Data;

public sealed class PreferenceFilesTests : IDisposable
{
    private readonly string _file = Path.GetTempFileName();

    public void Dispose() => File.Delete(_file);

    [Fact]
    public void Prompts_are_strings_or_dialogues()
    {
        Write("""{"prompt": "hi"}""", "",
            """{"prompt": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}, {"role": "user", "content": "c"}]}""");
        var prompts = PreferenceFiles.ReadPrompts(_file).ToList();
        Assert.Equal([new Turn(Role.User, "hi")], prompts[0]);
        Assert.Equal([Role.User, Role.Assistant, Role.User], prompts[1].Select(t => t.Role));
    }

    [Theory]
    [InlineData("""{"question": "hi"}""", ":2: the row has no \"prompt\"")]
    [InlineData("not json", ":2: ")]
    [InlineData("""{"prompt": [{"role": "robot", "content": "a"}]}""", ":2: unknown role 'robot'")]
    [InlineData("""{"prompt": [{"role": "assistant", "content": "a"}]}""", ":2: a prompt ends with a user's turn")]
    [InlineData("""{"prompt": 3}""", ":2: ")]
    [InlineData("[1]", ":2: the row has no \"prompt\"")]
    public void A_bad_row_is_named_by_its_line(string row, string message)
    {
        Write("""{"prompt": "fine"}""", row);
        Assert.Contains(_file + message, Assert.Throws<DataException>(() => PreferenceFiles.ReadPrompts(_file).ToList()).Message);
    }

    [Fact]
    public void A_pair_needs_both_responses()
    {
        Write("""{"prompt": "hi", "chosen": "a"}""");
        Assert.Contains(":1: the row has no text \"rejected\"",
            Assert.Throws<DataException>(() => PreferenceFiles.ReadPairs(_file).ToList()).Message);
    }

    [Fact]
    public void An_empty_file_and_a_missing_file_are_named()
    {
        Assert.Contains("holds no rows", Assert.Throws<DataException>(() => PreferenceFiles.ReadPrompts(_file).ToList()).Message);
        Assert.Contains("no/where.jsonl: no such file",
            Assert.Throws<DataException>(() => PreferenceFiles.ReadPrompts("no/where.jsonl").ToList()).Message);
    }

    [Fact]
    public void Each_epoch_has_every_prompt_once_in_an_order_of_its_own()
    {
        Write([.. Enumerable.Range(0, 30).Select(i => $$"""{"prompt": "p{{i}}"}""")]);
        var data = new FileTrainingData(new DataRecipe { Prompts = _file }, seed: 3);
        var epochs = Enumerable.Range(0, 60).Select(n => data.Prompt(n)[0].Content).Chunk(30).ToList();
        Assert.Equal(30, epochs[0].Distinct().Count());
        Assert.Equal(epochs[0].Order(), epochs[1].Order());
        Assert.NotEqual(epochs[0], epochs[1]);
    }

    [Fact]
    public void One_pair_in_ten_is_held_out()
    {
        Write([.. Enumerable.Range(0, 30).Select(i => $$"""{"prompt": "p{{i}}", "chosen": "a", "rejected": "b"}""")]);
        var data = new FileTrainingData(new DataRecipe { Pairs = _file }, seed: 3);
        Assert.Equal(27, data.Pairs.Count);
        Assert.Equal(3, data.HeldOutPairs.Count);
        Assert.Empty(data.Pairs.Select(p => p.Prompt[0].Content).Intersect(data.HeldOutPairs.Select(p => p.Prompt[0].Content)));
    }

    [Fact]
    public void Held_out_prompts_are_those_of_the_held_out_pairs_and_no_file_of_prompts_brings_them_back()
    {
        Write([.. Enumerable.Range(0, 30).SelectMany(i =>
            new[] { $$"""{"prompt": "p{{i}}", "chosen": "a", "rejected": "b"}""",
                $$"""{"prompt": "p{{i}}", "chosen": "a", "rejected": "c"}""" })]);
        var heldOut = new FileTrainingData(new DataRecipe { Pairs = _file }, seed: 3).HeldOutPrompts.Select(p => p[0].Content).ToList();
        Assert.Equal((3, 3), (heldOut.Count, heldOut.Distinct().Count()));
        var prompts = Path.ChangeExtension(_file, ".prompts.jsonl");
        try
        {
            File.WriteAllLines(prompts, ["""{"prompt": "q"}""", $$"""{"prompt": "{{heldOut[0]}}"}"""]);
            var data = new FileTrainingData(new DataRecipe { Pairs = _file, Prompts = prompts }, seed: 3);
            Assert.Equal(["q", "q"], new[] { data.Prompt(0), data.Prompt(1) }.Select(p => p[0].Content));
            File.WriteAllLines(prompts, [$$"""{"prompt": "{{heldOut[0]}}"}"""]);
            Assert.StartsWith($"{prompts}: every prompt of it is one that the pairs hold out",
                Assert.Throws<DataException>(() =>
                new FileTrainingData(new DataRecipe { Pairs = _file, Prompts = prompts }, seed: 3)).Message, StringComparison.Ordinal);
        }
        finally
        {
            File.Delete(prompts);
        }
    }

    [Theory]
    [InlineData("\"7\"", "7")]
    [InlineData("\"1\"", "1")]
    [InlineData("1", "1")]
    [InlineData("\"user, assistant\"", "user, assistant")]
    [InlineData("\" User \"", " User ")]
    [InlineData("\"tool\"", "tool")]
    [InlineData("[\"user\"]", "[\"user\"]")]
    public void A_role_is_one_of_three_names(string role, string shown)
    {
        Write("""{"prompt": [{"role": "USER", "content": "x"}]}""",
            $$"""{"prompt": [{"role": {{role}}, "content": "x"}, {"role": "user", "content": "y"}]}""");
        Assert.Equal($"{_file}:2: unknown role '{shown}': a turn is of system, user or assistant",
            Assert.Throws<DataException>(() => PreferenceFiles.ReadPrompts(_file).ToList()).Message);
    }

    [Fact]
    public void A_turn_may_be_a_list_of_texts_and_of_nothing_else()
    {
        static string Row(string part) => $$"""{"prompt": [{"role": "user", "content": [{"type": "text", "text": "Hi "}, {{part}}]}]}""";
        Write(Row("""{"type": "text", "text": "there"}"""));
        Assert.Equal("Hi there", PreferenceFiles.ReadPrompts(_file).Single().Single().Content);
        Write(Row("""{"type": "image", "url": "x"}"""));
        Assert.Equal($"{_file}:1: a turn of \"prompt\" has a part of type 'image', and only text is read",
            Assert.Throws<DataException>(() => PreferenceFiles.ReadPrompts(_file).ToList()).Message);
    }

    [Theory]
    [InlineData("""{"Prompt": "x", "Chosen": "y"}""", "; it has \"Prompt\", \"Chosen\"")]
    [InlineData("""{"data": [{"prompt": "x"}]}""",
        "; it has a list \"data\": where that holds the rows, make it the file, without the object around it")]
    [InlineData("""["x"]""", "; it is no object but a list")]
    public void A_row_without_a_prompt_says_what_it_has_instead(string row, string instead)
    {
        Write(row);
        Assert.Equal($"{_file}:1: the row has no \"prompt\"; write rows as {{\"prompt\": \"…\"}}{instead}",
            Assert.Throws<DataException>(() => PreferenceFiles.ReadPrompts(_file).ToList()).Message);
    }

    [Fact]
    public void A_great_many_completions_of_one_rating_take_time_in_proportion()
    {
        var completions = string.Join(", ", Enumerable.Range(0, 50_000)
            .Select(i => $$$"""{"response": "a{{{i}}}", "annotations": {"helpfulness": {"Rating": "3"} } }"""));
        Write($$"""{"instruction": "do", "completions": [{{completions}}]}""");
        Assert.InRange(ThreadTime.Of(() => Assert.Single(PreferenceFiles.ReadPairs(_file, 1))).TotalSeconds, 0, 20);
    }

    [Fact]
    public void Answers_have_their_tokens_where_the_file_says_them()
    {
        Write("""{"prompt": "p", "answer": "x y"}""",
            """{"prompt": [{"role": "user", "content": "q"}], "answer": "z", "winner": 1, "completions": [{"tokens": 3}, {"tokens": 5}]}""");
        Assert.Equal([("p", "x y", null), ("q", "z", 5)],
            PreferenceFiles.ReadAnswers(_file).Select(a => (a.Prompt[0].Content, a.Answer, a.Tokens)));
    }

    private void Write(params string[] lines) => File.WriteAllLines(_file, lines);
}
