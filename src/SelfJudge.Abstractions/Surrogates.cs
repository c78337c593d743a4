using SelfJudge.Preferences.Judging;
using SelfJudge.Preferences.Sampling;
using SelfJudge.Preferences.Templates;
using SelfJudge.Preferences.Tournaments;

namespace SelfJudge.Abstractions;

// Turns, sampling options, cohorts, verdicts and brackets are plain types that know no Orleans. These are the forms in which they travel.

/// <summary>A turn of a dialogue as it travels.</summary>
[GenerateSerializer, Immutable, Alias("sj.Turn")]
public record struct TurnSurrogate([property: Id(0)] Role Role, [property: Id(1)] string Content);

/// <summary>Turns a <see cref="Turn"/> into the form that travels, and back.</summary>
[RegisterConverter]
public sealed class TurnConverter : IConverter<Turn, TurnSurrogate>
{
    public Turn ConvertFromSurrogate(in TurnSurrogate surrogate) => new(surrogate.Role, surrogate.Content);

    public TurnSurrogate ConvertToSurrogate(in Turn value) => new(value.Role, value.Content);
}

/// <summary>A cohort as it travels.</summary>
[GenerateSerializer, Immutable, Alias("sj.BatchMembership")]
public record struct CohortSurrogate([property: Id(0)] string Key, [property: Id(1)] int Size, [property: Id(2)] int Ordinal);

/// <summary>Turns a <see cref="Cohort"/> into the form that travels, and back.</summary>
[RegisterConverter]
public sealed class CohortConverter : IConverter<Cohort, CohortSurrogate>
{
    public Cohort ConvertFromSurrogate(in CohortSurrogate surrogate) => new(surrogate.Key, surrogate.Size, surrogate.Ordinal);

    public CohortSurrogate ConvertToSurrogate(in Cohort value) => new(value.Key, value.Size, value.Ordinal);
}

/// <summary>Sampling options as they travel.</summary>
[GenerateSerializer, Immutable, Alias("sj.SamplingOptions")]
public record struct SamplingOptionsSurrogate(
    [property: Id(0)] double Temperature, [property: Id(1)] double TopP, [property: Id(2)] int TopK, [property: Id(3)] int MaxNewTokens);

/// <summary>Turns <see cref="SamplingOptions"/> into the form that travels, and back.</summary>
[RegisterConverter]
public sealed class SamplingOptionsConverter : IConverter<SamplingOptions, SamplingOptionsSurrogate>
{
    public SamplingOptions ConvertFromSurrogate(in SamplingOptionsSurrogate surrogate) =>
        new(surrogate.Temperature, surrogate.TopP, surrogate.TopK, surrogate.MaxNewTokens);

    public SamplingOptionsSurrogate ConvertToSurrogate(in SamplingOptions value) =>
        new(value.Temperature, value.TopP, value.TopK, value.MaxNewTokens);
}

/// <summary>The probabilities of both judge tokens as they travel, each in [0, 1].</summary>
[GenerateSerializer, Alias("sj.JudgeProbabilities")]
public record struct JudgeProbabilitiesSurrogate([property: Id(0)] double A, [property: Id(1)] double B);

/// <summary>Turns <see cref="JudgeProbabilities"/> into the form that travels, and back.</summary>
[RegisterConverter]
public sealed class JudgeProbabilitiesConverter : IConverter<JudgeProbabilities, JudgeProbabilitiesSurrogate>
{
    public JudgeProbabilities ConvertFromSurrogate(in JudgeProbabilitiesSurrogate surrogate) => new(surrogate.A, surrogate.B);

    public JudgeProbabilitiesSurrogate ConvertToSurrogate(in JudgeProbabilities value) => new(value.A, value.B);
}

/// <summary>A template's judgment as it travels: the principle, null for an overall template, and both orders.</summary>
[GenerateSerializer, Alias("sj.TemplateJudgment")]
public record struct TemplateJudgmentSurrogate([property: Id(0)] string? Principle, [property: Id(1)] JudgeProbabilities Forward,
    [property: Id(2)] JudgeProbabilities Swapped);

/// <summary>Turns a <see cref="TemplateJudgment"/> into the form that travels, and back.</summary>
[RegisterConverter]
public sealed class TemplateJudgmentConverter : IConverter<TemplateJudgment, TemplateJudgmentSurrogate>
{
    public TemplateJudgment ConvertFromSurrogate(in TemplateJudgmentSurrogate surrogate) =>
        new(surrogate.Principle, surrogate.Forward, surrogate.Swapped);

    public TemplateJudgmentSurrogate ConvertToSurrogate(in TemplateJudgment value) => new(value.Principle, value.Forward, value.Swapped);
}

/// <summary>A verdict travels with what it came to: an oracle's has no judgments from which that would follow.</summary>
[GenerateSerializer, Alias("sj.Verdict")]
public record struct VerdictSurrogate([property: Id(0)] List<TemplateJudgment> Judgments, [property: Id(1)] int Winner,
    [property: Id(2)] int VotesFirst, [property: Id(3)] int VotesSecond, [property: Id(4)] double ScoreFirst,
    [property: Id(5)] double ScoreSecond,
    [property: Id(6)] double Prior);

/// <summary>Turns a <see cref="Verdict"/> into the form that travels, and back.</summary>
[RegisterConverter]
public sealed class VerdictConverter : IConverter<Verdict, VerdictSurrogate>
{
    public Verdict ConvertFromSurrogate(in VerdictSurrogate surrogate) =>
        new(surrogate.Winner, surrogate.VotesFirst, surrogate.VotesSecond, surrogate.ScoreFirst, surrogate.ScoreSecond, surrogate.Judgments)
        {
            Prior = surrogate.Prior,
        };

    public VerdictSurrogate ConvertToSurrogate(in Verdict value) =>
        new([.. value.Judgments], value.Winner, value.VotesFirst, value.VotesSecond, value.ScoreFirst, value.ScoreSecond,
        value.Prior);
}

/// <summary>A match as it travels: its round, from 0, its two completions and the winner by index, and the verdict.</summary>
[GenerateSerializer, Alias("sj.Match")]
public record struct MatchSurrogate([property: Id(0)] int Round, [property: Id(1)] int First, [property: Id(2)] int Second,
    [property: Id(3)] int Winner, [property: Id(4)] Verdict Verdict);

/// <summary>Turns a <see cref="Match"/> into the form that travels, and back.</summary>
[RegisterConverter]
public sealed class MatchConverter : IConverter<Match, MatchSurrogate>
{
    public Match ConvertFromSurrogate(in MatchSurrogate surrogate) =>
        new(surrogate.Round, surrogate.First, surrogate.Second, surrogate.Winner, surrogate.Verdict);

    public MatchSurrogate ConvertToSurrogate(in Match value) => new(value.Round, value.First, value.Second, value.Winner, value.Verdict);
}

/// <summary>A bracket as it travels, with the matches played so far.</summary>
[GenerateSerializer, Alias("sj.Bracket")]
public record struct BracketSurrogate([property: Id(0)] int[] Seeding, [property: Id(1)] int[] Standing,
    [property: Id(2)] List<Match> Matches, [property: Id(3)] int Round,
    [property: Id(4)] List<Match> Further, [property: Id(5)] ulong Seed);

/// <summary>Turns a <see cref="Bracket"/> into the form that travels, and back.</summary>
[RegisterConverter]
public sealed class BracketConverter : IConverter<Bracket, BracketSurrogate>
{
    public Bracket ConvertFromSurrogate(in BracketSurrogate surrogate) =>
        new(surrogate.Seeding, surrogate.Standing, surrogate.Matches, surrogate.Round)
        {
            Further = surrogate.Further,
            Seed = surrogate.Seed,
        };

    public BracketSurrogate ConvertToSurrogate(in Bracket value) =>
        new([.. value.Seeding], [.. value.Standing], [.. value.Matches], value.Round,
        [.. value.Further], value.Seed);
}
