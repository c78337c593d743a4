using System.Reflection;
using System.Text;
using SelfJudge.Client;
using SelfJudge.Fuzz.Mutations;
using SelfJudge.Grains.Runs;
using SelfJudge.Modeling.Checkpoints;
using SelfJudge.Modeling.Decoders;
using SelfJudge.Modeling.Native;
using SelfJudge.Modeling.Tensors;
using SelfJudge.Preferences.Evaluation;
using SelfJudge.Preferences.Recipes;
using SelfJudge.Runs.Folders;
using SelfJudge.Runs.Logs;
using SelfJudge.Runs.Stages;

namespace SelfJudge.Fuzz.Readers;

/// <summary>The folder of a run that was interrupted, and of one that is finished: what <c>show</c> and <c>resume</c> read of it before any
/// training.</summary>
internal sealed class RunFolders : FuzzedReader
{
    private const string Stage = "Self-Judge";
    private const int Steps = 6;

    private static readonly LoraConfig Lora = new(2, 4, ["q_proj", "v_proj"]);

    private readonly IReadOnlyDictionary<string, byte[]> _interrupted, _finished;
    private readonly string[] _vocabulary;

    public RunFolders()
    {
        TorchRuntime.EnsureLoaded();
        (_interrupted, _finished) = (Seed(isFinished: false), Seed(isFinished: true));
        _vocabulary = Words(_finished.Where(f => !f.Key.EndsWith(".safetensors", StringComparison.Ordinal)).Select(f => f.Value));
    }

    public override string Name => "run-folder";

    public override FuzzInput Make(Random random)
    {
        var seed = random.Next(4) == 0 ? _finished : _interrupted;
        var files = new Dictionary<string, byte[]>(seed);
        for (var changes = random.Next(8) == 0 ? 2 : 1; changes > 0; changes--)
        {
            var (name, content) = seed.ElementAt(random.Next(seed.Count));
            if (random.Next(10) == 0)
                files.Remove(name);
            else
                files[name] = Changed(random, name, content);
        }
        return FuzzInput.Of(files);
    }

    public override bool Read(string folder, FuzzInput input)
    {
        Show(folder);
        var run = new RunFolder(folder);
        if (File.Exists(run.Result))
            return true;
        _ = RunExecution.ReadFinished(run, RecipeFile.Load(run.Recipe));
        _ = new CheckpointStore(run.Checkpoints, 2).TakeOver();
        ReadCheckpoint(run);
        BrokenPromise.Unless(MetricsLog.Read(run.Metrics).Count() is var rows && IsWhole(input, "metrics.jsonl", rows),
            $"metrics.jsonl has other lines than the {rows} read");
        using var triplets = new TripletLog(run, Steps);
        using var samples = new SampleLog(run, Steps);
        return true;
    }

    // Whatever was changed in a checkpoint, the one before it is as good, and nothing else is taken for one.
    private static void ReadCheckpoint(RunFolder run)
    {
        if (new CheckpointStore(run.Checkpoints, 2).Newest(_ => { }) is not { } newest)
            return;
        var (state, expected) = (newest.State, Snapshot((int)newest.State.RunStep));
        BrokenPromise.Unless(state is { RunStep: Steps or Steps - 1, Stage: Stage } && state.StageStep == state.RunStep - 3
            && state.Counters["tokens"] == 100 * state.RunStep, "a checkpoint says what it did not say when it was written");
        var read = newest.Load();
        BrokenPromise.Unless(read.Version == expected.Version && read.OptimizerSteps == expected.OptimizerSteps
            && Same(read.Weights, expected.Weights) && Same(read.Mean, expected.Mean) && Same(read.Variance, expected.Variance),
            "a checkpoint holds other numbers than when it was written");
        _ = StageProgress.FromCounters(state.StageStep, state.Counters);

        static bool Same(IReadOnlyList<NamedArray> a, IReadOnlyList<NamedArray> b) =>
            a.Count == b.Count && a.OrderBy(t => t.Name, StringComparer.Ordinal).Zip(b.OrderBy(t => t.Name, StringComparer.Ordinal))
                .All(p => p.First.Name == p.Second.Name && p.First.Values.AsSpan().SequenceEqual(p.Second.Values));
    }

    // Each line that ends is a row: only what a crash cut short is left out.
    private static bool IsWhole(FuzzInput input, string file, int rows) =>
        !input.Files.TryGetValue(file, out var content) || content.Count(b => b == '\n') is var lines && rows >= lines && rows <= lines + 1;

    // In this process, as the console does it, with its own way to tell an error from a crash.
    private static void Show(string folder)
    {
        using var errors = new StringWriter();
        Console.SetError(errors);
        var code = (int)typeof(UserError).Assembly.EntryPoint!.Invoke(null, BindingFlags.DoNotWrapExceptions, null,
            [new[] { "show", folder }], null)!;
        if (code != 0)
            throw new UserError(errors.ToString());
    }

    private byte[] Changed(Random random, string name, byte[] content) => Path.GetExtension(name) switch
    {
        ".safetensors" => SafeTensorsMutation.Mutate(random, [content], _vocabulary),
        ".json" when random.Next(4) != 0 => Mutation.Json(random, [Encoding.UTF8.GetString(content)], _vocabulary),
        ".jsonl" or ".json" or ".yaml" => Mutation.Text(random, [Encoding.UTF8.GetString(content)], _vocabulary),
        _ => random.Next(2) == 0 ? Mutation.Text(random, [Encoding.UTF8.GetString(content)], _vocabulary)
            : Mutation.Bytes(random, [content]),
    };

    private static Dictionary<string, byte[]> Seed(bool isFinished)
    {
        var folder = new RunFolder(Directory.CreateTempSubdirectory("selfjudge-fuzz-seed-").FullName);
        var recipe = RecipeFile.Parse($$$"""
            name: small
            data: {world_pairs: 100}
            model: {init: {hidden_size: 8, heads: 2, key_value_heads: 1}}
            stages:
              - {name: JSFT, method: jsft, steps: 3, policy_examples: 2, judge_pairs: 2, learning_rate: 1e-3}
              - {name: {{{Stage}}}, method: self-judge, from: JSFT, adapter: {r: 2, alpha: 4, targets: [q_proj, v_proj]}, steps: 5, prompts: 2, learning_rate: 1e-3}
            evaluation: {baseline: JSFT}
            """, "recipe");
        File.WriteAllText(folder.Recipe, RecipeFile.Render(recipe));
        var store = new CheckpointStore(folder.Checkpoints, 2);
        var epoch = store.TakeOver();
        foreach (var step in new[] { Steps - 1, Steps })
            store.Write(new CheckpointState(step, Stage, step - 3, epoch, 2,
                new StageProgress(step - 3, 1.5, 100 * step, new(8, 7, 0, 1, 0)).ToCounters()), Snapshot(step));
        Lines(folder.Metrics, s =>
            $$$"""{"run_step":{{{s}}},"stage":"{{{(s <= 3 ? "JSFT" : Stage)}}}","step":{{{(s <= 3 ? s : s - 3)}}},"loss":0.5,"grad_norm":null,"step_time":0.25}""");
        using (var triplets = new TripletLog(folder, Steps))
            triplets.Write([.. Enumerable.Range(0, 4)
                .Select(i =>
                new TripletRow { RunStep = 4 + i / 2, Stage = Stage, Step = 1 + i / 2, Prompt = "why ?", Chosen = "so .", Rejected = "no .",
                ChosenScore = 0.75, RejectedScore = 0.25, PromptIds = [1, 2], ChosenIds = [3], RejectedIds = [4] })]);
        using (var samples = new SampleLog(folder, Steps))
            samples.Write([.. Enumerable.Range(0, 4)
                .Select(i => new SampleRow(4 + i / 2, Stage, 1 + i / 2, i, "why ?", "so .", 0.5, (ulong)i, 1, [1, 2], [3]))]);
        File.WriteAllText(folder.StageResults,
            """[{"name":"JSFT","seconds":1.5,"tokens":300,"judge":{"judge/accuracy":0.75},"triplets":{"made":0,"trained":0,"stale_refused":0,"identical_skipped":0,"duplicates_dropped":0},"output":"stages/JSFT","trained_parameters":10,"device":"cpu","workers":2}]""");
        File.WriteAllText(folder.Address,
            """{"run_id":"small","process_id":4000000,"gateway_port":30000,"cluster_id":"c","service_id":"s","dashboard":"http://127.0.0.1:1/dashboard","gateway_host":"127.0.0.1"}""");
        if (isFinished)
            File.WriteAllText(folder.Result, new RunResult
            {
                RunId = "small",
                Name = "small",
                Seed = 1,
                TotalSeconds = 2.5,
                Stages = [new StageResult("JSFT", "jsft", 1.5, 300, 200, 10, "stages/JSFT")],
                Judges = [new JudgeResult("JSFT", 0.75, 0.5, 0.1, 0, 0.9)],
                Policies = [new PolicyResult("JSFT", 0.5, new Dictionary<string, double> { ["helpfulness"] = 0.5 }, 0.5, [0.4, 0.6], 3, 0,
                    10)],
                Triplets = new TripletResult(8, 7, 0, 1, 0),
                Examples = [new ExampleResult("why ?", [new AnswerResult("JSFT", "so .", 0.5)])],
                Recipe = RecipeFile.Render(recipe),
                Environment = new EnvironmentResult("cpu", 2, ".NET", "0.1.0"),
            }.ToJson());
        return SmallModel.TakeFiles(folder.Path);
    }

    private static void Lines(string path, Func<int, string> line) =>
        File.WriteAllText(path, string.Concat(Enumerable.Range(1, Steps).Select(s => line(s) + "\n")));

    private static TrainingSnapshot Snapshot(int step)
    {
        var weights = SmallModel.Tensors(ParameterLayout.Of(SmallModel.Config, Lora))
            .Select(t => t with { Values = [.. t.Values.Select(v => v * step)] }).ToList();
        return new TrainingSnapshot(Lora, weights, weights, weights, step - 3, step - 3);
    }
}
