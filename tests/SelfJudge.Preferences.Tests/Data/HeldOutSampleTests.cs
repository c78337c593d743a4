using SelfJudge.Preferences.Data;
using SelfJudge.Preferences.Templates;

namespace SelfJudge.Preferences.Tests.Data;

public sealed class HeldOutSampleTests
{
    private static readonly PreferenceExample[] Pairs =
        [.. Enumerable.Range(0, 1000).Select(i => new PreferenceExample([new Turn(Role.User, $"{i}")], "a", "b"))];

    [Fact]
    public void It_is_drawn_from_all_of_them_and_keeps_their_order()
    {
        List<int> drawn = [.. HeldOutSample.Of(Pairs, 200, 7).Select(p => int.Parse(p.Prompt[0].Content))];
        Assert.Equal(200, drawn.Distinct().Count());
        Assert.Equal(drawn.Order(), drawn);
        Assert.InRange(drawn.Average(), 400, 600); // not the first ones: five standard deviations around the middle
        Assert.NotEqual(drawn, HeldOutSample.Of(Pairs, 200, 8).Select(p => int.Parse(p.Prompt[0].Content)));
    }

    [Theory]
    [InlineData(1000)]
    [InlineData(int.MaxValue)]
    public void Where_there_are_no_more_it_is_all_of_them(int count) => Assert.Same(Pairs, HeldOutSample.Of(Pairs, count, 7));
}
