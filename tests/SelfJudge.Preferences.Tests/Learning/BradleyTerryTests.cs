using SelfJudge.Preferences.Learning;

namespace SelfJudge.Preferences.Tests.Learning;

public sealed class BradleyTerryTests
{
    [Theory]
    [InlineData(0.0, 0.6931471805599453, -0.5)]
    [InlineData(2.0, 0.1269280110429725, -0.1192029220221176)]
    [InlineData(-2.0, 2.1269280110429727, -0.8807970779778824)]
    [InlineData(800.0, 0.0, 0.0)]
    [InlineData(-800.0, 800.0, -1.0)]
    public void Loss_and_slope_by_the_margin(double margin, double loss, double slope)
    {
        var at = BradleyTerry.Of(margin);
        Assert.Equal(loss, at.Loss, 12);
        Assert.Equal(slope, at.ByMargin, 12);
    }
}
