using System.ClientModel;
using System.ClientModel.Primitives;
using System.Net.Sockets;
using System.Text.Json;
using Microsoft.Extensions.AI;
using OpenAI;
using OpenAI.Chat;
using SelfJudge.Preferences.Judging;
using SelfJudge.Preferences.Recipes;
using SelfJudge.Preferences.Templates;

namespace SelfJudge.Runs.Judging;

/// <summary>A chat endpoint cannot be asked. Its message says what its user can do, and never shows the key.</summary>
public sealed class ChatEndpointException(string message) : Exception(message);

/// <summary>A model behind an OpenAI-compatible address.</summary>
public sealed class ChatEndpoint : DelegatingChatClient
{
    private const int Retries = 5;
    private const int MaxAnswerBytes = 4 << 20;
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    // One for all: it keeps the connections. How long an answer may take is the pipeline's to say.
    private static readonly HttpClientPipelineTransport Transport =
        new(new HttpClient(new Bounded()) { Timeout = Timeout.InfiniteTimeSpan });

    private readonly JudgeEndpoint _endpoint;
    private readonly Uri _address;
    private readonly string? _key;

    private ChatEndpoint(IChatClient client, JudgeEndpoint endpoint, Uri address, string? key) : base(client) =>
        (_endpoint, _address, _key) = (endpoint, address, key);

    /// <summary>A judge that asks an endpoint.</summary>
    /// <exception cref="ChatEndpointException">The environment variable of its key is not set.</exception>
    public static ChatJudge Judge(JudgeEndpoint endpoint) =>
        new(Open(endpoint), [.. endpoint.Templates.Select(JudgeTemplate.ByName)], endpoint.Requests);

    private static ChatEndpoint Open(JudgeEndpoint endpoint)
    {
        var key = endpoint.KeyEnv is null ? null : Environment.GetEnvironmentVariable(endpoint.KeyEnv);
        if (endpoint.KeyEnv is not null && string.IsNullOrWhiteSpace(key))
            throw new ChatEndpointException(
                $"the judge at {endpoint.Address}: there is no environment variable {endpoint.KeyEnv}, or it is empty");
        var address = new Uri(endpoint.Address);
        // The library insists on a key; a server that asks for none takes any.
        var client = new ChatClient(endpoint.Model, new ApiKeyCredential(key ?? "none"),
            new OpenAIClientOptions { Endpoint = address, NetworkTimeout = Patience, RetryPolicy = new Patient(), Transport = Transport });
        return new ChatEndpoint(client.AsIChatClient(), endpoint, address, key);
    }

    /// <exception cref="ChatEndpointException">The endpoint cannot be reached, refuses, fails again and again, or answers something
    /// else.</exception>
    public override async Task<ChatResponse> GetResponseAsync(IEnumerable<Microsoft.Extensions.AI.ChatMessage> messages,
        ChatOptions? options = null, CancellationToken cancellationToken = default)
    {
        try
        {
            return await base.GetResponseAsync(messages, options, cancellationToken);
        }
        catch (Exception e) when (!cancellationToken.IsCancellationRequested)
        {
            throw new ChatEndpointException(Redacted($"the judge at {_address} {Problem(e)}"));
        }
    }

    private string Problem(Exception e) => e switch
    {
        ClientResultException { Status: 401 or 403 } refused =>
            $"refuses access ({refused.Status}): "
                + (_endpoint.KeyEnv is { } variable ? $"is the key in {variable} the right one?"
                    : "name the environment variable that holds its key (--judge-key-env; in a recipe key_env)"),
        ClientResultException { Status: 404 } =>
            $"has no {_address.AbsolutePath.TrimEnd('/')}/chat/completions, or no model '{_endpoint.Model}' (404): write the address as "
                + $"https://HOST/v1, and the model as the server names it",
        ClientResultException { Status: 429 } =>
            $"takes no more requests (429), after {Retries} repetitions with growing pauses; try again later",
        ClientResultException { Status: >= 500 } failed =>
            $"fails ({failed.Status}), after {Retries} repetitions with growing pauses: {FirstLine(failed)}",
        ClientResultException { Status: > 0 } refused => $"refuses the request ({refused.Status}): {FirstLine(refused)}",
        AggregateException { InnerExceptions: [.., { } last] } => Problem(last),
        ClientResultException { InnerException: { } inner } => Problem(inner),
        HttpRequestException => $"cannot be reached: {FirstLine(e)}",
        OperationCanceledException or TimeoutException => $"gives no answer within {Patience.TotalSeconds:0} s",
        _ => $"answers no chat completion: {FirstLine(e)}",
    };

    private string Redacted(string text) => _key is null ? text : text.Replace(_key, "***", StringComparison.Ordinal);

    private static string FirstLine(Exception e) =>
        e is JsonException ? "it is not the JSON of one"
            : string.Join(' ', e.Message.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries));

    /// <summary>Answers without end are not read to the end of memory.</summary>
    private sealed class Bounded() : DelegatingHandler(new SocketsHttpHandler { AllowAutoRedirect = false })
    {
        protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            var response = await base.SendAsync(request, cancellationToken);
            try
            {
                await response.Content.LoadIntoBufferAsync(MaxAnswerBytes, cancellationToken);
            }
            catch (HttpRequestException e) when (e.HttpRequestError == HttpRequestError.ConfigurationLimitExceeded)
            {
                response.Dispose();
                throw new ChatEndpointException($"it has more than {MaxAnswerBytes >> 20} MiB");
            }
            return response;
        }
    }

    /// <summary>Too many requests and failing servers are asked again, ever later; where nobody listens, it is said at once.</summary>
    private sealed class Patient() : ClientRetryPolicy(Retries)
    {
        protected override bool ShouldRetry(PipelineMessage message, Exception? exception) =>
            !IsNobodyThere(exception) && base.ShouldRetry(message, exception);

        protected override ValueTask<bool> ShouldRetryAsync(PipelineMessage message, Exception? exception) =>
            IsNobodyThere(exception) ? ValueTask.FromResult(false) : base.ShouldRetryAsync(message, exception);

        private static bool IsNobodyThere(Exception? e) =>
            e is not null && (e is SocketException { SocketErrorCode: SocketError.ConnectionRefused or SocketError.HostNotFound }
                || IsNobodyThere(e.InnerException));
    }
}
