
namespace SelfJudge.Preferences.Templates;

/// <summary>The four principles by which UltraFeedback, and the paper with it, rates an answer.</summary>
public enum Principle { Helpfulness, Honesty, InstructionFollowing, Truthfulness }

/// <summary>How principles are spelled.</summary>
public static class Principles
{
    /// <summary>As data sets and judge templates spell it.</summary>
    public static string Name(this Principle principle) => principle switch
    {
        Principle.Helpfulness => "helpfulness",
        Principle.Honesty => "honesty",
        Principle.InstructionFollowing => "instruction_following",
        _ => "truthfulness",
    };
}
