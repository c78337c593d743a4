using SelfJudge.Abstractions;
using SelfJudge.Grains.Tests.Cluster;
using SelfJudge.Preferences.Evaluation;
using SelfJudge.Preferences.Methods;
using SelfJudge.Preferences.Recipes;
using SelfJudge.Runs.Folders;
using SelfJudge.Runs.Logs;
using SelfJudge.Tests.Shared;

namespace SelfJudge.Grains.Tests.Training;

/// <summary>What a run does about the judge that it is to learn from.</summary>
public sealed class JudgeGateTests : IDisposable
{
    // 200 pairs, each in both orders: only the measurement before training asks for so many at once.
    private const int Measurement = 400;

    private static readonly StageRecipe RewardModel =
        new() { Name = "RM", Method = StageMethod.Rm, Steps = 1, LearningRate = 1e-3, Prompts = 2 };

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_judge_that_always_says_A_is_warned_of_in_status_result_and_report()
    {
        await using var cluster = await GrainCluster.Start();
        cluster.Host.Says = FakeModelHost.AlwaysA;
        var status = await Complete(cluster, "run", Recipe());
        Assert.Equal(RunState.Completed, status.State);
        Assert.StartsWith("stage Self-Judge learns from the model that the run starts from: its accuracy of ", status.Message,
            StringComparison.Ordinal);
        Assert.Contains("cannot be told from chance, which is 0.5, and its swap consistency of 0.000 is below 0.6 (position bias +0.2",
            status.Message, StringComparison.Ordinal);
        Assert.EndsWith(". What it prefers may teach nothing: teach it to judge first (jsft, for longer or at a higher rate), or name "
            + "another judge in stages.Self-Judge", status.Message, StringComparison.Ordinal);
        var check = Assert.Single(Result("run").JudgeChecks);
        Assert.Equal(("Self-Judge", "the model that the run starts from", 200, 0.0),
            (check.Stage, check.Judge, check.Pairs, check.SwapConsistency));
        Assert.InRange(check.Accuracy, 0.35, 0.65);
        Assert.True(check.Seconds > 0);
        Assert.Contains("cannot be told from chance", check.Warning!, StringComparison.Ordinal);
        Assert.Contains($"<b>Warning: {check.Warning}.</b>", File.ReadAllText(new RunFolder(_folder.In("run")).Report),
            StringComparison.Ordinal);
        Assert.Equal([false, false, false], Result("run").Health.Take(3).Select(h => h.IsHealthy));
    }

    [Fact]
    public async Task With_the_gate_such_a_judge_stops_the_run_before_its_first_step()
    {
        await using var cluster = await GrainCluster.Start();
        cluster.Host.Says = FakeModelHost.AlwaysA;
        var recipe = Recipe();
        var status = await Complete(cluster, "run", recipe with { Judge = recipe.Judge with { Gate = true } });
        Assert.Equal((RunState.Failed, false), (status.State, status.CanResume));
        Assert.EndsWith("The run stops here, as judge.gate says: teach it to judge first (jsft, for longer or at a higher rate), or name "
            + "another judge in stages.Self-Judge; with judge.gate=false it trains all the same", status.Message, StringComparison.Ordinal);
        Assert.Empty(cluster.Host.Sampled.Items);
        Assert.Empty(MetricsLog.Read(new RunFolder(_folder.In("run")).Metrics));
        Assert.Empty(cluster.Host.Status.Models);
    }

    [Fact]
    public async Task A_sound_judge_passes_the_gate_without_a_word()
    {
        await using var cluster = await GrainCluster.Start();
        // The chosen response is the longer one, and so the fake judge is always right.
        var pairs = _folder.In("pairs.jsonl");
        File.WriteAllLines(pairs, Enumerable.Range(0, 60)
            .Select(i => $$"""{"prompt": "say {{i}}", "chosen": "cat cat", "rejected": "dog"}"""));
        var recipe = Recipe() with
        {
            Data = new DataRecipe { Pairs = pairs },
            Model = new ModelRecipe { Path = Start() },
            Judge = new JudgeRecipe { Gate = true }
        };
        var status = await Complete(cluster, "run", recipe);
        Assert.Equal((RunState.Completed, null), (status.State, status.Message));
        var check = Assert.Single(Result("run").JudgeChecks);
        // one prompt in ten is held out
        Assert.Equal((6, 1.0, 1.0, null), (check.Pairs, check.Accuracy, check.SwapConsistency, check.Warning));
        Assert.Equal(0.6097, check.AccuracyCi95[0], 4);
    }

    [Theory]
    [InlineData(StageMethod.OffPolicy, null)]
    [InlineData(StageMethod.Rso, null)]
    [InlineData(StageMethod.Raft, "SFT")]
    [InlineData(StageMethod.Ppo, "SFT")]
    [InlineData(StageMethod.Raft, "RM")]
    public async Task Whatever_learns_from_a_judge_or_a_reward_model_measures_it_first(StageMethod method, string? reward)
    {
        await using var cluster = await GrainCluster.Start();
        cluster.Host.Says = FakeModelHost.AlwaysA;
        var stage = new StageRecipe
        {
            Name = "X",
            Method = method,
            Steps = 1,
            LearningRate = 1e-3,
            Prompts = 2,
            Samples = 4,
            Reward = reward
        };
        var sft = new StageRecipe { Name = "SFT", Method = StageMethod.Sft, Steps = 1, LearningRate = 1e-3, PolicyExamples = 2 };
        await Complete(cluster, "run",
            Recipe() with { Stages = reward == "RM" ? [RewardModel, stage] : reward == "SFT" ? [sft, stage] : [stage] });
        var check = Assert.Single(Result("run").JudgeChecks);
        Assert.Equal(("X", reward ?? "the model that the run starts from", 200), (check.Stage, check.Judge, check.Pairs));
        Assert.Equal(reward == "RM" ? 1 : 0, check.SwapConsistency); // a reward model sees one response at a time
    }

    [Fact]
    public async Task A_run_that_goes_on_does_not_measure_again_and_says_the_same()
    {
        await using var cluster = await GrainCluster.Start();
        cluster.Host.Says = FakeModelHost.AlwaysA;
        var whole = (await Complete(cluster, "whole", Recipe())).Message;
        var gate = new Gate();
        cluster.Host.OnStep = version => version == 1 ? gate.Pass() : Task.CompletedTask;
        var run = cluster.Grains.GetGrain<IRunGrain>("run");
        await run.Start(TestRuns.Request(Recipe(), _folder.In("run")));
        await gate.Reached;
        await run.Cancel();
        gate.Open();
        Assert.Equal(RunState.Cancelled, (await End(cluster, "run")).State);
        var status = await Complete(cluster, "run", Recipe());
        Assert.Equal((RunState.Completed, whole), (status.State, status.Message));
        Assert.Equal(2, cluster.Host.Judged.Items.Count(j => j.Prompts == Measurement)); // one for each run
        Assert.Equal(Result("whole").JudgeChecks[0] with { Seconds = 0, AccuracyCi95 = [] },
            Result("run").JudgeChecks[0] with { Seconds = 0, AccuracyCi95 = [] });
        Assert.Equal(cluster.Host.WeightsOf("whole/Self-Judge"), cluster.Host.WeightsOf("run/Self-Judge"));
    }

    [Fact]
    public async Task Measuring_changes_nothing_of_what_is_trained()
    {
        await using var cluster = await GrainCluster.Start();
        await Complete(cluster, "measured", Recipe());
        await Complete(cluster, "unmeasured", Recipe() with { Judge = new JudgeRecipe { GatePairs = 0 } });
        Assert.Single(cluster.Host.Judged.Items, j => j.Prompts == Measurement);
        Assert.Empty(Result("unmeasured").JudgeChecks);
        Assert.Equal(cluster.Host.WeightsOf("measured/Self-Judge"), cluster.Host.WeightsOf("unmeasured/Self-Judge"));
    }

    [Fact]
    public async Task The_oracle_is_not_measured()
    {
        await using var cluster = await GrainCluster.Start();
        await Complete(cluster, "run", Recipe() with { Stages = [TestRuns.SelfJudge(steps: 1).Stages[0] with { Judge = "oracle" }] });
        Assert.Empty(Result("run").JudgeChecks);
    }

    private static Recipe Recipe() => TestRuns.SelfJudge() with { Judge = new JudgeRecipe() };

    private string Start()
    {
        Directory.CreateDirectory(_folder.In("start"));
        File.WriteAllText(Path.Combine(_folder.In("start"), "fake-model.txt"), "1");
        return _folder.In("start");
    }

    private RunResult Result(string name) => RunResult.FromJson(File.ReadAllText(new RunFolder(_folder.In(name)).Result));

    private async Task<RunStatus> Complete(GrainCluster cluster, string name, Recipe recipe)
    {
        await cluster.Grains.GetGrain<IRunGrain>(name).Start(TestRuns.Request(recipe, _folder.In(name)));
        return await End(cluster, name);
    }

    private static async Task<RunStatus> End(GrainCluster cluster, string name)
    {
        RunStatus? status = null;
        await cluster.Calls.Answered.Until(async _ =>
            (status = await cluster.Grains.GetGrain<IRunGrain>(name).GetStatus()).State is RunState.Completed or RunState.Cancelled
                or RunState.Failed);
        return status!;
    }
}
