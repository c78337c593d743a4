namespace SelfJudge.Modeling.Learning;

/// <summary>A prompt of at least one token, and a response to it, which may be empty.</summary>
public sealed record ResponseSequence(int[] Prompt, int[] Response)
{
    /// <summary>The tokens of both, one after the other.</summary>
    public int[] Ids() => [.. Prompt, .. Response];
}
