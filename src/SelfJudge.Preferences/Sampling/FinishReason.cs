namespace SelfJudge.Preferences.Sampling;

/// <summary>Why a completion ended.</summary>
public enum FinishReason
{
    /// <summary>The policy emitted an end token, which is then part of the completion.</summary>
    Stop,

    /// <summary>It reached the length limit; no end token belongs to it.</summary>
    Length,
}
