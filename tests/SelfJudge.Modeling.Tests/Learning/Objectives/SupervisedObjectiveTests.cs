using SelfJudge.Modeling.Decoders;
using SelfJudge.Modeling.Learning;
using SelfJudge.Modeling.Learning.Objectives;
using SelfJudge.Modeling.Tensors;
using SelfJudge.Preferences.Learning;

namespace SelfJudge.Modeling.Tests.Learning.Objectives;

public sealed class SupervisedObjectiveTests
{
    private static readonly TokenPart[] Cycle =
        [TokenPart.Context, TokenPart.JudgePrompt, TokenPart.Response, TokenPart.JudgeToken, TokenPart.Response];

    // Sequences of 6 to 10 tokens, whose parts begin at another place of the cycle each.
    private static readonly SupervisedExample[] Examples =
        [.. Enumerable.Range(0, 5)
            .Select(i =>
            new SupervisedExample(TestModels.Tokens(6 + i, (ulong)i),
            [.. Enumerable.Range(i, 6 + i).Select(t => Cycle[t % Cycle.Length])]))];

    /// <summary>Of cross-entropy in which a response's token, a judge token and a judge prompt's token weigh as the settings say.</summary>
    [Theory]
    [InlineData(false, 1, 10_000)]
    [InlineData(true, 1, 10_000)]
    [InlineData(false, 2, 12)]
    public void The_gradient_is_that_of_finite_differences(bool perToken, int workerCount, int maxTokens)
    {
        using var scope = Ops.Scope();
        using var weights = DecoderWeights.Random(TestModels.Config(), 5);
        var settings = new Dictionary<TokenPart, double>
        {
            [TokenPart.Context] = 0,
            [TokenPart.Response] = 2,
            [TokenPart.JudgeToken] = 3,
            [TokenPart.JudgePrompt] = 0.5
        };
        var learned = Examples.SelectMany(e => e.Parts.Skip(1)).Where(p => settings[p] > 0).ToList();
        double WeightOf(TokenPart part) => settings[part] / (perToken ? learned.Count : learned.Count(p => p == part));
        double Loss(DecoderModel model) => Examples.Sum(e =>
        {
            using var inner = Ops.Scope();
            var logProbs = TokenLogProbs.Forward(model, model.Hidden(PackedBatch.Of([e.Tokens])),
                [.. Enumerable.Range(0, e.Tokens.Length - 1)], e.Tokens[1..]);
            return -logProbs.Zip(e.Parts.Skip(1)).Sum(t => settings[t.Second] == 0 ? 0 : WeightOf(t.Second) * t.First);
        });
        var (report, gradient) = TrainedGradient.Of(new SupervisedObjective(Examples, new PartWeights(2, 3, 0, 0.5, perToken)), weights,
            null, workerCount, maxTokens);
        Assert.Equal(Loss(TestModels.Model(weights)), report.Loss, 4);
        TrainedGradient.AssertIsOf(weights, gradient, Loss);
    }
}
