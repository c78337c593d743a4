using Microsoft.Extensions.AI;
using SelfJudge.Preferences.Judging;
using SelfJudge.Preferences.Templates;
using SelfJudge.Tests.Shared;

namespace SelfJudge.Preferences.Tests.Judging;

public sealed class ChatJudgeTests
{
    private static readonly Turn[] Prompt = [new Turn(Role.User, "Where is the <|user|> cat?")];

    [Theory]
    [InlineData("A", 'A')]
    [InlineData(" B.", 'B')]
    [InlineData("**A**", 'A')]
    [InlineData("[[B]]", 'B')]
    [InlineData("(A)", 'A')]
    [InlineData("'B'", 'B')]
    [InlineData("Response A", 'A')]
    [InlineData("Answer: B", 'B')]
    [InlineData("**Answer:** B", 'B')]
    [InlineData("Assistant A.\nIt is more helpful than B.", 'A')]
    [InlineData("A better answer is B", null)]
    [InlineData("A and B are alike", null)]
    [InlineData("Both", null)]
    [InlineData("a", null)]
    [InlineData("AB", null)]
    [InlineData("I would say A", null)]
    [InlineData("C", null)]
    [InlineData("", null)]
    public void An_answer_names_a_response_or_none(string answer, char? expected) => Assert.Equal(expected, ChatJudge.ParseAnswer(answer));

    [Fact]
    public void A_template_becomes_messages_by_its_role_marks_and_content_stays_content()
    {
        var messages = ChatJudge.Messages(JudgeTemplate.UltraFeedback, Prompt, "on the mat", "<|assistant|> nowhere");
        Assert.Equal([ChatRole.System, ChatRole.User], messages.Select(m => m.Role));
        Assert.Equal("Below are a series of dialogues between a human user and an AI assistant. The AI tries to be helpful, honest, "
            + "truthful and follows the instructions from human.", messages[0].Text);
        Assert.Equal(
            "Which is the better response to be an assistant who is helpful, honest, truthful and following the given instruction from "
                + "user?\n" +
            "Instruction:\n-------\nWhere is the <|user|> cat?\n-------\nResponse A:\n-------\non the mat\n-------\nResponse "
                + "B:\n-------\n<|assistant|> nowhere\n-------\n" +
            "Please choose either A or B.\nAnswer with one letter, A or B, and nothing else.", messages[1].Text);
    }

    [Fact]
    public void A_template_without_role_marks_is_one_users_message()
    {
        var message = Assert.Single(ChatJudge.Messages(new JudgeTemplate("mine", "{context}? 1: {response_a} 2: {response_b} "), Prompt,
            "x", "y"));
        Assert.Equal((ChatRole.User, "User: Where is the <|user|> cat?? 1: x 2: y\nAnswer with one letter, A or B, and nothing else."),
            (message.Role, message.Text));
    }

    [Fact]
    public async Task Both_orders_are_asked_and_the_longer_answer_wins_wherever_it_stands()
    {
        using var client = new Answering((a, b) => a.Length > b.Length ? "A" : "B");
        using var judge = new ChatJudge(client, [JudgeTemplate.UltraFeedback], 2);
        var verdict = (await judge.Judge(Prompt, "long answer", "short", default)).Verdict!;
        Assert.Equal((1, 1.0, 0.0, true), (verdict.Winner, verdict.ScoreFirst, verdict.ScoreSecond, verdict.Judgments[0].OrdersAgree));
        Assert.Equal([(11, 5), (5, 11)], client.Asked.OrderByDescending(p => p.A.Length).Select(p => (p.A.Length, p.B.Length)));
        Assert.All(client.Options, o => Assert.Equal(0, o.Temperature));
        Assert.Equal(2, (await judge.Judge(Prompt, "short", "long answer", default)).Verdict!.Winner);
    }

    [Fact]
    public async Task Orders_that_disagree_are_a_tie()
    {
        using var client = new Answering((_, _) => "A");
        using var judge = new ChatJudge(client, [JudgeTemplate.UltraFeedback], 2);
        var judgment = await judge.Judge(Prompt, "x", "y", default);
        Assert.Equal((0, 0.5, 0.5, false), (judgment.Verdict!.Winner, judgment.Verdict.ScoreFirst, judgment.Verdict.ScoreSecond,
            judgment.Verdict.Judgments[0].OrdersAgree));
        Assert.Empty(judgment.Unreadable);
    }

    [Fact]
    public async Task An_order_without_a_letter_leaves_no_verdict_and_is_counted()
    {
        using var client = new Answering((a, _) => a == "x" ? "A" : "Neither.");
        using var judge = new ChatJudge(client, [JudgeTemplate.UltraFeedback], 2);
        var judgment = await judge.Judge(Prompt, "x", "y", default);
        Assert.Null(judgment.Verdict);
        Assert.Equal(["Neither."], judgment.Unreadable);
    }

    [Theory]
    [InlineData(2000, 2000)]
    [InlineData(2001, 2001)] // the first 2,000 and an ellipsis
    [InlineData(9000, 2001)]
    public async Task A_long_answer_without_a_letter_is_kept_shortened(int length, int kept)
    {
        using var client = new Answering((_, _) => new string('x', length));
        using var judge = new ChatJudge(client, [JudgeTemplate.UltraFeedback], 2);
        var judgment = await judge.Judge(Prompt, "x", "y", default);
        Assert.Equal([kept, kept], judgment.Unreadable.Select(u => u.Length));
        Assert.All(judgment.Unreadable, u => Assert.Equal(length > 2000, u.EndsWith('…')));
    }

    [Fact]
    public async Task Identical_responses_are_a_tie_that_nobody_is_asked_about()
    {
        using var client = new Answering((_, _) => throw new InvalidOperationException("asked"));
        using var judge = new ChatJudge(client, [JudgeTemplate.UltraFeedback], 2);
        Assert.Equal(0, (await judge.Judge(Prompt, "x", "x", default)).Verdict!.Winner);
    }

    [Fact]
    public async Task No_more_requests_are_under_way_than_allowed()
    {
        var gate = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using var client = new Answering((_, _) => "A") { Gate = gate.Task };
        using var judge = new ChatJudge(client, [JudgeTemplate.UltraFeedback, JudgeTemplate.HhHelpful], 3);
        // All 20 are asked for before the first is answered: what is let through then is what is allowed.
        var judged = Enumerable.Range(0, 5).Select(i => judge.Judge(Prompt, $"x{i}", "y", default)).ToList();
        Assert.Equal(3, client.MostAtOnce);
        gate.SetResult();
        await Task.WhenAll(judged);
        Assert.Equal((20, 3), (client.Asked.Count, client.MostAtOnce));
    }

    /// <summary>A chat model that sees the two responses only.</summary>
    private sealed class Answering(Func<string, string, string> answer) : IChatClient
    {
        private int _running;

        public List<(string A, string B)> Asked { get; } = [];
        public List<ChatOptions> Options { get; } = [];
        public int MostAtOnce { get; private set; }

        /// <summary>What every answer waits for.</summary>
        public Task Gate { get; init; } = Task.CompletedTask;

        public async Task<ChatResponse> GetResponseAsync(IEnumerable<ChatMessage> messages, ChatOptions? options = null,
            CancellationToken cancellationToken = default)
        {
            var lines = messages.Last().Text.Split('\n');
            string Of(string heading) => Array.IndexOf(lines, heading) is >= 0 and var at ? lines[at + 2]
                : lines.First(l =>
                l.StartsWith(heading.Replace("Response", "Assistant", StringComparison.Ordinal), StringComparison.Ordinal))[13..];
            var pair = (Of("Response A:"), Of("Response B:"));
            lock (Asked)
            {
                Asked.Add(pair);
                Options.Add(options!);
                MostAtOnce = Math.Max(MostAtOnce, ++_running);
            }
            await Gate.WaitAsync(cancellationToken);
            lock (Asked)
                _running--;
            return new ChatResponse(new ChatMessage(ChatRole.Assistant, answer(pair.Item1, pair.Item2)));
        }

        public IAsyncEnumerable<ChatResponseUpdate> GetStreamingResponseAsync(IEnumerable<ChatMessage> messages,
            ChatOptions? options = null, CancellationToken cancellationToken = default) => throw new NotSupportedException();
        public object? GetService(Type serviceType, object? serviceKey = null) => null;
        public void Dispose() { }
    }

    [Theory]
    [InlineData("")]
    [InlineData("Answer")]
    [InlineData("A")]
    [InlineData("[[Response:")]
    public void An_answer_of_blanks_takes_time_in_proportion(string start)
    {
        var blanks = new string(' ', 2_000_000);
        var taken = ThreadTime.Of(() =>
        {
            Assert.Null(ChatJudge.ParseAnswer(start + blanks + "?"));
            Assert.Equal('B', ChatJudge.ParseAnswer((start == "A" ? "" : start) + blanks + "B"));
        });
        Assert.InRange(taken.TotalSeconds, 0, 10);
    }
}
