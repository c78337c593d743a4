// The method of the paper in one file, without actors: everything happens on one model host in this process.
//   dotnet run -c Release --project samples/BareLoop
using SelfJudge.Modeling.Decoders;
using SelfJudge.Modeling.Hosting;
using SelfJudge.Modeling.Learning;
using SelfJudge.Modeling.Learning.Objectives;
using SelfJudge.Modeling.Sampling;
using SelfJudge.Preferences.Data;
using SelfJudge.Preferences.Judging;
using SelfJudge.Preferences.Learning;
using SelfJudge.Preferences.Losses;
using SelfJudge.Preferences.Randomness;
using SelfJudge.Preferences.Sampling;
using SelfJudge.Preferences.Templates;
using SelfJudge.Preferences.Tournaments;
using SelfJudge.World;

const ulong Seed = 1;
const int JsftSteps = 250, Answers = 32, JudgePairs = 16; // of a JSFT step
const int DpoSteps = 20, Prompts = 32, Samples = 4;       // of a DPO step
var none = CancellationToken.None;
var template = JudgeTemplate.World;
var sampling = new SamplingOptions(Temperature: 1, TopP: 0.9, MaxNewTokens: 40);

// The built-in world: prompts, preference pairs, and an oracle that is asked here only for measuring.
var data = new WorldTrainingData(8000, Seed);
var heldOut = WorldPrompts.Instance.Validation;

// A model host owns the device. All tensor work is done by its own thread; what comes back are plain arrays.
using var host = new ModelHost(new ModelHostOptions());
var config = new DecoderConfig
{
    VocabSize = Vocabulary.Words.Count,
    HiddenSize = 64,
    IntermediateSize = 176,
    NumHiddenLayers = 4,
    NumAttentionHeads = 8,
    NumKeyValueHeads = 8,
    HeadDim = 8,
    MaxPositionEmbeddings = 256,
    TieWordEmbeddings = true,
    InitializerRange = 0.07f,
    EosTokenIds = [0],
};
await host.LoadAsync("random", new ModelSource(null, new InitialModel(config, Seed, WorldTokenizer.Create()), null, "world"), none);
var encoder = host.EncoderOf("random");

// Stage 1, JSFT: one model learns to answer, and to say which of two answers is better, in both orders.
var jsftOptimizer = new OptimizerOptions(Beta2: 0.99, WeightDecay: 0.01, MaxTokensPerBatch: 8192);
await using (var jsft = await host.OpenTrainingAsync(new TrainingSpec("jsft", "random", null, null, Seed, jsftOptimizer), none))
{
    var weights = new PartWeights(Response: 4, JudgeToken: 4, Rationale: 1, JudgePrompt: 1);
    var rates = new LearningRateSchedule(3e-3, JsftSteps / 20, DecayShape.Cosine, JsftSteps);
    for (var step = 1; step <= JsftSteps; step++)
    {
        var answers = Batch(step, Answers).Select(pair => ExampleBuilder.Policy(encoder, pair));
        var judgments = Batch(step, JudgePairs).SelectMany(pair => (SupervisedExample[])[
            ExampleBuilder.Judge(encoder, template, pair, swapped: false, rationale: true),
            ExampleBuilder.Judge(encoder, template, pair, swapped: true, rationale: true)]);
        var report = await jsft.StepAsync(new SupervisedObjective([.. answers, .. judgments], weights), rates.At(step));
        if (step == 1 || step % 50 == 0)
            Console.WriteLine($"JSFT step {step}: loss {report.Loss:0.000}");
    }
}
var judged = await Judge([.. data.HeldOutPairs.Select(p => (p.Prompt, p.Chosen, p.Rejected))]);
var accuracy = judged.Average(v => v.Winner == 1 ? 1.0 : 0.0);
Console.WriteLine($"the judge prefers the better answer in {accuracy:0.0%} of {judged.Count} held-out pairs");
Console.WriteLine($"JSFT: gold score {await GoldScore("jsft"):0.000}");

// Stage 2, self-judgment: the policy samples, the JSFT model, frozen, judges, and DPO learns from its preferences.
double margin = 0;
await using (var dpo = await host.OpenTrainingAsync(new TrainingSpec("policy", "jsft", "jsft", null, Seed, new OptimizerOptions()), none))
    for (var step = 1; step <= DpoSteps; step++)
    {
        var pairs = await Task.WhenAll(Enumerable.Range((step - 1) * Prompts, Prompts).Select(n => Play(n, data.Prompt(n))));
        var report = await dpo.StepAsync(new PreferenceObjective([.. pairs.SelectMany(p => p)], new PreferenceLoss()), 1e-4);
        margin = report.Metrics["rewards/margins"];
        if (step == 1 || step % 10 == 0)
            Console.WriteLine($"DPO step {step}: loss {report.Loss:0.000}, margin {margin:0.000}");
    }
Console.WriteLine($"Self-Judge: gold score {await GoldScore("policy"):0.000}");

// So little training need not raise the gold score; but the judge must judge, and the policy must go where it points.
return accuracy > 0.55 && margin > 0 ? 0 : 1;

IEnumerable<PreferenceExample> Batch(int step, int size) =>
    Enumerable.Range((step - 1) * size, size).Select(i => data.Pairs[i % data.Pairs.Count]);

// Samples a prompt, plays a knock-out bracket over the samples, and takes the final as a preference.
async Task<IEnumerable<PreferencePair>> Play(int n, IReadOnlyList<Turn> turns)
{
    var prompt = encoder.EncodePrompt(turns);
    ulong[] seeds = [.. Enumerable.Range(0, Samples).Select(i => Seeds.Derive(Seed, n, i))];
    var sampled = await host.SampleAsync("policy", new SamplePrompt(prompt, seeds, sampling), null, none);
    var texts = Array.ConvertAll(sampled, s => encoder.Tokenizer.Decode(s.Ids));
    var bracket = Bracket.Of(Samples, seeds[0]);
    while (!bracket.IsDecided)
        bracket = bracket.Play(await Judge([.. bracket.NextRound.Select(p => (turns, texts[p.First], texts[p.Second]))]));
    // The ids that were sampled are learned; to decode and encode them again could change them.
    return TripletSelection.From(bracket, TripletPattern.Final).Preferences
        .Select(p => new PreferencePair(prompt, sampled[p.Chosen].Ids, sampled[p.Rejected].Ids));
}

// Both orders of every pair (section 3.1), so that the judge's taste for a place cancels out. Identical answers are not judged.
async Task<IReadOnlyList<Verdict>> Judge(IReadOnlyList<(IReadOnlyList<Turn> Prompt, string First, string Second)> pairs)
{
    var prompts = from pair in pairs
                  where pair.First != pair.Second
                  from order in new[] { (pair.First, pair.Second), (pair.Second, pair.First) }
                  select encoder.EncodeJudge(template, template.Context(pair.Prompt), order.Item1, order.Item2);
    var probabilities = await host.JudgeAsync("jsft", [.. prompts], null, none);
    var verdicts = new Queue<Verdict>(probabilities.Chunk(2).Select(p => Verdict.Of([new TemplateJudgment(null, p[0], p[1])])));
    return [.. pairs.Select(pair => pair.First == pair.Second ? Verdict.Identical : verdicts.Dequeue())];
}

// What the oracle makes of one answer to each held-out prompt, in [0, 1].
async Task<double> GoldScore(string model)
{
    var scores = await Task.WhenAll(heldOut.Select(async (prompt, n) =>
    {
        var ids = encoder.EncodePrompt(WorldTrainingData.ToTurns(prompt));
        var answer = await host.SampleAsync(model, new SamplePrompt(ids, [Seeds.Derive(Seed, n)], sampling), null, none);
        return GoldOracle.Score(prompt, encoder.Tokenizer.Decode(answer[0].Ids)).Mean;
    }));
    return scores.Average();
}
