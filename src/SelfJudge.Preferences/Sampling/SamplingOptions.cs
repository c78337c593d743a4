using SelfJudge.Preferences.Settings;

namespace SelfJudge.Preferences.Sampling;

/// <summary>How completions are drawn.</summary>
public sealed record SamplingOptions(
    [property: Setting("Divides the logits; 0 takes the most likely token.", AtLeast = 1e-4, AtMost = 1000,
        OrZero = true)] double Temperature,
    [property: Setting("Nucleus sampling: the smallest set of most likely tokens with at least this probability; 1 keeps all.",
        MoreThan = 0, AtMost = 1)] double TopP = 0.9,
    [property: Setting("At most this many most likely tokens; 0 keeps all.", AtLeast = 0)] int TopK = 0,
    [property: Setting("A completion that reaches this length ends without an end token.", AtLeast = 1,
        AtMost = 1_048_576)] int MaxNewTokens = 768)
{
    /// <summary>The paper's settings (Table 11).</summary>
    public SamplingOptions()
        : this(Temperature: 1.0)
    {
    }

    /// <summary>Returns what is wrong, or null.</summary>
    public string? Problem() => SettingKeys.FindProblem(this);
}
