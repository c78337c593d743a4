namespace SelfJudge.Bench;

/// <summary>One line of the table.</summary>
/// <param name="Name">What was measured.</param>
/// <param name="Value">The median over the rounds.</param>
/// <param name="Ratio">The median over the rounds of the ratio within a round; null where the line is only what others are ratios
/// of.</param>
/// <param name="RatioOf">What is divided by what.</param>
internal sealed record Figure(string Name, double Value, string Unit, double? Ratio = null, string RatioOf = "", Target? Target = null)
{
    /// <summary>The ratio in every round, to show its spread.</summary>
    public IReadOnlyList<double> RatioByRound { get; init; } = [];

    /// <summary>A figure whose value and ratio are medians over rounds.</summary>
    public static Figure OfRounds(string name, IReadOnlyList<double> values, string unit, IReadOnlyList<double> ratios, string ratioOf,
        Target? target = null) =>
        new(name, Rounds.Median(values), unit, Rounds.Median(ratios), ratioOf, target) { RatioByRound = ratios };
}

/// <summary>What a ratio should reach.</summary>
internal sealed record Target(double Bound, bool IsUpper)
{
    public static Target AtLeast(double bound) => new(bound, false);

    public static Target AtMost(double bound) => new(bound, true);

    public bool IsMet(double ratio) => IsUpper ? ratio <= Bound : ratio >= Bound;

    public override string ToString() => $"{(IsUpper ? "≤" : "≥")} {Bound:0.00}";
}
