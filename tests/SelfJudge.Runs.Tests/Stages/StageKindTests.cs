using SelfJudge.Abstractions;
using SelfJudge.Modeling.Checkpoints;
using SelfJudge.Modeling.Hosting;
using SelfJudge.Modeling.Sampling;
using SelfJudge.Preferences.Judging;
using SelfJudge.Preferences.Methods;
using SelfJudge.Preferences.Randomness;
using SelfJudge.Preferences.Recipes;
using SelfJudge.Preferences.Sampling;
using SelfJudge.Preferences.Templates;
using SelfJudge.Runs.Folders;
using SelfJudge.Runs.Judging;
using SelfJudge.Runs.Logs;
using SelfJudge.Runs.Stages;
using SelfJudge.Tests.Shared;

namespace SelfJudge.Runs.Tests.Stages;

/// <summary>A stage of every kind, trained on a model of one small layer, without a cluster: what prompt grains would send is made
/// here.</summary>
public sealed class StageKindTests : IDisposable
{
    private const int Prompts = 2, Samples = 3;

    // Where the policy is its own reference a preference loss is −log σ(0), and so is a reward model's whose head is all zeros.
    private const double LogTwo = 0.693147;

    private readonly TemporaryFolder _folder = new();
    private ModelHost _host = NewHost();

    public void Dispose()
    {
        _host.Dispose();
        _folder.Dispose();
    }

    [Theory]
    [InlineData(StageMethod.Sft, "loss/response", false, null)]
    [InlineData(StageMethod.Jsft, "loss/judge_token", true, null)]
    [InlineData(StageMethod.Dpo, "rewards/margins", true, LogTwo)]
    [InlineData(StageMethod.Rm, "rewards/accuracies", true, LogTwo)]
    public async Task A_stage_on_data_learns_from_it_and_leaves_its_model(StageMethod method, string figure, bool isMeasured,
        double? firstLoss)
    {
        await using var training = await Open(Stage(method, steps: 4));
        var steps = new List<IReadOnlyDictionary<string, double>>();
        while (!training.IsDone)
            steps.Add(await training.StepOnData());
        Assert.Equal(4, training.PolicyVersion);
        Assert.Equal([0.005, 0.01, 0.01, 0.01], steps.Select(s => s["learning_rate"])); // half of the steps warm up
        Assert.All(steps, s => Assert.True(double.IsFinite(s[figure])));
        Assert.Equal(firstLoss ?? steps[0]["loss"], steps[0]["loss"], 4);
        Assert.True(steps[^1]["loss"] < steps[0]["loss"], $"{steps[0]["loss"]} to {steps[^1]["loss"]}");
        var summary = await training.Finish();
        Assert.Equal(isMeasured, summary.Judge.ContainsKey("judge/accuracy"));
        Assert.True(File.Exists(Path.Combine(summary.Output, "model.safetensors")));
        var rows = MetricsLog.Read(Run.Metrics).ToList();
        Assert.Equal([1L, 2, 3, 4], rows.Select(r => r.RunStep));
        Assert.Equal(steps.Select(s => s["loss"]), rows.Select(r => r.Values["loss"]));
        Assert.Equal(method == StageMethod.Dpo, File.Exists(Path.Combine(Run.Path, "last-step.jsonl")));
    }

    [Theory]
    [InlineData(StageMethod.SelfJudge, true)]
    [InlineData(StageMethod.OffPolicy, false)]
    [InlineData(StageMethod.Rso, false)]
    public async Task A_stage_on_preferences_refuses_stale_ones_where_it_is_on_policy(StageMethod method, bool isOnPolicy)
    {
        await using var training = await Open(Stage(method, steps: 2));
        Assert.Equal(method == StageMethod.Rso ? FeedbackKind.RejectionSampling : FeedbackKind.Tournament, training.Feedback.Kind);
        var first = await Play(training, 1);
        var (version, step) = training.BeginOnTriplets(first, duplicates: 1);
        Assert.Equal(1, version);
        Assert.Equal(LogTwo, (await step)["loss"], 4);
        Assert.Equal(new TripletCounts(Prompts, Prompts, 0, 0, 1), training.Progress.Triplets);
        // The next step's prompts answer with what was sampled before the first.
        var (after, stale) = training.BeginOnTriplets([.. first.Select(b => b with { Step = 2 })], duplicates: 0);
        var figures = await stale;
        Assert.Equal(isOnPolicy ? 1 : 2, after);
        Assert.Equal(!isOnPolicy, figures.ContainsKey("loss"));
        Assert.Equal(isOnPolicy ? 0 : 1, figures["policy/staleness"]);
        Assert.Equal(isOnPolicy ? new TripletCounts(4, 2, 2, 0, 1) : new TripletCounts(4, 4, 0, 0, 1), training.Progress.Triplets);
        await training.Finish();
        Assert.Equal(isOnPolicy ? 2 : 4, File.ReadLines(Run.TripletJournal).Count());
        Assert.Equal(2, File.ReadLines(Path.Combine(Run.Path, "last-step.jsonl")).Count());
    }

    [Fact]
    public async Task Raft_learns_one_sample_of_each_prompt_and_logs_all()
    {
        await using var training = await Open(Stage(StageMethod.Raft, steps: 1));
        Assert.Equal(FeedbackKind.JudgeLikelihood, training.Feedback.Kind); // no reward model is named
        var batches = await Play(training, 1);
        var (version, step) = training.BeginOnTriplets(batches, 0);
        Assert.Equal(1, version);
        var figures = await step;
        Assert.True(figures["loss/response"] > 0);
        Assert.Equal(1, figures["rewards/mean"], 12); // of 0, 1 and 2
        await training.Finish();
        Assert.Equal(Prompts * Samples, File.ReadLines(Run.Samples).Count());
    }

    [Fact]
    public async Task Ppo_adapts_its_penalty_and_refuses_what_is_stale()
    {
        await using var training = await Open(Stage(StageMethod.Ppo, steps: 2));
        var batches = await Play(training, 1);
        var figures = await training.BeginOnTriplets(batches, 0).Step;
        // The policy is its reference: of a divergence of 0 the error is clipped to −0.2, for 6 of 10,000 samples.
        Assert.Equal(0, figures["objective/kl"], 5);
        Assert.Equal(0.2 * (1 - 0.2 * 6 / 10_000), training.Progress.KlCoefficient!.Value, 12);
        var (version, step) = training.BeginOnTriplets([.. batches.Select(b => b with { Step = 2 })], 0);
        Assert.Equal(1, version);
        Assert.DoesNotContain("loss", (await step).Keys);
        Assert.True(training.IsDone);
    }

    [Fact]
    public async Task Rest_gathers_without_learning_and_then_learns_what_was_rewarded_most()
    {
        await using var training = await Open(Stage(StageMethod.Rest, steps: 4));
        for (var step = 1; step <= 2; step++)
        {
            var (version, gathered) = training.BeginOnTriplets(await Play(training, step), 0);
            Assert.Equal(0, version);
            Assert.DoesNotContain("loss", (await gathered).Keys);
        }
        Assert.True((await training.StepOnData())["loss/response"] > 0);
        await training.StepOnData();
        Assert.Equal((2L, true), (training.PolicyVersion, training.IsDone));
        await training.Finish();
        Assert.Equal(2 * Prompts * Samples, File.ReadLines(Run.Samples).Count());
    }

    [Theory]
    [InlineData(StageMethod.Sft)]
    [InlineData(StageMethod.Rm)]
    [InlineData(StageMethod.Ppo)]
    [InlineData(StageMethod.SelfJudge)]
    public async Task A_stage_that_goes_on_ends_with_the_same_bits_as_one_that_was_not_disturbed(StageMethod method)
    {
        var stage = Stage(method, steps: 2);
        await using (var whole = await Open(stage, "whole"))
            while (!whole.IsDone)
                await Step(whole);
        _host.Dispose();
        _host = NewHost();
        await using (var begun = await Open(stage, "parts"))
            await Step(begun);
        _host.Dispose();
        _host = NewHost();
        await using var resumed = await Open(stage, "parts");
        Assert.Equal(1, resumed.Progress.Step);
        await Step(resumed);
        await resumed.Durable;
        Assert.Equal(Newest("whole"), Newest("parts"));

        float[] Newest(string run) =>
            [.. new CheckpointStore(new RunFolder(_folder.In(run)).Checkpoints, 10)
                .Newest(Assert.Fail)!.Value.Load().Weights.SelectMany(w => w.Values)];
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_judge_that_knows_nothing_is_warned_of_or_stops_the_run(bool isGate)
    {
        await using var training = await Open(Stage(StageMethod.SelfJudge, steps: 1), gate: isGate);
        if (isGate)
            await Assert.ThrowsAsync<JudgeGateException>(training.CheckJudge);
        else
            Assert.Contains("cannot be told from chance", await training.CheckJudge());
        Assert.Equal(20, training.Progress.JudgeCheck!.Pairs);
    }

    private static readonly InitRecipe Small =
        new() { HiddenSize = 16, IntermediateSize = 16, Layers = 1, Heads = 2, KeyValueHeads = 2, MaxPositions = 128 };

    private RunFolder Run => new(_folder.In("run"));

    private static ModelHost NewHost() => new(new ModelHostOptions { Workers = 1 });

    private static StageRecipe Stage(StageMethod method, int steps)
    {
        var stage = new StageRecipe { Name = "S", Method = method, Steps = steps, LearningRate = 0.01, Warmup = 0.5 };
        var spec = stage.Spec;
        if (spec.Keys.Contains("policy_examples"))
            stage = stage with { PolicyExamples = 4 };
        if (spec.Keys.Contains("judge_pairs"))
            stage = stage with { JudgePairs = 4 };
        if (spec.Keys.Contains("prompts"))
            stage = stage with { Prompts = Prompts };
        if (spec.IsRewarded)
            stage = stage with { Reward = JudgeRef.Start.Word };
        if (spec.Keys.Contains("samples"))
            stage = stage with { Samples = Samples };
        return spec.Gathers ? stage with { GrowSteps = 2, Thresholds = [0.5] } : stage;
    }

    private Task<StageTraining> Open(StageRecipe stage, string run = "run", bool gate = false)
    {
        var recipe = new Recipe
        {
            Name = "test",
            Deterministic = true,
            Data = new DataRecipe { WorldPairs = 40 },
            Model = new ModelRecipe { Init = Small },
            Judge = new JudgeRecipe { GatePairs = 20, Gate = gate, HeldOutPairs = 20 },
            Stages = [stage],
        };
        return StageTraining.Open("run", TestRuns.Request(recipe, _folder.In(run)), stage.Name, _host, new ChatJudges(), new DataCatalog(),
            0, Assert.Fail);
    }

    private async Task Step(StageTraining training) =>
        _ = training.Stage.Spec.IsRollout ? await training.BeginOnTriplets(await Play(training, training.Progress.Step + 1), 0).Step
            : await training.StepOnData();

    // Every prompt prefers its first sample to its last, or rewards each by its place.
    private async Task<IReadOnlyList<TripletBatch>> Play(StageTraining training, int step)
    {
        var spec = training.Stage.Spec;
        var model = spec.IsOnPolicy ? training.Policy : training.InitialModel;
        var encoder = _host.EncoderOf(model);
        var batches = new List<TripletBatch>();
        for (var prompt = 0; prompt < Prompts; prompt++)
        {
            const string Text = "what is the opposite of hot ?";
            var ids = encoder.EncodePrompt([new Turn(Role.User, Text)], 8);
            ulong[] seeds = [.. Enumerable.Range(0, Samples).Select(i => Seeds.Derive((ulong)(100 * step + prompt), i))];
            var sampled = await _host.SampleAsync(model, new SamplePrompt(ids, seeds, new SamplingOptions { MaxNewTokens = 8 }), null,
                default);
            Completion[] completions = [.. sampled.Select(s =>
                new Completion(s.Ids, s.LogProbs, s.Finish, s.Seed, s.PolicyVersion, encoder.Tokenizer.Decode(s.Ids)))];
            var verdict = Verdict.Of([new TemplateJudgment(null, new(0.8, 0.1), new(0.1, 0.8))]);
            batches.Add(new TripletBatch("run", "S", 1, step, prompt, $"run/S/{prompt}",
                spec.IsRewarded ? [] : [new Triplet(0, ids, completions[0], completions[^1], 0.8, 0.1, true, Text)],
                0, spec.IsRewarded ? [] : [verdict], new CompletionSummary(Samples, 8 * Samples, 8, 8, 0, 40),
                spec.IsRewarded ? [.. completions.Select((c, i) => new RewardedCompletion(ids, c, i, Text))] : []));
        }
        return batches;
    }
}
