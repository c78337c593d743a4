using System.ClientModel;
using System.ClientModel.Primitives;
using System.Net.Sockets;
using System.Text.Json;
using Microsoft.Extensions.AI;
using OpenAI;
using OpenAI.Chat;

namespace SelfJudge.Client;

/// <summary>A model behind an OpenAI-compatible address. Its failures are the user's to put right, and never show the key.</summary>
internal sealed class ChatEndpoint : DelegatingChatClient
{
    private const int Retries = 5;
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    private readonly Uri _address;
    private readonly string _model;
    private readonly string? _keyVariable, _key;

    private ChatEndpoint(IChatClient client, Uri address, string model, string? keyVariable, string? key) : base(client) => (_address, _model, _keyVariable, _key) = (address, model, keyVariable, key);

    /// <param name="address">Up to where <c>/chat/completions</c> follows, such as https://HOST/v1.</param>
    /// <param name="keyVariable">The environment variable that holds the key; null where none is asked for.</param>
    /// <exception cref="UserError">The variable is not set.</exception>
    public static ChatEndpoint Open(Uri address, string model, string? keyVariable)
    {
        var key = keyVariable is null ? null : Environment.GetEnvironmentVariable(keyVariable);
        if (keyVariable is not null && string.IsNullOrWhiteSpace(key))
            throw new UserError($"--judge-key-env {keyVariable}: there is no such environment variable, or it is empty");
        // The library insists on a key; a server that asks for none takes any.
        var client = new ChatClient(model, new ApiKeyCredential(key ?? "none"), new OpenAIClientOptions { Endpoint = address, NetworkTimeout = Patience, RetryPolicy = new Patient() });
        return new ChatEndpoint(client.AsIChatClient(), address, model, keyVariable, key);
    }

    /// <exception cref="UserError">The endpoint cannot be reached, refuses, fails again and again, or answers something else.</exception>
    public override async Task<ChatResponse> GetResponseAsync(IEnumerable<Microsoft.Extensions.AI.ChatMessage> messages, ChatOptions? options = null, CancellationToken cancellationToken = default)
    {
        try
        {
            return await base.GetResponseAsync(messages, options, cancellationToken);
        }
        catch (Exception e) when (e is not UserError && !cancellationToken.IsCancellationRequested)
        {
            throw new UserError(Redacted($"the judge at {_address} {Problem(e)}"));
        }
    }

    private string Problem(Exception e) => e switch
    {
        ClientResultException { Status: 401 or 403 } refused => $"refuses access ({refused.Status}): {(_keyVariable is null ? "name the environment variable that holds its key with --judge-key-env" : $"is the key in {_keyVariable} the right one?")}",
        ClientResultException { Status: 404 } => $"has no {_address.AbsolutePath.TrimEnd('/')}/chat/completions, or no model '{_model}' (404): write --judge as https://HOST/v1, and --judge-model as the server names it",
        ClientResultException { Status: 429 } => $"takes no more requests (429), after {Retries} repetitions with growing pauses; try again later",
        ClientResultException { Status: >= 500 } failed => $"fails ({failed.Status}), after {Retries} repetitions with growing pauses: {FirstLine(failed)}",
        ClientResultException { Status: > 0 } refused => $"refuses the request ({refused.Status}): {FirstLine(refused)}",
        AggregateException { InnerExceptions: [.., { } last] } => Problem(last),
        ClientResultException { InnerException: { } inner } => Problem(inner),
        HttpRequestException => $"cannot be reached: {FirstLine(e)}",
        OperationCanceledException or TimeoutException => $"gives no answer within {Patience.TotalSeconds:0} s",
        _ => $"answers no chat completion: {FirstLine(e)}",
    };

    private string Redacted(string text) => _key is null ? text : text.Replace(_key, "***", StringComparison.Ordinal);

    private static string FirstLine(Exception e) => e is JsonException ? "it is not the JSON of one" : string.Join(' ', e.Message.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries));

    /// <summary>Too many requests and failing servers are asked again, ever later; where nobody listens, it is said at once.</summary>
    private sealed class Patient() : ClientRetryPolicy(Retries)
    {
        protected override bool ShouldRetry(PipelineMessage message, Exception? exception) => !IsNobodyThere(exception) && base.ShouldRetry(message, exception);

        protected override ValueTask<bool> ShouldRetryAsync(PipelineMessage message, Exception? exception) => IsNobodyThere(exception) ? ValueTask.FromResult(false) : base.ShouldRetryAsync(message, exception);

        private static bool IsNobodyThere(Exception? e) => e is not null && (e is SocketException { SocketErrorCode: SocketError.ConnectionRefused or SocketError.HostNotFound } || IsNobodyThere(e.InnerException));
    }
}
