using System.Globalization;
using SelfJudge.Modeling.Tokenizers;
using SelfJudge.Preferences.Data;
using SelfJudge.Preferences.Templates;

namespace SelfJudge.Modeling.Learning;

/// <summary>Lengths of the policy's examples in tokens, before they are cut.</summary>
/// <param name="Maximum">The longest that a sequence may be.</param>
/// <param name="Truncated">How many are longer.</param>
public sealed record ExampleLengths(int Count, IReadOnlyDictionary<string, int> Quantiles, int Maximum, int Truncated);

/// <summary>Lengths of the judge prompts in tokens, both orders, before they are cut; the judge token comes on top.</summary>
/// <param name="Problem">Why no prompt can be made of this template with this tokenizer.</param>
public sealed record JudgeLengths(int Count, IReadOnlyDictionary<string, int> Quantiles, int Maximum, int Truncated, JudgeCuts Cut,
    string? Problem);

/// <summary>How many of the prompts that are too long lose text from where; some from more than one place.</summary>
public sealed record JudgeCuts(int Context, int ResponseA, int ResponseB);

/// <summary>How long pairs are for a policy and for a judge, and what is cut of them. A text of more than a million characters counts as
/// one of a million.</summary>
/// <param name="judging">The judge template; null where nobody judges.</param>
public sealed class LengthSurvey(PromptEncoder encoder, JudgeTemplate? judging)
{
    private const int MeasuredCharacters = 1_000_000;

    private static readonly double[] Quantiles = [0, 0.25, 0.5, 0.75, 0.95, 1];

    // Examples are cut to the encoder's maximum: lengths are those before.
    private readonly PromptEncoder _whole = new(encoder.Tokenizer, encoder.Dialogue, int.MaxValue);
    private readonly LengthCounts _examples = new();
    private LengthCounts _judged = new();
    private string? _principle, _problem;
    private int _truncated, _judgedTruncated, _context, _responseA, _responseB;

    public ExampleLengths Examples => new(_examples.Total, _examples.Quantiles(), encoder.MaxLength, _truncated);

    public JudgeLengths Judged => _problem is null
        ? new(_judged.Total, _judged.Quantiles(), encoder.MaxLength, _judgedTruncated, new JudgeCuts(_context, _responseA, _responseB),
            null)
        : new(0, new Dictionary<string, int>(), encoder.MaxLength, 0, new JudgeCuts(0, 0, 0), _problem);

    /// <summary>Adds what the policy and the judge learn of a pair, as it comes from a file.</summary>
    public void Add(PreferenceExample pair)
    {
        if (pair.Principle is null)
            AddExample(pair);
        if (judging is null)
            return;
        // What a judge template learns: the pairs of its principle where the data has them, the overall ones until one comes.
        if (_principle is null && pair.Principle is not null && pair.Principle == judging.Principle)
        {
            (_principle, _judged, _problem) = (pair.Principle, new(), null);
            (_judgedTruncated, _context, _responseA, _responseB) = (0, 0, 0, 0);
        }
        if (pair.Principle == _principle)
            AddJudged(pair);
    }

    /// <summary>Adds what the policy learns of a pair.</summary>
    public void AddExample(PreferenceExample pair)
    {
        var length = ExampleBuilder.Policy(_whole, Measured(pair)).Tokens.Length;
        _examples.Add(length);
        _truncated += length > encoder.MaxLength ? 1 : 0;
    }

    /// <summary>Adds what the judge template learns of a pair, in both orders.</summary>
    public void AddJudged(PreferenceExample pair)
    {
        if (_problem is not null)
            return;
        pair = Measured(pair);
        try
        {
            Measure(pair.Prompt, pair.Chosen, pair.Rejected);
            Measure(pair.Prompt, pair.Rejected, pair.Chosen);
        }
        catch (ArgumentException e)
        {
            _problem = e.Message;
        }
    }

    private void Measure(IReadOnlyList<Turn> prompt, string a, string b)
    {
        var said = judging!.Context(prompt);
        var length = _whole.EncodeJudge(judging, said, a, b).Ids.Length;
        _judged.Add(length);
        if (length < encoder.MaxLength)
            return;
        _judgedTruncated++;
        var kept = encoder.FitJudge(judging, said, a, b);
        _context += kept.Context.Length < said.Length ? 1 : 0;
        _responseA += kept.ResponseA.Length < a.Length ? 1 : 0;
        _responseB += kept.ResponseB.Length < b.Length ? 1 : 0;
    }

    private static PreferenceExample Measured(PreferenceExample pair) => pair with
    {
        Prompt = [.. pair.Prompt.Select(t => t with { Content = Measured(t.Content) })],
        Chosen = Measured(pair.Chosen),
        Rejected = Measured(pair.Rejected),
    };

    private static string Measured(string text) =>
        text.Length <= MeasuredCharacters ? text
            : text[..(char.IsHighSurrogate(text[MeasuredCharacters - 1]) ? MeasuredCharacters - 1 : MeasuredCharacters)];

    /// <summary>How often each length occurs: as much as the quantiles need, and no more memory than there are lengths.</summary>
    private sealed class LengthCounts
    {
        private readonly SortedDictionary<int, int> _counts = [];

        public int Total { get; private set; }

        public void Add(int length)
        {
            Total++;
            _counts[length] = _counts.GetValueOrDefault(length) + 1;
        }

        public Dictionary<string, int> Quantiles() =>
            Total == 0 ? [] : LengthSurvey.Quantiles.ToDictionary(q => string.Create(CultureInfo.InvariantCulture, $"{100 * q:0}%"), q =>
                At((int)Math.Round(q * (Total - 1))));

        private int At(int rank)
        {
            foreach (var (length, count) in _counts)
                if ((rank -= count) < 0)
                    return length;
            throw new ArgumentOutOfRangeException(nameof(rank));
        }
    }
}
