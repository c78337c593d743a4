// A judge of one's own (KeywordJudge.cs) that picks the best of eight answers by a knock-out tournament.
//   dotnet run -c Release --project samples/CustomJudge
using SelfJudge.Modeling.Hosting;
using SelfJudge.Modeling.Sampling;
using SelfJudge.Preferences.Judging;
using SelfJudge.Preferences.Randomness;
using SelfJudge.Preferences.Sampling;
using SelfJudge.Preferences.Templates;
using SelfJudge.Preferences.Tournaments;
using SelfJudge.Samples;
using SelfJudge.World;

const ulong Seed = 1;
const int Samples = 8, Prompts = 200, Shown = 3;
var none = CancellationToken.None;

using var host = new ModelHost(new ModelHostOptions());
var data = new WorldTrainingData(5000, Seed);
await TinyModel.Make(host, data, Seed);
var encoder = host.EncoderOf(TinyModel.Id);

var rules = new KeywordJudge(new HashSet<string> { "maybe", "perhaps", "guess", "think" });
var played = await Task.WhenAll(data.HeldOutPrompts.Take(Prompts).Select((turns, n) => Play(rules, turns, n)));
foreach (var ((answers, bracket), turns) in played.Zip(data.HeldOutPrompts).Take(Shown))
{
    Console.WriteLine($"\n{turns[^1].Content}");
    foreach (var match in bracket.Matches)
        Console.WriteLine($"  round {match.Round + 1}: {answers[match.Winner]}\n     beats {answers[match.Loser]}");
}
var words = (Sampled: played.Average(p => p.Answers.Average(a => rules.Points(a).Words)), Champions: Champions(p => p.Words));
var unwanted = (Sampled: played.Average(p => p.Answers.Average(a => rules.Points(a).Unwanted)), Champions: Champions(p => p.Unwanted));
Console.WriteLine($"\nwords: {words.Sampled:0.00} in all answers, {words.Champions:0.00} in champions");
Console.WriteLine($"unwanted words: {unwanted.Sampled:0.00} in all answers, {unwanted.Champions:0.00} in champions");
return unwanted.Champions < unwanted.Sampled ? 0 : 1;

double Champions(Func<(int Unwanted, int Words), int> figure) => played.Average(p => figure(rules.Points(p.Answers[p.Bracket.Champion])));

// N − 1 matches in ⌈log₂ N⌉ rounds; those of a round are judged at once. Any IPairJudge can play: rules, a model of yours, an endpoint.
async Task<(string[] Answers, Bracket Bracket)> Play(IPairJudge judge, IReadOnlyList<Turn> turns, int n)
{
    ulong[] seeds = [.. Enumerable.Range(0, Samples).Select(i => Seeds.Derive(Seed, n, i))];
    var sampling = new SamplingOptions(Temperature: 1, TopP: 0.9, MaxNewTokens: 40);
    var sampled = await host.SampleAsync(TinyModel.Id, new SamplePrompt(encoder.EncodePrompt(turns), seeds, sampling), null, none);
    var answers = Array.ConvertAll(sampled, s => encoder.Tokenizer.Decode(s.Ids));
    var bracket = Bracket.Of(Samples, seeds[0]);
    while (!bracket.IsDecided)
    {
        var round = await Task.WhenAll(bracket.NextRound.Select(p => judge.Judge(turns, answers[p.First], answers[p.Second], none)));
        // A judge that has no answer counts as a tie.
        bracket = bracket.Play([.. round.Select(j => j.Verdict ?? Verdict.Unreadable)]);
    }
    return (answers, bracket);
}
