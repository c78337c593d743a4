using System.Globalization;

namespace SelfJudge.Preferences.Settings;

/// <summary>What a setting means and which values it takes: the one place from which its check, its errors, its help and the JSON schema of
/// recipes come.</summary>
/// <param name="meaning">In a sentence or two.</param>
[AttributeUsage(AttributeTargets.Property)]
public sealed class SettingAttribute(string meaning) : Attribute
{
    public string Meaning => meaning;

    /// <summary>The bounds of a number, or of each of a list of numbers. What is not finite is never allowed.</summary>
    public double AtLeast { get; init; } = double.NegativeInfinity;
    public double MoreThan { get; init; } = double.NegativeInfinity;
    public double AtMost { get; init; } = double.PositiveInfinity;
    public double LessThan { get; init; } = double.PositiveInfinity;

    /// <summary>Whether 0 is allowed, whatever the bounds.</summary>
    public bool OrZero { get; init; }

    /// <summary>Whether a file must have it.</summary>
    public bool IsRequired { get; init; }

    public bool Allows(double value) => double.IsFinite(value)
        && (OrZero && value == 0 || value >= AtLeast && value > MoreThan && value <= AtMost && value < LessThan);

    /// <summary>The allowed numbers in words, such as "from 0 to 1"; empty where all finite ones are.</summary>
    public string Range
    {
        get
        {
            var range = (double.IsFinite(AtLeast), double.IsFinite(MoreThan), double.IsFinite(AtMost), double.IsFinite(LessThan)) switch
            {
                (true, _, true, _) => $"from {Text(AtLeast)} to {Text(AtMost)}",
                (true, _, _, true) => $"from {Text(AtLeast)} to below {Text(LessThan)}",
                (true, _, _, _) => $"{Text(AtLeast)} or more",
                (_, true, true, _) => $"more than {Text(MoreThan)} and at most {Text(AtMost)}",
                (_, true, _, _) => $"more than {Text(MoreThan)}",
                (_, _, true, _) => $"at most {Text(AtMost)}",
                _ => "",
            };
            return OrZero ? $"0, or {range}" : range;
        }
    }

    /// <summary>The values of a number in words, such as "a whole number, 1 or more" or "a number from 0 to 1".</summary>
    public string Numbers(bool isWhole)
    {
        var number = isWhole ? "a whole number" : "a number";
        return Range.Length == 0 ? number : char.IsAsciiDigit(Range[0]) ? $"{number}, {Range}" : $"{number} {Range}";
    }

    private static string Text(double value) => value.ToString("0.##########", CultureInfo.InvariantCulture);
}
