using SelfJudge.Preferences.Sampling;
using SelfJudge.Preferences.Templates;

namespace SelfJudge.Abstractions;

/// <summary>A sampled response.</summary>
/// <param name="Ids">The tokens as sampled, which is what training uses. The end token is among them only if the policy emitted it.</param>
/// <param name="LogProbs">Of each under the policy, untruncated at temperature 1, in nats.</param>
/// <param name="PolicyVersion">Optimizer steps that the policy had behind it in its stage; 0 for a model that is not in training.</param>
/// <param name="Text">For people and for the judge's template.</param>
[GenerateSerializer, Immutable, Alias("sj.Completion")]
public sealed record Completion(
    [property: Id(0)] int[] Ids,
    [property: Id(1)] float[] LogProbs,
    [property: Id(2)] FinishReason Finish,
    [property: Id(3)] ulong Seed,
    [property: Id(4)] long PolicyVersion,
    [property: Id(5)] string Text);

/// <summary>Asks a policy replica for completions of one prompt, one for each seed.</summary>
/// <param name="Model">The id of the policy on the model host.</param>
[GenerateSerializer, Immutable, Alias("sj.SampleRequest")]
public sealed record SampleRequest(
    [property: Id(0)] string Model,
    [property: Id(1)] IReadOnlyList<Turn> Turns,
    [property: Id(2)] IReadOnlyList<ulong> Seeds,
    [property: Id(3)] SamplingOptions Sampling,
    [property: Id(4)] Cohort? Cohort);

/// <summary>Completions in the order of the seeds, and the prompt as the policy saw it.</summary>
/// <param name="Tokenizer">The fingerprint of the tokenizer whose ids they are.</param>
[GenerateSerializer, Immutable, Alias("sj.SampleResponse")]
public sealed record SampleResponse([property: Id(0)] int[] PromptIds, [property: Id(1)] IReadOnlyList<Completion> Completions,
    [property: Id(2)] string? Tokenizer = null);

/// <summary>A response and what it answers.</summary>
/// <param name="Turns">The dialogue up to the response.</param>
/// <param name="Ids">Both as token ids, which are then taken as they stand; null where the texts are to be tokenized.</param>
[GenerateSerializer, Immutable, Alias("sj.GivenResponse")]
public sealed record GivenResponse([property: Id(0)] IReadOnlyList<Turn> Turns, [property: Id(1)] string Response,
    [property: Id(2)] ResponseIds? Ids = null);

/// <summary>The token ids of a prompt, begin token included, and of a response to it.</summary>
[GenerateSerializer, Immutable, Alias("sj.ResponseIds")]
public sealed record ResponseIds([property: Id(0)] int[] Prompt, [property: Id(1)] int[] Response);

/// <summary>Asks a policy replica how likely given responses are.</summary>
/// <param name="Model">The id of the model on the host.</param>
/// <param name="Verbatim">Take the texts as they stand: the turns' contents, joined, are the prompt, after a begin token where the
/// tokenizer has one; no template, no end token. Otherwise the model's dialogue template is filled, and a response ends with the end
/// token.</param>
[GenerateSerializer, Immutable, Alias("sj.LogProbsRequest")]
public sealed record LogProbsRequest([property: Id(0)] string Model, [property: Id(1)] IReadOnlyList<GivenResponse> Responses,
    [property: Id(2)] bool Verbatim);

/// <summary>How likely one response is.</summary>
/// <param name="LogProb">Summed over its tokens, in nats.</param>
/// <param name="Tokens">Of the response.</param>
/// <param name="PromptTokens">Before it, the begin token included.</param>
[GenerateSerializer, Immutable, Alias("sj.ResponseLogProb")]
public readonly record struct ResponseLogProb([property: Id(0)] double LogProb, [property: Id(1)] int Tokens,
    [property: Id(2)] int PromptTokens);

/// <summary>In the order of the request.</summary>
/// <param name="MaxPositions">The longest sequence that the model was made for, in tokens; longer ones are computed all the same.</param>
[GenerateSerializer, Immutable, Alias("sj.LogProbsResponse")]
public sealed record LogProbsResponse([property: Id(0)] IReadOnlyList<ResponseLogProb> Responses, [property: Id(1)] int MaxPositions);

/// <summary>A model that hosts can load. Exactly one of <see cref="Folder"/> and <see cref="Initial"/> is given.</summary>
/// <param name="Id">What requests call it.</param>
/// <param name="Folder">A Hugging Face model folder, or a PEFT adapter folder on top of <paramref name="BaseId"/>, on a file system that
/// the host sees.</param>
/// <param name="Initial">The shape of a model of random weights.</param>
/// <param name="MaxLength">The longest sequence in tokens, where it is to be shorter than the model's positions.</param>
/// <param name="MaxActiveSequences">Sequences that a worker generates from it at once, where that is to be fewer than the host's
/// bound.</param>
[GenerateSerializer, Immutable, Alias("sj.ModelReference")]
public sealed record ModelReference(
    [property: Id(0)] string Id,
    [property: Id(1)] string? Folder,
    [property: Id(2)] InitialModelSettings? Initial,
    [property: Id(3)] string? BaseId,
    [property: Id(4)] string DialogueTemplate,
    [property: Id(5)] int? MaxLength = null,
    [property: Id(6)] int? MaxActiveSequences = null);

/// <summary>A model of random weights over the built-in world's vocabulary.</summary>
[GenerateSerializer, Immutable, Alias("sj.InitialModelSettings")]
public sealed record InitialModelSettings(
    [property: Id(0)] int HiddenSize,
    [property: Id(1)] int IntermediateSize,
    [property: Id(2)] int Layers,
    [property: Id(3)] int Heads,
    [property: Id(4)] int KeyValueHeads,
    [property: Id(5)] int MaxPositions,
    [property: Id(6)] float InitializerRange,
    [property: Id(7)] ulong Seed);
