using CsCheck;
using SelfJudge.Preferences.Learning;

namespace SelfJudge.Preferences.Tests.Learning;

public sealed class PpoTests
{
    private static readonly PpoOptions Options = new();

    [Fact]
    public void Advantages_by_hand()
    {
        // δ = −0.1, −0.1, 0.7 with γ = 1; A = δ + 0.95·A of the next token, from the end.
        var (advantages, returns) = Ppo.Advantages([0, 0, 1], [0.5, 0.4, 0.3], 1.0, 0.95);
        Assert.Equal([0.43675, 0.565, 0.7], advantages.Select(a => Math.Round(a, 12)));
        Assert.Equal([0.93675, 0.965, 1.0], returns.Select(r => Math.Round(r, 12)));
    }

    [Fact]
    public void With_lambda_1_the_returns_are_discounted_sums_of_rewards() =>
        Gen.Select(Gen.Double[-1, 1].Array[1, 8], Gen.Double[0.5, 1]).Sample((rewards, discount) =>
        {
            var values = rewards.Select((r, i) => r * i).ToArray();
            var (_, returns) = Ppo.Advantages(rewards, values, discount, 1);
            for (var t = 0; t < rewards.Length; t++)
                Assert.Equal(rewards.Skip(t).Select((r, l) => r * Math.Pow(discount, l)).Sum(), returns[t], 9);
        });

    [Fact]
    public void The_penalty_falls_on_every_token_and_the_reward_on_the_last() =>
        Assert.Equal([-0.1, 0.05, 0.9], Ppo.TokenRewards(1, [-1f, -2f, -0.5f], [-1.5f, -1.75f, -1f], 0.2).Select(r => Math.Round(r, 6)));

    [Fact]
    public void Whitened_over_all_responses_together()
    {
        double[][] advantages = [[1, 2], [3, 4, 5]];
        Ppo.Whiten(advantages);
        // Mean 3, population deviation √2.
        Assert.Equal([-1.414214, -0.707107, 0, 0.707107, 1.414214], advantages.SelectMany(a => a).Select(a => Math.Round(a, 6)));
    }

    [Theory]
    [InlineData(0.1, 2.0, -2.2103418, false)]  // ratio e^0.1 within the range: −2·1.10517
    [InlineData(0.5, 2.0, -2.4, true)]         // ratio 1.65 counts as 1.2: −2·1.2, no slope
    [InlineData(0.5, -2.0, 3.2974425414, false)]  // for a bad action the larger loss is the unclipped one
    [InlineData(-0.5, -2.0, 1.6, true)]        // ratio 0.61 counts as 0.8: 2·0.8
    public void The_clipped_surrogate_by_hand(double logRatio, double advantage, double loss, bool clipped)
    {
        var token = Ppo.Token(-1 + logRatio, -1, advantage, 0, 0, 0, Options);
        Assert.Equal(loss, token.Policy, 6);
        Assert.Equal(clipped, token.IsClipped);
        Assert.Equal(clipped ? 0 : loss, token.ByLogProb, 6);
    }

    [Fact]
    public void The_value_loss_takes_the_worse_of_free_and_clipped()
    {
        // Old value 0, return 1: 0.5 counts as 0.2, whose error 0.8 is the larger; it lies on the bound and has no slope.
        var moved = Ppo.Token(0, 0, 0, 0.5, 0, 1, Options);
        Assert.Equal((0.32, 0.0), (Math.Round(moved.Value, 12), moved.ByValue));
        // −0.5 counts as −0.2; its own error 1.5 is the larger.
        var away = Ppo.Token(0, 0, 0, -0.5, 0, 1, Options);
        Assert.Equal((1.125, -1.5), (Math.Round(away.Value, 12), Math.Round(away.ByValue, 12)));
    }

    [Fact]
    public void A_value_that_falls_counts_as_its_old_one_less_the_range()
    {
        // Old value 1, return −1: 0 counts as 0.8, whose error 1.8 is larger than its own 1.
        var moved = Ppo.Token(0, 0, 0, 0, 1, -1, Options);
        Assert.Equal((1.62, 0.0), (Math.Round(moved.Value, 12), moved.ByValue));
    }

    [Fact]
    public void Responses_without_tokens_have_no_rewards_and_no_advantages()
    {
        Assert.Empty(Ppo.TokenRewards(1, [], [], 0.2));
        Assert.Empty(Ppo.Advantages([], [], 1, 1).Advantages);
        double[][] none = [[], []];
        Ppo.Whiten(none);
        Assert.All(none, Assert.Empty);
    }

    [Fact]
    public void Every_reward_needs_a_value() => Assert.Throws<ArgumentException>(() => Ppo.Advantages([1, 2], [1], 1, 1));

    [Fact]
    public void A_deviation_of_nothing_does_not_divide_by_zero()
    {
        double[][] alike = [[0, 2e-8]];
        Ppo.Whiten(alike);
        Assert.Equal([-0.5, 0.5], alike[0].Select(a => Math.Round(a, 9))); // 1e-8 by 1e-8 + 1e-8
    }

    [Fact]
    public void Derivatives_are_those_of_the_loss() =>
        Gen.Select(Gen.Double[-1, 1], Gen.Double[-2, 2], Gen.Double[-1, 1], Gen.Double[-1, 1], Gen.Double[-1, 1])
            .Sample((ratio, advantage, value, oldValue, @return) =>
        {
            const double H = 1e-7;
            PpoTokenLoss At(double logProb, double v) => Ppo.Token(logProb, -1, advantage, v, oldValue, @return, Options);
            double right = At(ratio - 1 + H, value).Policy, left = At(ratio - 1 - H, value).Policy, above = At(ratio - 1, value + H).Value,
                below = At(ratio - 1, value - H).Value;
            var at = At(ratio - 1, value);
            // At the corners the derivative is one-sided.
            if (Math.Abs(Math.Abs(Math.Exp(ratio) - 1) - 0.2) > 1e-5)
                Assert.Equal((right - left) / (2 * H), at.ByLogProb, tolerance: 1e-5);
            if (Math.Abs(Math.Abs(value - oldValue) - 0.2) > 1e-5
                && Math.Abs(Math.Abs(value - @return) - Math.Abs(Math.Clamp(value, oldValue - 0.2, oldValue + 0.2) - @return)) > 1e-5
                || Math.Abs(value - oldValue) < 0.19)
                Assert.Equal((above - below) / (2 * H), at.ByValue, tolerance: 1e-5);
        });

    [Theory]
    [InlineData(12.0, 64, 0.2 * (1 + 0.2 * 64 / 10_000.0))]  // twice the target: clipped to 0.2
    [InlineData(6.6, 64, 0.2 * (1 + 0.1 * 64 / 10_000.0))]
    [InlineData(0.0, 64, 0.2 * (1 - 0.2 * 64 / 10_000.0))]
    public void The_kl_coefficient_follows_the_divergence(double kl, int responses, double expected) =>
        Assert.Equal(expected, Ppo.NextKlCoefficient(0.2, kl, responses, Options), 12);
}
