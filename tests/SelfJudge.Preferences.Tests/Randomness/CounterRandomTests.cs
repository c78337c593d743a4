using CsCheck;
using SelfJudge.Preferences.Randomness;

namespace SelfJudge.Preferences.Tests.Randomness;

public sealed class CounterRandomTests
{
    [Fact]
    public void Numbers_are_splitmix64s()
    {
        // The first outputs for seed 1234567, as published with the generator's reference implementations.
        ulong[] published = [6457827717110365317, 3203168211198807973, 9817491932198370423, 4593380528125082431, 16408922859458223821];
        for (var i = 0; i < published.Length; i++)
            Assert.Equal((published[i] >> 11) * (1.0 / (1UL << 53)), CounterRandom.Uniform(1234567, (ulong)i));
    }

    [Fact]
    public void A_number_does_not_depend_on_those_before_it()
    {
        var random = new CounterRandom(5);
        random.Uniform();
        random.Uniform();
        Assert.Equal(CounterRandom.Uniform(5, 2), random.Uniform());
    }

    [Fact]
    public void Permutations_hold_every_number_once() =>
        Gen.Select(Gen.Int[0, 200], Gen.ULong).Sample((n, seed) =>
            Assert.Equal(Enumerable.Range(0, n), CounterRandom.Permutation(n, seed).Order()));

    [Fact]
    public void Normal_numbers_have_the_mean_and_deviation_asked_for()
    {
        var values = new float[100_001];
        CounterRandom.FillNormal(values, 3, 2f);
        Assert.Equal(0, values.Average(), 1);
        Assert.Equal(2, Math.Sqrt(values.Average(v => v * v)), 1);
    }

    /// <summary>One after the other, by the formula: whatever blocks they were computed in, and by whom, the bits are the same.</summary>
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(16_384)]
    [InlineData(16_385)]
    [InlineData(200_001)]
    public void Filling_in_blocks_gives_every_number_the_bits_of_its_place(int count)
    {
        var (normal, uniform) = (new float[count], new float[count]);
        CounterRandom.FillNormal(normal, 9, 0.02f);
        CounterRandom.FillUniform(uniform, 9, 0.3f);
        for (var i = 0; i < count; i++)
        {
            var radius = 0.02f * Math.Sqrt(-2 * Math.Log(1 - CounterRandom.Uniform(9, (ulong)(i / 2 * 2))));
            var (sin, cos) = Math.SinCos(2 * Math.PI * CounterRandom.Uniform(9, (ulong)(i / 2 * 2 + 1)));
            Assert.Equal((float)(radius * (i % 2 == 0 ? cos : sin)), normal[i]);
            Assert.Equal((float)((2 * CounterRandom.Uniform(9, (ulong)i) - 1) * 0.3f), uniform[i]);
        }
    }

    [Fact]
    public void Derived_seeds_differ_by_every_part()
    {
        var seeds = from a in Enumerable.Range(0, 50) from b in Enumerable.Range(0, 50) select Seeds.Derive(7, a, b);
        Assert.Equal(2500, seeds.Distinct().Count());
        Assert.NotEqual(Seeds.Derive(7, "policy"), Seeds.Derive(7, "judge"));
        Assert.NotEqual(Seeds.Derive(7, 1, 2), Seeds.Derive(7, 2, 1));
    }
}
