namespace SelfJudge.Preferences.Sampling;

/// <summary>How completions are drawn.</summary>
/// <param name="Temperature">Divides the logits; 0 takes the most likely token.</param>
/// <param name="TopP">Nucleus sampling: the smallest set of most likely tokens with at least this probability; 1 keeps all.</param>
/// <param name="TopK">At most this many most likely tokens; 0 keeps all.</param>
/// <param name="MaxNewTokens">A completion that reaches this length ends without an end token.</param>
public sealed record SamplingOptions(double Temperature, double TopP = 0.9, int TopK = 0, int MaxNewTokens = 768)
{
    /// <summary>The paper's settings (Table 11).</summary>
    public SamplingOptions()
        : this(Temperature: 1.0)
    {
    }

    /// <summary>Returns what is wrong, or null.</summary>
    public string? Problem() =>
        Temperature < 0 || !double.IsFinite(Temperature) ? $"temperature must be 0 or more, not {Temperature}"
        : TopP is not (> 0 and <= 1) ? $"top_p must be in (0, 1], not {TopP}"
        : TopK < 0 ? $"top_k must be 0 or more, not {TopK}"
        : MaxNewTokens < 1 ? $"max_new_tokens must be 1 or more, not {MaxNewTokens}"
        : null;
}
