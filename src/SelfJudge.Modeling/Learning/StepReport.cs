namespace SelfJudge.Modeling.Learning;

/// <summary>What one optimizer step saw.</summary>
/// <param name="GradientNorm">Before clipping.</param>
/// <param name="Tokens">Tokens that passed through the trained model.</param>
/// <param name="Metrics">Further figures by the name under which they are logged.</param>
public sealed record StepReport(double Loss, double GradientNorm, long Tokens, IReadOnlyDictionary<string, double> Metrics);
