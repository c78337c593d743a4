using SelfJudge.Runs.Planning;

namespace SelfJudge.Runs.Tests.Planning;

public sealed class LongestStepTests
{
    private static readonly string[] Words = ["aa", "b", "ccc", "dd", "eee", "f", "gg"];

    [Fact]
    public void The_longest_are_found_in_one_pass_longest_first_and_of_equal_ones_the_first()
    {
        var passes = 0;
        IEnumerable<string> Counted()
        {
            passes++;
            foreach (var word in Words)
                yield return word;
        }
        Assert.Equal(["ccc", "eee", "aa", "dd"], LongestStep.Longest(Counted(), w => w.Length, 4));
        Assert.Equal(1, passes);
    }

    [Fact]
    public void Less_than_a_step_takes_comes_again_within_it()
    {
        Assert.Equal(["ccc", "eee", "aa", "dd", "gg", "b", "f", "ccc", "eee"], LongestStep.Longest(Words, w => w.Length, 9));
        Assert.Empty(LongestStep.Longest(Words, w => w.Length, 0));
        Assert.Empty(LongestStep.Longest(Array.Empty<string>(), w => w.Length, 3));
    }
}
