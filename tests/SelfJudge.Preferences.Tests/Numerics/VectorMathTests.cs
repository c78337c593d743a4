using System.Runtime.Intrinsics;
using SelfJudge.Preferences.Numerics;

namespace SelfJudge.Preferences.Tests.Numerics;

public sealed class VectorMathTests
{
    [Fact]
    public void The_exponential_is_right_to_two_units_in_the_last_place()
    {
        for (var x = -87.29f; x < 88.3f; x += 0.00371f)
        {
            var (expected, found) = (Math.Exp(x), VectorMath.Exp(Vector512.Create(x))[5]);
            Assert.True(Math.Abs(found - expected) <= 2 * (MathF.BitIncrement((float)expected) - (float)expected),
                $"exp({x}) is {expected}, not {found}");
        }
    }

    [Theory]
    [InlineData(float.NaN, float.NaN)]
    [InlineData(float.NegativeInfinity, 0)]
    [InlineData(-88, 0)]
    [InlineData(89, float.PositiveInfinity)]
    [InlineData(1e30f, float.PositiveInfinity)]
    [InlineData(float.PositiveInfinity, float.PositiveInfinity)]
    public void The_exponential_of_what_float32_cannot_hold_is_the_nearest_or_no_number(float x, float expected) =>
        Assert.Equal(expected, VectorMath.Exp(Vector512.Create(x))[0]);
}
