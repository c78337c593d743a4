namespace SelfJudge.Preferences.Learning;

/// <summary>What becomes of the learning rate after its warm-up: it stays, or goes down half a cosine to zero.</summary>
public enum DecayShape { Constant, Cosine }

/// <summary>Linear warm-up to a peak, then constant or down a half cosine to zero.</summary>
/// <param name="WarmupSteps">Step <c>WarmupSteps</c> is the first at the peak.</param>
/// <param name="TotalSteps">Where the cosine reaches zero.</param>
public sealed record LearningRateSchedule(double Peak, int WarmupSteps, DecayShape Decay, int TotalSteps)
{
    /// <summary>The learning rate of a step, counted from 1.</summary>
    public double At(int step)
    {
        if (step <= WarmupSteps)
            return Peak * step / Math.Max(1, WarmupSteps);
        if (Decay == DecayShape.Constant)
            return Peak;
        var progress = Math.Min(1, (double)(step - WarmupSteps) / Math.Max(1, TotalSteps - WarmupSteps));
        return Peak * (1 + Math.Cos(Math.PI * progress)) / 2;
    }
}
