// An objective of one's own (SavageObjective.cs), trained through the same door as those of the libraries.
//   dotnet run -c Release --project samples/CustomObjective
using SelfJudge.Modeling.Hosting;
using SelfJudge.Modeling.Learning;
using SelfJudge.Samples;
using SelfJudge.World;

const ulong Seed = 1;
const int Steps = 60, BatchSize = 32;
var none = CancellationToken.None;

// A slope that is not the loss's own trains something else and says nothing: central differences tell.
foreach (var delta in (double[])[-20, -1, 0, 3, 40])
{
    double Loss(double at) => SavageObjective.Savage(at, 0.1).Loss;
    var (slope, difference) = (SavageObjective.Savage(delta, 0.1).Slope, (Loss(delta + 1e-4) - Loss(delta - 1e-4)) / 2e-4);
    if (Math.Abs(slope - difference) > 1e-8)
        throw new InvalidOperationException($"the slope at {delta} is {slope}, but by differences {difference}");
}

using var host = new ModelHost(new ModelHostOptions());
var data = new WorldTrainingData(8000, Seed);
await TinyModel.Make(host, data, Seed);
var encoder = host.EncoderOf(TinyModel.Id);
PreferencePair[] heldOut = [.. data.HeldOutPairs.Select(pair => ExampleBuilder.Pair(encoder, pair))];

// The model that it starts from is the reference too, and stays as it is.
var spec = new TrainingSpec("policy", From: TinyModel.Id, Reference: TinyModel.Id, null, Seed, new OptimizerOptions());
await using (var training = await host.OpenTrainingAsync(spec, none))
    for (var step = 1; step <= Steps; step++)
    {
        var batch = Enumerable.Range((step - 1) * BatchSize, BatchSize).Select(i => ExampleBuilder.Pair(encoder, data.Pairs[i]));
        var report = await training.StepAsync(new SavageObjective([.. batch]), learningRate: 1e-4);
        if (step == 1 || step % 20 == 0)
            Console.WriteLine($"step {step}: loss {report.Loss:0.0000}, accuracy {report.Metrics["rewards/accuracies"]:0.00}");
    }

// Before training every Δ is 0, and the loss ¼. What was learned must hold for pairs that it has not seen.
var (policy, reference) = (await Margins("policy"), await Margins(TinyModel.Id));
var deltas = policy.Zip(reference, (p, r) => p - r).ToList();
var (loss, accuracy) = (deltas.Average(d => SavageObjective.Savage(d, 0.1).Loss), deltas.Average(d => d > 0 ? 1.0 : 0.0));
Console.WriteLine($"held-out pairs: loss {loss:0.0000} from 0.2500, accuracy {accuracy:0.000} of {deltas.Count}");
return loss < 0.25 && accuracy > 0.5 ? 0 : 1;

// log π(y⁺|x) − log π(y⁻|x) of every held-out pair.
async Task<IEnumerable<double>> Margins(string model)
{
    var chosen = await host.LogProbsAsync(model, [.. heldOut.Select(p => new ResponseSequence(p.Prompt, p.Chosen))], none);
    var rejected = await host.LogProbsAsync(model, [.. heldOut.Select(p => new ResponseSequence(p.Prompt, p.Rejected))], none);
    return chosen.Zip(rejected, (c, r) => c - r);
}
