using SelfJudge.Preferences.Settings;

namespace SelfJudge.Preferences.Learning;

/// <summary>What a token of a training sequence is, which decides whether and how it is learned.</summary>
public enum TokenPart : byte
{
    /// <summary>Context: no loss.</summary>
    Context,

    /// <summary>An assistant's answer and its end token: the policy's task.</summary>
    Response,

    /// <summary>The judge token: the judge's task.</summary>
    JudgeToken,

    /// <summary>What follows the judge token: a rationale where there is one, and the end token.</summary>
    Rationale,

    /// <summary>The judge prompt before the judge token. The paper does not learn it; an option here.</summary>
    JudgePrompt,
}

/// <summary>A training sequence.</summary>
/// <param name="Parts">What each token of <paramref name="Tokens"/> is.</param>
public sealed record SupervisedExample(int[] Tokens, TokenPart[] Parts);

/// <summary>
/// How much the parts of a batch weigh in its loss. With <see cref="PerToken"/> every learned token weighs the same,
/// which is JSFT as published: cross-entropy over the union of both tasks. Otherwise each part is a mean over its own
/// tokens, so that one judge token is not drowned by twenty response tokens.
/// </summary>
public sealed record PartWeights(
    [property: Setting("The weight of responses.", AtLeast = 0, AtMost = 1_000_000)] double Response,
    [property: Setting("The weight of judge tokens.", AtLeast = 0, AtMost = 1_000_000)] double JudgeToken = 1,
    [property: Setting("The weight of rationales.", AtLeast = 0, AtMost = 1_000_000)] double Rationale = 1,
    [property: Setting("The weight of judge prompts, learned as text.", AtLeast = 0, AtMost = 1_000_000)] double JudgePrompt = 0,
    [property: Setting("Whether the weights are those of single tokens, over all that are learned, instead of each part's mean.")]
    bool PerToken = false)
{
    public PartWeights()
        : this(Response: 1)
    {
    }

    public double this[TokenPart part] => part switch
    {
        TokenPart.Response => Response,
        TokenPart.JudgeToken => JudgeToken,
        TokenPart.Rationale => Rationale,
        TokenPart.JudgePrompt => JudgePrompt,
        _ => 0,
    };

    /// <summary>
    /// The weight of one token of each part in the loss −Σ weight·log p, given how many tokens of each part the batch
    /// holds. Indexed by <see cref="TokenPart"/>.
    /// </summary>
    public double[] TokenWeights(IReadOnlyList<int> counts)
    {
        var parts = Enum.GetValues<TokenPart>();
        var learned = parts.Sum(p => this[p] > 0 ? counts[(int)p] : 0);
        return [.. parts.Select(p => this[p] == 0 || counts[(int)p] == 0 ? 0 : this[p] / (PerToken ? learned : counts[(int)p]))];
    }
}
