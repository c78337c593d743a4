namespace SelfJudge.Fuzz.Mutations;

/// <summary>Values at which readers go wrong.</summary>
internal static class OddValues
{
    private static readonly string[] Numbers =
    [
        "0", "-0", "-1", "1", "2", "0.5", "-0.0", "1.5", "255", "256", "65536", "2147483647", "2147483648", "-2147483648", "-2147483649",
            "4294967296",
        "9007199254740993", "9223372036854775807", "9223372036854775808", "-9223372036854775808", "18446744073709551615",
            "18446744073709551616",
        "1e3", "1e308", "1e309", "1e999", "-1e999", "1e-320", "1e-999", "3.5e38", "1e-39", "NaN", "Infinity", "-Infinity", ".nan", ".inf",
            "-.inf", "0x10", "0o17", "1_000", "007", "1e", "+1", ".5", "5.",
        "99999999999999999999999999999999999999", new('9', 400), "0." + new string('0', 400) + "1",
    ];

    private static readonly string[] Texts =
    [
        "", " ", "null", "~", "true", "no", "[]", "{}", "-", "a", "..", "../../evil", "/", "/dev/zero", "C:\\", "\0", "a\0b", "\u001b[31m",
            "\n", "\r\n", "\t", "\u00e9", "\u4e2d", "\U0001F600", "\u200b", "\ufeff", "\u0085", "\u2028",
        "{content}", "{content}{content}", "{response_a}", "%s", "%n", "!!str", "!!int x", "!foo", "&a", "*a", "<<", "? x", "---", "...",
            "#", "'", "\"", "|", ">", "@", "`", "__metadata__", "$type", "constructor",
        new('x', 1000), new('a', 300_000), string.Concat(Enumerable.Repeat("ab ", 30_000)), new(' ', 100_000), new('\n', 50_000),
    ];

    public static string Number(Random random) => Numbers[random.Next(Numbers.Length)];

    /// <summary>Long ones more rarely than short ones.</summary>
    public static string Text(Random random) => Texts[random.Next(random.Next(8) == 0 ? Texts.Length : Texts.Length - 4)];

    public static int Depth(Random random) => random.Next(12) switch { 0 => 100_000, 1 => 10_000, 2 or 3 => 1_000, < 8 => 100, _ => 20 };
}
