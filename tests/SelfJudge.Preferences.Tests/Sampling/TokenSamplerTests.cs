using CsCheck;
using SelfJudge.Preferences.Sampling;

namespace SelfJudge.Preferences.Tests.Sampling;

public sealed class TokenSamplerTests
{
    // Probabilities 0.5, 0.3, 0.15, 0.05 at ids 2, 0, 3, 1.
    private static readonly float[] Logits = [MathF.Log(0.3f), MathF.Log(0.05f), MathF.Log(0.5f), MathF.Log(0.15f)];

    [Theory]
    [InlineData(0.0, 2)]
    [InlineData(0.49, 2)]
    [InlineData(0.51, 0)]
    [InlineData(0.79, 0)]
    [InlineData(0.81, 3)]
    [InlineData(0.94, 3)]
    [InlineData(0.96, 1)]
    [InlineData(0.999999, 1)]
    public void The_uniform_number_picks_from_the_most_likely_on(double uniform, int token) =>
        Assert.Equal(token, Draw(new SamplingOptions { TopP = 1 }, uniform));

    [Theory]
    [InlineData(0.9, 0.99, 3)]  // 0.5 + 0.3 < 0.9, so the third is kept too
    [InlineData(0.8, 0.99, 0)]  // 0.5 + 0.3 reach 0.8
    [InlineData(0.5, 0.99, 2)]
    [InlineData(0.01, 0.99, 2)] // the most likely is always kept
    public void The_nucleus_is_the_smallest_set_that_reaches_top_p(double topP, double uniform, int last) =>
        Assert.Equal(last, Draw(new SamplingOptions { TopP = topP }, uniform));

    [Fact]
    public void Within_the_nucleus_probabilities_are_renormalised() =>
        Assert.Equal(0, Draw(new SamplingOptions { TopP = 0.8 }, 0.5 / 0.8 + 0.01));

    [Fact]
    public void Top_k_keeps_the_k_most_likely() => Assert.Equal(0, Draw(new SamplingOptions { TopP = 1, TopK = 2 }, 0.999));

    /// <summary>Probabilities of one of 0.9 and nine of 0.0111: of the three most likely together the first has 0.976, so top-p 0.95 keeps
    /// it alone; of all it would have 0.9.</summary>
    [Fact]
    public void Top_p_counts_within_the_top_k()
    {
        float[] logits = [MathF.Log(0.9f), .. Enumerable.Repeat(MathF.Log(0.1f / 9), 9)];
        Assert.Equal(0, new TokenSampler().Draw(logits, new SamplingOptions { TopP = 0.95, TopK = 3 }, 0.999).Token);
        Assert.Equal(5, new TokenSampler().Draw(logits, new SamplingOptions { TopP = 0.95 }, 0.999).Token);
    }

    /// <summary>Temperature, then top-k, then top-p over what top-k left, renormalised: by sorting in double precision.</summary>
    [Fact]
    public void Any_draw_is_that_of_a_sort_in_double_precision()
    {
        var (random, sampler, compared) = (new Random(12), new TokenSampler(), 0);
        double[] temperatures = [0.1, 0.7, 1, 1.3, 10], topPs = [0.1, 0.5, 0.9, 0.99, 1];
        for (var i = 0; i < 40_000; i++)
        {
            var vocab = random.Next(2, 80);
            var (spread, grid) = (random.Next(1, 9), random.Next(3) == 0); // a grid of few values makes ties
            var logits = Enumerable.Range(0, vocab).Select(_ =>
                (float)(grid ? random.Next(-spread, spread) : spread * (2 * random.NextDouble() - 1))).ToArray();
            var options = new SamplingOptions(temperatures[random.Next(5)], topPs[random.Next(5)],
                random.Next(3) == 0 ? 0 : random.Next(1, vocab + 5), 1);
            var uniform = random.NextDouble();
            if (BySorting(logits, options, uniform) is not { } expected)
                continue;
            compared++;
            Assert.True(expected == sampler.Draw(logits, options, uniform).Token,
                $"{options}, uniform {uniform}, logits [{string.Join(", ", logits)}]: {expected} is right");
        }
        Assert.InRange(compared, 39_000, 40_000);
    }

    /// <summary>All remainders of vector widths, and larger; ties, tokens without weight, all alike. On a grid, float32's exponential keeps
    /// the order of logits.</summary>
    [Fact]
    public void Any_draw_from_a_vocabulary_of_any_size_is_that_of_a_sort_in_double_precision()
    {
        var (random, sampler, compared) = (new Random(13), new TokenSampler(), 0);
        double[] temperatures = [0.5, 1, 2], topPs = [0.05, 0.9, 0.999, 1];
        for (var i = 0; i < 20_000; i++)
        {
            var vocab = random.Next(50) switch { 0 => 3001, < 10 => 190, _ => random.Next(1, 70) };
            float[] without = [float.NegativeInfinity, -300f];
            double spread = random.Next(5), missing = random.Next(4) * 0.3;
            var logits = Enumerable.Range(0, vocab).Select(_ =>
                random.NextDouble() < missing ? without[random.Next(2)]
                    : (float)(Math.Round(256 * spread * (2 * random.NextDouble() - 1)) / 256)).ToArray();
            logits[random.Next(vocab)] = random.Next((int)spread, 9);
            var options = new SamplingOptions(temperatures[random.Next(3)], topPs[random.Next(4)],
                random.Next(2) == 0 ? 0 : random.Next(1, vocab + 5), 1);
            var uniform = random.NextDouble();
            if (BySorting(logits, options, uniform) is not { } expected)
                continue;
            compared++;
            var (token, logProb) = sampler.Draw(logits, options, uniform);
            Assert.True(expected == token,
                $"{options}, uniform {uniform}, {vocab} logits, spread {spread}: {expected} is right, not {token}");
            Assert.Equal(logits[token] - logits.Max() - Math.Log(logits.Sum(l => Math.Exp(l - (double)logits.Max()))), logProb, 2e-6);
        }
        Assert.InRange(compared, 19_500, 20_000);
    }

    /// <summary>Exact in float32 and in double precision: of n tokens alike, top-p p keeps ⌈p·n⌉, and top-k k of them.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(16)]
    [InlineData(33)]
    [InlineData(1000)]
    [InlineData(32_000)]
    public void Of_tokens_all_alike_any_is_as_likely(int vocab)
    {
        var (sampler, logits) = (new TokenSampler(), new float[vocab]);
        foreach (var uniform in new[] { 0, 0.126, 0.501, 0.876, 1 - 1e-12 })
        {
            Assert.Equal((int)(uniform * vocab), sampler.Draw(logits, new SamplingOptions { TopP = 1 }, uniform).Token);
            Assert.Equal((int)(uniform * Math.Ceiling(0.75 * vocab)),
                sampler.Draw(logits, new SamplingOptions { TopP = 0.75 }, uniform).Token);
            var k = vocab / 3 + 1;
            Assert.Equal((int)(uniform * k), sampler.Draw(logits, new SamplingOptions { TopP = 1, TopK = k }, uniform).Token);
        }
    }

    // Null where a cumulative sum lies so near a limit that float32 may fall on either side of it.
    private static int? BySorting(float[] logits, SamplingOptions options, double uniform)
    {
        const double Near = 2e-6;
        var order = Enumerable.Range(0, logits.Length).OrderByDescending(i => logits[i]).ThenBy(i => i).ToArray();
        if (options.TopK > 0)
            order = order[..Math.Min(options.TopK, order.Length)];
        var weights = order.Select(i => Math.Exp((logits[i] - (double)logits[order[0]]) / options.Temperature)).ToArray();
        var all = weights.Sum();
        var (kept, total) = (0, 0.0);
        while (kept < weights.Length && (kept == 0 || total < options.TopP * all))
        {
            if (options.TopP < 1 && kept > 0 && Math.Abs(total / all - options.TopP) < Near)
                return null;
            total += weights[kept++];
        }
        if (options.TopP < 1 && kept < weights.Length && Math.Abs(total / all - options.TopP) < Near)
            return null;
        var reached = 0.0;
        for (var i = 0; i < kept; i++)
        {
            reached += weights[i] / total;
            if (Math.Abs(reached - uniform) < Near)
                return null;
            if (reached > uniform)
                return order[i];
        }
        return order[kept - 1];
    }

    [Theory]
    [InlineData(1e-38)]
    [InlineData(1e-39)]
    [InlineData(1e-45)]
    [InlineData(1e-300)]
    [InlineData(double.Epsilon)]
    public void A_temperature_below_what_float32_divides_by_takes_the_most_likely(double temperature) =>
        Assert.Equal(2, Draw(new SamplingOptions { Temperature = temperature, TopP = 1 }, 0.999));

    [Theory]
    [InlineData(1e30)]
    [InlineData(1e300)]
    [InlineData(double.MaxValue)]
    public void A_temperature_beyond_float32_makes_all_alike(double temperature) =>
        Assert.Equal([0, 1, 2, 3], new[] { 0.1, 0.3, 0.6, 0.9 }.Select(u =>
            Draw(new SamplingOptions { Temperature = temperature, TopP = 1 }, u)));

    [Fact]
    public void Temperature_zero_takes_the_most_likely() => Assert.Equal(2, Draw(new SamplingOptions { Temperature = 0 }, 0.999));

    [Fact]
    public void A_high_temperature_flattens()
    {
        // At temperature 1000 all four are all but equally likely; the order stays.
        var options = new SamplingOptions { Temperature = 1000, TopP = 1 };
        Assert.Equal([2, 0, 3, 1], new[] { 0.1, 0.3, 0.6, 0.9 }.Select(u => Draw(options, u)));
    }

    [Fact]
    public void The_log_probability_is_the_models_own_whatever_was_truncated()
    {
        var (_, logProb) = new TokenSampler().Draw(Logits, new SamplingOptions { Temperature = 0.5, TopP = 0.5 }, 0.5);
        Assert.Equal(Math.Log(0.5), logProb, 5);
    }

    [Fact]
    public void Equally_likely_tokens_go_by_id()
    {
        var sampler = new TokenSampler();
        Assert.Equal([0, 1, 2, 3], new[] { 0.1, 0.3, 0.6, 0.9 }.Select(u =>
            sampler.Draw([1, 1, 1, 1], new SamplingOptions { TopP = 1 }, u).Token));
    }

    [Fact]
    public void Draws_follow_the_distribution()
    {
        var sampler = new TokenSampler();
        var counts = new int[4];
        for (var i = 0; i < 100_000; i++)
            counts[sampler.Draw(Logits, new SamplingOptions { TopP = 1 }, (i + 0.5) / 100_000).Token]++;
        Assert.Equal([0.3, 0.05, 0.5, 0.15], counts.Select(c => Math.Round(c / 100_000.0, 4)));
    }

    [Fact]
    public void Any_draw_is_in_the_nucleus() =>
        Gen.Select(Gen.Float[-8, 8].Array[2, 60], Gen.Double[0.05, 1], Gen.Double[0, 0.999999]).Sample((logits, topP, uniform) =>
        {
            var (token, _) = new TokenSampler().Draw(logits, new SamplingOptions { TopP = topP }, uniform);
            var p = logits.Select(l => Math.Exp(l)).ToArray();
            // In float32, in which the sampler compares, the closest are equally likely.
            var likelier = p.Where((_, i) => p[i] > p[token] * (1 + 1e-6)).Sum() / p.Sum();
            Assert.True(likelier < topP + 1e-5, $"{likelier} of the mass is likelier than the token drawn, top_p {topP}");
        });

    [Fact]
    public void Logits_without_a_finite_maximum_are_refused() =>
        Assert.Contains("damaged or have diverged",
            Assert.Throws<ArithmeticException>(() => new TokenSampler().Draw([float.NaN, float.NaN], new SamplingOptions(), 0.5)).Message);

    [Theory]
    [InlineData(-1, 0.9, 0, 10, "temperature must be 0, or from 0.0001 to 1000, not -1")]
    [InlineData(1, 0, 0, 10, "top_p must be more than 0 and at most 1, not 0")]
    [InlineData(1, 0.9, -2, 10, "top_k must be 0 or more, not -2")]
    [InlineData(1, 0.9, 0, 0, "max_new_tokens must be from 1 to 1048576, not 0")]
    public void Impossible_options_say_what_is_wrong(double temperature, double topP, int topK, int maxNewTokens, string problem) =>
        Assert.Equal(problem, new SamplingOptions(temperature, topP, topK, maxNewTokens).Problem());

    private static int Draw(SamplingOptions options, double uniform) => new TokenSampler().Draw(Logits, options, uniform).Token;
}
