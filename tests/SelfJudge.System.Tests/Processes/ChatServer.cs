using System.Collections.Concurrent;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace SelfJudge.SystemTests.Processes;

/// <summary>A request as the server saw it: the two responses of the ultrafeedback judge template, and what came with them.</summary>
internal sealed record ChatRequest(int Number, string A, string B, JsonNode Body, string? Authorization);

/// <summary>An OpenAI-compatible chat endpoint on a free loopback port.</summary>
internal sealed partial class ChatServer : IAsyncDisposable
{
    private readonly WebApplication _app;

    private ChatServer(WebApplication app) => _app = app;

    public ConcurrentQueue<ChatRequest> Requests { get; } = new();

    public string Address => _app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single()
        + "/v1";

    /// <summary>Of two responses the longer, or A.</summary>
    public static Task<ChatServer> PreferringLonger() => Start(r => (200, r.A.Length >= r.B.Length ? "A" : "B"));

    /// <param name="answer">Gives the status and, where that is 200, the text of the completion.</param>
    public static async Task<ChatServer> Start(Func<ChatRequest, (int Status, string Text)> answer)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        var server = new ChatServer(builder.Build());
        var count = 0;
        server._app.MapPost("/v1/chat/completions", async (HttpRequest request) =>
        {
            var body = (await JsonNode.ParseAsync(request.Body))!;
            var last = body["messages"]!.AsArray()[^1]!["content"]!;
            var pair = Responses().Match(last is JsonValue ? (string)last! : (string)last[0]!["text"]!);
            var asked = new ChatRequest(Interlocked.Increment(ref count), pair.Groups[1].Value, pair.Groups[2].Value, body,
                request.Headers.Authorization);
            server.Requests.Enqueue(asked);
            var (status, text) = answer(asked);
            return status != 200 ? Results.Json(new { error = new { message = text, type = "error" } }, statusCode: status)
                : Results.Json(new
                {
                    id = $"chat-{asked.Number}",
                    @object = "chat.completion",
                    created = 1_700_000_000,
                    model = (string)body["model"]!,
                    choices = new[] { new { index = 0, message = new { role = "assistant", content = text }, finish_reason = "stop" } },
                    usage = new { prompt_tokens = 10, completion_tokens = 1, total_tokens = 11 },
                });
        });
        await server._app.StartAsync();
        return server;
    }

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    [GeneratedRegex("Response A:\n-------\n(.*?)\n-------\nResponse B:\n-------\n(.*?)\n-------\n", RegexOptions.Singleline)]
    private static partial Regex Responses();
}
