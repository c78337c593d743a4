using System.Net;
using System.Text;
using System.Text.Json;
using SelfJudge.Fuzz.Mutations;
using SelfJudge.Preferences.Judging;
using SelfJudge.Preferences.Recipes;
using SelfJudge.Preferences.Templates;
using SelfJudge.Runs.Judging;

namespace SelfJudge.Fuzz.Readers;

/// <summary>What an endpoint that is asked to judge answers: a chat completion, or what it makes of one.</summary>
internal sealed class ChatAnswers : FuzzedReader, IDisposable
{
    private const string Status = "status.txt", Body = "body.json";

    // What is asked again, with growing pauses, would make nothing but pauses here.
    private static readonly string[] Statuses =
        ["200", "200", "200", "200", "200", "200", "201", "204", "301", "400", "401", "403", "404", "418"];

    private static readonly string[] Answers =
        ["A", "B", "**A**", "[[B]]", "Answer: A", "Response B.", "A better answer is B", "I cannot say.", "Assistant A: ", "'\"A\"'"];

    private static readonly string[] Seeds =
    [
        .. Answers.Select(a => $$$"""{"id":"x","object":"chat.completion","created":1700000000,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":{{{JsonSerializer.Serialize(a)}}}},"finish_reason":"stop"}],"usage":{"prompt_tokens":10,"completion_tokens":1,"total_tokens":11}}"""),
        """{"id":"x","object":"chat.completion","created":1700000000,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":null,"refusal":"no","reasoning_content":"A","tool_calls":[{"id":"t","type":"function","function":{"name":"f","arguments":"{}"}}]},"logprobs":null,"finish_reason":"length"}],"service_tier":"default","system_fingerprint":null}""",
        """{"error":{"message":"no such model","type":"invalid_request_error","param":null,"code":"model_not_found"}}""",
    ];

    private static readonly string[] Vocabulary = [.. TextMutation.Words([.. Seeds, .. Answers]), "content_filter", "assistant", "system"];

    private readonly HttpListener _server = new();
    private readonly ChatJudge _judge;
    private (int Status, byte[] Body) _answer;

    public ChatAnswers()
    {
        // A listener takes no port 0: one that is free now is free a moment later.
        using (var probe = new System.Net.Sockets.TcpListener(IPAddress.Loopback, 0))
        {
            probe.Start();
            Address = $"http://127.0.0.1:{((IPEndPoint)probe.LocalEndpoint).Port}/v1";
        }
        _server.Prefixes.Add(Address + "/");
        _server.Start();
        _ = Task.Run(Serve);
        _judge = ChatEndpoint.Judge(new JudgeEndpoint { Name = "chat", Address = Address, Model = "m", Templates = ["ultrafeedback"] });
    }

    private string Address { get; }

    public override string Name => "chat-judge";

    public override FuzzInput Make(Random random) => FuzzInput.Of(
        (Status, Encoding.ASCII.GetBytes(Statuses[random.Next(Statuses.Length)])),
        (Body, random.Next(4) == 0 ? Completion(Answer(random)) : Mutation.Json(random, Seeds, Vocabulary)));

    public override bool Read(string folder, FuzzInput input)
    {
        _answer = (int.Parse(File.ReadAllText(Path.Combine(folder, Status))), File.ReadAllBytes(Path.Combine(folder, Body)));
        var judgment = _judge.Judge([new Turn(Role.User, "why ?")], "so .", "no .", CancellationToken.None).GetAwaiter().GetResult();
        // Both orders get the same letter: it says nothing of the answers.
        BrokenPromise.Unless(judgment.Verdict is null || judgment.Verdict.Winner == 0, "the same letter in both orders is no tie");
        return judgment.Verdict is not null;
    }

    public override string? FindProblem(string message, string folder, FuzzInput input) =>
        message.Contains(Address, StringComparison.Ordinal) ? null : "the message does not name the endpoint";

    public void Dispose()
    {
        _judge.Dispose();
        _server.Close();
    }

    private static string Answer(Random random) => string.Concat(Enumerable.Range(0, 1 + random.Next(4)).Select(_ => random.Next(3) switch
    {
        0 => OddValues.Text(random),
        1 => string.Concat(Enumerable.Repeat(" *_:[("[random.Next(6)], OddValues.Depth(random))),
        _ => Answers[random.Next(Answers.Length)],
    }));

    private static byte[] Completion(string answer) =>
        Encoding.UTF8.GetBytes(Seeds[0].Replace("\"content\":\"A\"", $"\"content\":{JsonSerializer.Serialize(answer)}",
            StringComparison.Ordinal));

    private async Task Serve()
    {
        while (true)
        {
            var context = await _server.GetContextAsync();
            var (status, body) = _answer;
            await context.Request.InputStream.CopyToAsync(Stream.Null);
            context.Response.StatusCode = status;
            context.Response.ContentType = "application/json";
            if (status is not 204)
            {
                context.Response.ContentLength64 = body.Length;
                await context.Response.OutputStream.WriteAsync(body);
            }
            context.Response.Close();
        }
    }
}
