using System.CommandLine;
using SelfJudge.Bench;
using SelfJudge.Bench.Benchmarks;
using SelfJudge.Bench.Measures;

var soakSteps = Soak.DefaultSteps;
var interpreter = "python3";
Benchmark[] benchmarks =
[
    new("throughput", "training and sampling against the machine's limit", Throughput.Measure),
    new("types", "sampling by the type of the weights", WeightTypes.Measure),
    new("sampler", "drawing a token against sorting the vocabulary", SamplerDraw.Measure),
    new("grains", "self-training through the grains against a bare loop", GrainsAgainstLoop.Measure),
    new("batching", "requests at once against one at a time", DynamicBatching.Measure),
    new("tournament", "a tournament of 16 against a single sample", TournamentCost.Measure),
    new("memory", "policy, reference and judge against one model", RoleMemory.Measure),
    new("training-memory", "a training step's peak memory with and without gradient checkpointing", TrainingMemory.Measure),
    new(AgainstPyTorch.Name, "training and sampling against eager PyTorch", bench => AgainstPyTorch.Measure(bench, interpreter)),
    new(Soak.Name, "memory over a long run", _ => Soak.Measure(soakSteps)),
];

var only = new Option<string[]>(
    "--only")
{
    Description =
    $"Runs these benchmarks alone; {Soak.Name}, which is long, and {AgainstPyTorch.Name}, which needs PyTorch, run only so.",
    AllowMultipleArgumentsPerToken = true
};
only.AcceptOnlyFromAmong([.. benchmarks.Select(b => b.Name)]);
var output = new Option<string>("--out")
{
    Description = "The JSON file to write beside the table.",
    DefaultValueFactory = _ =>
    "bench.json"
};
var steps = new Option<int>("--steps") { Description = $"Steps of {Soak.Name}.", DefaultValueFactory = _ => Soak.DefaultSteps };
steps.Validators.Add(result =>
{
    if (result.GetValueOrDefault<int>() < 100)
        result.AddError("--steps: must be 100 or more");
});
var python = new Option<string>("--python")
{
    Description = $"The interpreter, with PyTorch, of {AgainstPyTorch.Name}.",
    DefaultValueFactory = _ => interpreter
};
var root = new RootCommand("Benchmarks of SelfJudge.Actors: every figure a ratio measured in this run.") { only, steps, python, output };
root.SetAction(async (parse, cancellation) =>
{
    (soakSteps, interpreter) = (parse.GetValue(steps), parse.GetValue(python)!);
    var chosen = parse.GetValue(only) is { Length: > 0 } names ? benchmarks.Where(b => names.Contains(b.Name))
        : benchmarks.Where(b => b.Name is not (Soak.Name or AgainstPyTorch.Name));
    try
    {
        if (chosen.Any(b => b.Name == AgainstPyTorch.Name))
            await AgainstPyTorch.Check(interpreter);
    }
    catch (NotAvailableException e)
    {
        await Console.Error.WriteLineAsync(e.Message);
        return 1;
    }
    await Report.Run([.. chosen], parse.GetValue(output)!, cancellation);
    return 0;
});
var part = new Command(TrainingMemory.Command) { Hidden = true };
var parts = new Argument<string[]>("case");
part.Add(parts);
part.SetAction(parse => TrainingMemory.Run(parse.GetValue(parts)!));
root.Add(part);
var soak = new Command(Soak.Command) { Hidden = true };
var count = new Argument<int>("steps");
soak.Add(count);
soak.SetAction(parse => Soak.Run(parse.GetValue(count)));
root.Add(soak);
return await root.Parse(args).InvokeAsync();
