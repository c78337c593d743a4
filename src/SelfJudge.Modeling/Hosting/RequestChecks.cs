using SelfJudge.Modeling.Kernels;
using SelfJudge.Modeling.Learning;
using SelfJudge.Modeling.Sampling;
using SelfJudge.Modeling.Tokenizers;

namespace SelfJudge.Modeling.Hosting;

/// <summary>What a request asks for is looked at before it is batched with others', which would fail with it.</summary>
internal static class RequestChecks
{
    /// <exception cref="ArgumentException">The model cannot sample so.</exception>
    public static void Sampling(HostedModel hosted, SamplePrompt prompt)
    {
        if (prompt.Options.Problem() is { } problem)
            throw new ArgumentException(problem);
        if (prompt.Seeds.Count == 0)
            throw new ArgumentException("no sample is asked for: a prompt is sampled once for each seed");
        var positions = hosted.Model.Config.MaxPositionEmbeddings;
        if (prompt.Prompt.Length is 0 || prompt.Prompt.Length >= positions)
            throw new ArgumentException($"the prompt has {prompt.Prompt.Length} tokens; model '{hosted.Id}' takes 1 to {positions - 1} "
                + "and needs room for an answer");
        Tokens(hosted, "the prompt", prompt.Prompt);
    }

    /// <exception cref="ArgumentException">The model cannot judge one of them.</exception>
    public static void Judging(HostedModel hosted, IReadOnlyList<EncodedJudgePrompt> prompts)
    {
        foreach (var (i, p) in prompts.Index())
        {
            Length(hosted, $"judge prompt {i}", p.Ids.Length);
            Tokens(hosted, $"judge prompt {i}", [.. p.Ids, p.TokenA, p.TokenB]);
        }
    }

    /// <exception cref="ArgumentException">The model has no scalar head, or cannot read one of them.</exception>
    public static void Rewards(HostedModel hosted, IReadOnlyList<ResponseSequence> sequences)
    {
        if (hosted.Model.Score is null)
            throw new ArgumentException($"model '{hosted.Id}' has no scalar head: it is no reward model");
        foreach (var (i, s) in sequences.Index())
        {
            Length(hosted, $"sequence {i}", s.Prompt.Length + s.Response.Length);
            Tokens(hosted, $"sequence {i}", [.. s.Prompt, .. s.Response]);
        }
    }

    /// <exception cref="ArgumentException">The model cannot score one of them.</exception>
    public static void LogProbs(HostedModel hosted, IReadOnlyList<ResponseSequence> sequences)
    {
        foreach (var (i, s) in sequences.Index())
        {
            if (s.Prompt.Length == 0)
                throw new ArgumentException($"sequence {i}: a response needs a prompt of at least one token: "
                    + "nothing else predicts its first token");
            Tokens(hosted, $"sequence {i}", [.. s.Prompt, .. s.Response]);
        }
    }

    private static void Tokens(HostedModel hosted, string what, ReadOnlySpan<int> ids)
    {
        var vocabulary = hosted.Model.Config.VocabSize;
        if (IndexCheck.FirstOutside(ids, vocabulary) is { } id)
            throw new ArgumentException($"{what}: the token {id} is not in the vocabulary of {vocabulary}");
    }

    private static void Length(HostedModel hosted, string what, int tokens)
    {
        var positions = hosted.Model.Config.MaxPositionEmbeddings;
        if (tokens < 1 || tokens > positions)
            throw new ArgumentException($"{what} has {tokens} tokens; model '{hosted.Id}' takes 1 to {positions}");
    }
}
