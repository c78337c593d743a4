namespace SelfJudge.Modeling.Learning;

/// <summary>A prompt with the two responses of a preference, as the token ids that were sampled.</summary>
public sealed record PreferencePair(int[] Prompt, int[] Chosen, int[] Rejected)
{
    /// <summary>Tokens that pass through a model: the prompt twice, and both responses.</summary>
    public int Tokens => 2 * Prompt.Length + Chosen.Length + Rejected.Length;

    /// <summary>The tokens of either response with the prompt.</summary>
    public IEnumerable<int> Sequences => [Prompt.Length + Chosen.Length, Prompt.Length + Rejected.Length];
}
