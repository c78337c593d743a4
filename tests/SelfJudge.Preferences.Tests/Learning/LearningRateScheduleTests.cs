using SelfJudge.Preferences.Learning;

namespace SelfJudge.Preferences.Tests.Learning;

public sealed class LearningRateScheduleTests
{
    [Fact]
    public void Warms_up_linearly_then_stays()
    {
        var schedule = new LearningRateSchedule(1.0, 4, DecayShape.Constant, 100);
        Assert.Equal([0.25, 0.5, 0.75, 1.0, 1.0], new[] { 1, 2, 3, 4, 50 }.Select(schedule.At));
    }

    [Fact]
    public void Falls_down_half_a_cosine_to_zero()
    {
        var schedule = new LearningRateSchedule(2.0, 10, DecayShape.Cosine, 110);
        Assert.Equal(2.0, schedule.At(10), 12);
        Assert.Equal(1.0, schedule.At(60), 12);
        Assert.Equal(0.0, schedule.At(110), 12);
        Assert.Equal(2.0 * (1 + Math.Cos(Math.PI / 4)) / 2, schedule.At(35), 12);
    }

    [Fact]
    public void Without_warm_up_the_first_step_has_the_full_rate() =>
        Assert.Equal(3.0, new LearningRateSchedule(3.0, 0, DecayShape.Constant, 10).At(1));
}
