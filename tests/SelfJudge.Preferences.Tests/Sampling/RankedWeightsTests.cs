using SelfJudge.Preferences.Sampling;

namespace SelfJudge.Preferences.Tests.Sampling;

public sealed class RankedWeightsTests
{
    [Theory]
    [InlineData(1, 8)]
    [InlineData(15, 8)]
    [InlineData(16, 8)]
    [InlineData(17, 1)]
    [InlineData(40, 0)]
    [InlineData(190, 3)]
    [InlineData(1001, 8)]
    [InlineData(1001, 0)]
    public void Places_are_those_of_a_sorted_list(int vocab, int spread)
    {
        var random = new Random(vocab);
        var logits = Enumerable.Range(0, vocab).Select(_ =>
            random.Next(5) == 0 ? float.NegativeInfinity : random.Next(-16 * spread, 1) / 16f).ToArray();
        logits[vocab / 2] = 0;
        var ranked = new RankedWeights();
        var all = ranked.TakeCandidates(0, ranked.Weigh(logits, 0, 1));
        var order = Enumerable.Range(0, vocab).Where(i => float.IsFinite(logits[i])).OrderByDescending(i => logits[i]).ThenBy(i => i)
            .ToList();
        Assert.Equal(order.Count, all.Rank);
        var mass = 0.0;
        foreach (var (i, token) in order.Index())
        {
            var byRank = ranked.Find(all with { Rank = i + 1 }, double.PositiveInfinity);
            Assert.Equal((i + 1, token), (byRank.Rank, ranked.TokenAt(byRank)));
            Assert.Equal(Math.Exp(logits[token]), byRank.Weight, 2e-7);
            var byMass = ranked.Find(all, mass + 0.5 * byRank.Weight);
            Assert.Equal((byRank.Rank, byRank.Weight, byRank.Tie), (byMass.Rank, byMass.Weight, byMass.Tie));
            mass += byRank.Weight;
            Assert.Equal(mass, byRank.Mass, 1e-12 * mass);
        }
        Assert.Equal(mass, all.Mass, 1e-12 * mass);
        Assert.Equal(all.Rank, ranked.Find(all, 2 * mass).Rank);
    }

    [Fact]
    public void Nothing_beyond_the_end_is_found()
    {
        var ranked = new RankedWeights();
        float[] logits = [0, -1, -2, -2, -3, .. Enumerable.Repeat(-2f, 60)];
        var all = ranked.TakeCandidates(0, ranked.Weigh(logits, 0, 1));
        var end = ranked.Find(all with { Rank = 7 }, double.PositiveInfinity);
        Assert.Equal(7, ranked.TokenAt(end));
        Assert.Equal(end, ranked.Find(end, double.PositiveInfinity));
        Assert.Equal(1, ranked.TokenAt(ranked.Find(end, 1.1)));
    }

    /// <summary>Many equal weights at the end, and more that are smaller, none of which a bisection has left out.</summary>
    [Fact]
    public void An_end_among_equal_weights_is_kept()
    {
        var ranked = new RankedWeights();
        float[] logits = [.. Enumerable.Repeat(0f, 40), .. Enumerable.Repeat(-1f, 40)];
        var all = ranked.TakeCandidates(0, ranked.Weigh(logits, 0, 1));
        foreach (var rank in new[] { 1, 2, 20, 40, 41, 60, 80 })
        {
            var end = ranked.Find(all with { Rank = rank }, double.PositiveInfinity);
            Assert.Equal((rank, rank - 1), (end.Rank, ranked.TokenAt(end)));
            Assert.Equal(end, ranked.Find(end, double.PositiveInfinity));
            Assert.Equal(0, ranked.TokenAt(ranked.Find(end, 0.5)));
        }
    }

    [Fact]
    public void Tokens_of_less_weight_are_no_candidates()
    {
        var ranked = new RankedWeights();
        var sum = ranked.Weigh([0, -1, -2, -3], 0, 1);
        Assert.Equal(3, ranked.TakeCandidates(0.1f, sum).Rank);
    }
}
