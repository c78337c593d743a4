using Parquet.Serialization;
using SelfJudge.Abstractions;
using SelfJudge.Grains.Prompts;
using SelfJudge.Grains.Tests.Cluster;
using SelfJudge.Modeling.Hosting;
using SelfJudge.Preferences.Evaluation;
using SelfJudge.Preferences.Methods;
using SelfJudge.Preferences.Recipes;
using SelfJudge.Runs.Folders;
using SelfJudge.Runs.Logs;
using SelfJudge.Tests.Shared;

namespace SelfJudge.Grains.Tests.Runs;

public sealed partial class RunGrainTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_run_goes_through_its_stages_and_reports()
    {
        await using var cluster = await GrainCluster.Start();
        var recipe = TestRuns.SelfJudge(steps: 2) with
        {
            Stages =
            [
                new StageRecipe { Name = "SFT", Method = StageMethod.Sft, Steps = 2, LearningRate = 1e-3, PolicyExamples = 2 },
                TestRuns.SelfJudge(steps: 2).Stages[0] with { From = "SFT" },
            ],
            Evaluation = new EvaluationRecipe { Baseline = "SFT", Prompts = 6, Rejection = [TestRuns.Stage], RejectionSamples = [4] },
        };
        var status = await Complete(cluster, "run", recipe);
        Assert.Equal((RunState.Completed, null), (status.State, status.Message));
        var folder = new RunFolder(_folder.In("run"));
        Assert.Equal([("SFT", 1), ("SFT", 2), (TestRuns.Stage, 1), (TestRuns.Stage, 2)],
            MetricsLog.Read(folder.Metrics).Select(r => (r.Stage, r.StageStep)));
        var result = RunResult.FromJson((await Run(cluster, "run").GetResult())!);
        Assert.Equal(["SFT", TestRuns.Stage], result.Stages.Select(s => s.Name));
        Assert.Equal(["SFT", TestRuns.Stage, $"{TestRuns.Stage} + rejection N=4"], result.Policies.Select(p => p.Name));
        Assert.Equal([1, 2, 4], result.Rejection.Select(r => r.N));
        Assert.Equal(3, result.Bracket!.Bracket.Matches.Count);
        Assert.Equal(result.Triplets.Made, result.Triplets.Trained);
        Assert.Equal(6 * 3 - result.Triplets.IdenticalSkipped, result.Triplets.Made + Ties(cluster));
        Assert.True(File.Exists(folder.Report));
        Assert.True(File.Exists(folder.Triplets));
        Assert.False(File.Exists(folder.TripletJournal));
        Assert.Equal(0, cluster.Host.OpenTrainings);
        Assert.Empty(cluster.Host.Status.Models); // a run that is over holds no memory
    }

    [Fact]
    public async Task The_next_steps_prompts_are_asked_while_a_step_is_made_and_sample_from_the_new_version()
    {
        await using var cluster = await GrainCluster.Start();
        var gate = new Gate();
        cluster.Host.OnStep = version => version == 0 ? gate.Pass() : Task.CompletedTask;
        await Run(cluster, "run").Start(TestRuns.Request(TestRuns.SelfJudge(steps: 2), _folder.In("run")));
        await gate.Reached;
        // The first step's prompt and its tournament, which has the same key, and the second step's prompt.
        await cluster.Calls.Begun.Until(calls => calls.Count(c => c == (nameof(IPromptGrain.Play), "run/Self-Judge/0")) >= 3);
        gate.Open();
        Assert.Equal(RunState.Completed, (await End(cluster, "run")).State);
        Assert.All(cluster.Streamed.Items.SelectMany(b => b.Triplets.Select(t => (b.Step, t))), s =>
            Assert.Equal(s.Step - 1, s.t.Chosen.PolicyVersion));
        Assert.Equal(0, RunResult.FromJson((await Run(cluster, "run").GetResult())!).Triplets.StaleRefused);
    }

    [Fact]
    public async Task Cancel_stops_at_a_step_boundary_and_Start_goes_on_to_the_same_end()
    {
        await using var cluster = await GrainCluster.Start();
        var recipe = TestRuns.SelfJudge();
        await Complete(cluster, "whole", recipe);
        var gate = new Gate();
        cluster.Host.OnStep = version => version == 1 ? gate.Pass() : Task.CompletedTask;
        await Run(cluster, "run").Start(TestRuns.Request(recipe, _folder.In("run")));
        await gate.Reached;
        await Run(cluster, "run").Cancel();
        Assert.Equal(RunState.Cancelling, (await Run(cluster, "run").GetStatus()).State);
        gate.Open();
        var cancelled = await End(cluster, "run");
        Assert.Equal((RunState.Cancelled, 2), (cancelled.State, cancelled.Step));
        var folder = new RunFolder(_folder.In("run"));
        Assert.Equal(["step-1.safetensors", "step-2.safetensors"],
            Directory.GetFiles(folder.Checkpoints, "step-*").Select(d => Path.GetFileName(d)).Order());
        Assert.Equal(0, cluster.Host.OpenTrainings);
        Assert.Null(await Run(cluster, "run").GetResult());

        cluster.Host.OnStep = _ => Task.CompletedTask;
        await AssertSameEnd(cluster, recipe, folder);
    }

    [Fact]
    public async Task A_step_that_fails_fails_the_run_with_its_message_and_Start_resumes()
    {
        await using var cluster = await GrainCluster.Start();
        var recipe = TestRuns.SelfJudge();
        await Complete(cluster, "whole", recipe);
        cluster.Host.OnStep = version => version == 2 ? throw new InvalidOperationException("the device is on fire") : Task.CompletedTask;
        var failed = await Complete(cluster, "run", recipe);
        Assert.Equal((RunState.Failed, "the device is on fire", 2, true), (failed.State, failed.Message, failed.Step, failed.CanResume));
        Assert.Equal(0, cluster.Host.OpenTrainings);

        cluster.Host.OnStep = _ => Task.CompletedTask;
        await AssertSameEnd(cluster, recipe, new RunFolder(_folder.In("run")));
    }

    [Fact]
    public async Task A_loss_that_is_no_number_fails_a_run_that_would_fail_again()
    {
        await using var cluster = await GrainCluster.Start();
        cluster.Host.OnStep = version => version == 2 ? throw new ArithmeticException("the loss is NaN") : Task.CompletedTask;
        var failed = await Complete(cluster, "run", TestRuns.SelfJudge());
        Assert.Equal((RunState.Failed, "stage Self-Judge, step 3: the loss is NaN", 2, false),
            (failed.State, failed.Message, failed.Step, failed.CanResume));
    }

    [Fact]
    public async Task Steps_behind_the_last_checkpoint_are_made_again_to_the_same_end()
    {
        await using var cluster = await GrainCluster.Start();
        var recipe = TestRuns.SelfJudge(steps: 5, checkpointEvery: 2);
        await Complete(cluster, "whole", recipe);
        cluster.Host.OnStep = version => version == 3 ? throw new InvalidOperationException("the device is on fire") : Task.CompletedTask;
        Assert.Equal(3, (await Complete(cluster, "run", recipe)).Step);
        cluster.Host.OnStep = _ => Task.CompletedTask;
        await AssertSameEnd(cluster, recipe, new RunFolder(_folder.In("run")));
    }

    [Fact]
    public async Task A_model_that_cannot_sample_fails_the_run_with_one_clear_message()
    {
        await using var cluster = await GrainCluster.Start();
        cluster.Host.OnSample = _ => throw new UnknownModelException("fake", "run/Self-Judge");
        var failed = await Complete(cluster, "run", TestRuns.SelfJudge());
        Assert.Equal((RunState.Failed, "model host fake has no model 'run/Self-Judge'; load it first"), (failed.State, failed.Message));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_prompt_that_fails_ends_the_run_with_its_own_error_while_the_others_of_its_batch_wait(bool atFirst)
    {
        await using var cluster = await GrainCluster.Start();
        var recipe = TestRuns.SelfJudge();
        await Complete(cluster, "whole", recipe);
        // As in a host whose batch is never complete: two of three wait, for longer than this test has patience.
        cluster.Host.OnSample = call => call.Cohort!.Key.Contains(atFirst ? "/1/" : "/3/", StringComparison.Ordinal)
            ? call.Cohort.Ordinal == 1 ? throw new ArgumentException("the prompt has no tokens") : Task.Delay(Timeout.Infinite)
            : Task.CompletedTask;
        var failed = await Complete(cluster, "run", recipe);
        Assert.Equal((RunState.Failed, "the prompt has no tokens", atFirst ? 0 : 2), (failed.State, failed.Message, failed.Step));
        Assert.Equal(0, cluster.Host.OpenTrainings);
        cluster.Host.OnSample = _ => Task.CompletedTask;
        await AssertSameEnd(cluster, recipe, new RunFolder(_folder.In("run")));
    }

    [Fact]
    public async Task Samples_that_stay_stale_are_refused_and_counted_and_the_run_ends_all_the_same()
    {
        await using var cluster = await GrainCluster.Start();
        cluster.Host.VersionOfSample = (_, version) => version - 1;
        var status = await Complete(cluster, "run", TestRuns.SelfJudge(steps: 2));
        Assert.Equal(RunState.Completed, status.State);
        Assert.Empty(cluster.Host.Trained.Items);
        var result = RunResult.FromJson((await Run(cluster, "run").GetResult())!);
        Assert.True(result.Triplets.Made > 0);
        Assert.Equal(result.Triplets.Made, result.Triplets.StaleRefused);
        Assert.Equal(0, result.Triplets.Trained);
        // Two steps of three prompts, three attempts each.
        Assert.Equal(18, cluster.Host.Sampled.Items.Count);
    }

    [Fact]
    public async Task Impatient_prompts_change_nothing_but_the_count_of_duplicates()
    {
        await using var cluster = await GrainCluster.Start(new PromptGrainOptions { ResendAfter = TimeSpan.FromMilliseconds(20) });
        var recipe = TestRuns.SelfJudge();
        await Complete(cluster, "whole", recipe);
        var gates = Enumerable.Range(0, 4).Select(_ => new Gate()).ToArray();
        cluster.Host.OnStep = version => gates[version].Pass();
        await Run(cluster, "run").Start(TestRuns.Request(recipe, _folder.In("run")));
        for (var step = 1; step <= 4; step++)
        {
            await gates[step - 1].Reached;
            await cluster.Streamed.Until(b => b.Count(t => t.RunId == "run" && t.Step == step) >= 9);
            gates[step - 1].Open();
        }
        Assert.Equal(RunState.Completed, (await End(cluster, "run")).State);
        Assert.Equal(cluster.Host.WeightsOf("whole/Self-Judge"), cluster.Host.WeightsOf("run/Self-Judge"));
        var result = RunResult.FromJson((await Run(cluster, "run").GetResult())!);
        Assert.Equal(result.Triplets.Made, result.Triplets.Trained);
        Assert.True(result.Triplets.DuplicatesDropped >= result.Triplets.Made);
    }

    [Fact]
    public async Task Two_starts_at_once_are_one_run()
    {
        await using var cluster = await GrainCluster.Start();
        var request = TestRuns.Request(TestRuns.SelfJudge(), _folder.In("run"));
        await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Run(cluster, "run").Start(request)));
        var status = await End(cluster, "run");
        Assert.Equal((RunState.Completed, null), (status.State, status.Message));
        Assert.Equal(4, cluster.Host.Trained.Items.Count);
        Assert.Equal(1, cluster.Calls.Count("OpenStage", "run"));
    }

    [Fact]
    public async Task Calls_that_come_as_the_run_ends_leave_its_end_as_it_is()
    {
        await using var cluster = await GrainCluster.Start();
        var gate = new Gate();
        cluster.Host.OnStep = version => version == 1 ? gate.Pass() : Task.CompletedTask;
        await Run(cluster, "run").Start(TestRuns.Request(TestRuns.SelfJudge(steps: 2), _folder.In("run")));
        await gate.Reached;
        gate.Open();
        while (!cluster.Calls.Ended.Items.Contains(("FinishStage", "run")))
            await Task.WhenAll(Run(cluster, "run").Cancel(), Run(cluster, "run").Cancel());
        var end = await End(cluster, "run");
        await Run(cluster, "run").Cancel();
        Assert.Equal((end.State, end.Message), ((await Run(cluster, "run").GetStatus()).State,
            (await Run(cluster, "run").GetStatus()).Message));
        Assert.Contains(end.State, new[] { RunState.Cancelled, RunState.Completed });
    }

    [Fact]
    public async Task A_run_that_was_never_started_says_so()
    {
        await using var cluster = await GrainCluster.Start();
        Assert.Equal(RunState.Created, (await Run(cluster, "nobody").GetStatus()).State);
        Assert.Null(await Run(cluster, "nobody").GetResult());
        await Run(cluster, "nobody").Cancel();
        Assert.Equal(RunState.Created, (await Run(cluster, "nobody").GetStatus()).State);
    }

    [Fact]
    public async Task A_recipe_that_is_wrong_is_refused_before_anything_is_written()
    {
        await using var cluster = await GrainCluster.Start();
        var problem = await Assert.ThrowsAsync<RecipeException>(() =>
            Run(cluster, "run").Start(new RunRequest("nme: x", _folder.In("run"))));
        Assert.StartsWith("recipe:1: unknown key 'nme'", problem.Message);
        // A stack that overflows would take the silo with it.
        foreach (var deep in new[] { new string('[', 100_000), string.Concat(Enumerable.Repeat("- ", 100_000)),
            string.Concat(Enumerable.Repeat("{a: ", 100_000)) })
            Assert.Equal("recipe:1: nests deeper than 32 levels",
                (await Assert.ThrowsAsync<RecipeException>(() =>
                Run(cluster, "run").Start(new RunRequest(deep, _folder.In("run"))))).Message);
        Assert.False(Directory.Exists(_folder.In("run")));
    }

    [Fact]
    public async Task A_path_that_each_silo_would_read_in_its_own_way_is_refused()
    {
        await using var cluster = await GrainCluster.Start();
        var recipe = TestRuns.SelfJudge();
        recipe = recipe with { Stages = [recipe.Stages[0] with { Judge = "./judge" }] };
        var problem = await Assert.ThrowsAsync<RecipeException>(() =>
            Run(cluster, "run").Start(TestRuns.Request(recipe, _folder.In("run"))));
        Assert.Equal("recipe: stages[0].judge: './judge' depends on the current directory, which a silo has of its own: write an "
            + "absolute path", problem.Message);
        Assert.False(Directory.Exists(_folder.In("run")));
    }

    [Fact]
    public async Task A_recipe_is_parsed_once_for_a_run_and_anew_for_every_start()
    {
        await using var cluster = await GrainCluster.Start();
        var request = TestRuns.Request(TestRuns.SelfJudge() with { Name = "parsed once" }, _folder.In("run"));
        var first = RequestedRecipes.Check(request);
        Assert.Same(first, RequestedRecipes.Of(new RunRequest(new string(request.Recipe), _folder.In("other"))));
        await Run(cluster, "run").Start(request);
        Assert.NotSame(first, RequestedRecipes.Of(request));
    }

    [Fact]
    public async Task A_host_without_memory_ends_the_run_in_a_sentence_and_serves_the_next()
    {
        await using var cluster = await GrainCluster.Start();
        var failure = new HostMemoryException("model host fake ran out of memory: lower sampling.max_new_tokens");
        cluster.Host.OnSample = _ => Task.FromException(failure);
        var failed = await Complete(cluster, "run", TestRuns.SelfJudge());
        Assert.Equal((RunState.Failed, failure.Message, true), (failed.State, failed.Message, failed.CanResume));
        cluster.Host.OnSample = _ => Task.CompletedTask;
        Assert.Equal(RunState.Completed, (await Complete(cluster, "run", TestRuns.SelfJudge())).State);
    }

    private static Recipe TwoStages => TestRuns.SelfJudge(steps: 4) with
    {
        Stages =
        [
            new StageRecipe { Name = "SFT", Method = StageMethod.Sft, Steps = 2, LearningRate = 1e-3, PolicyExamples = 2 },
            TestRuns.SelfJudge(steps: 4).Stages[0] with { From = "SFT" },
        ],
    };

    // At step 4 of the run, the second of the second stage.
    private async Task FailInTheSecondStage(GrainCluster cluster)
    {
        cluster.Host.OnStep = version => version == 2 && Directory.Exists(_folder.In("run/stages/SFT"))
            ? throw new InvalidOperationException("the device is on fire") : Task.CompletedTask;
        var failed = await Complete(cluster, "run", TwoStages);
        Assert.Equal((RunState.Failed, "the device is on fire", 2), (failed.State, failed.Message, failed.Step));
        cluster.Host.OnStep = _ => Task.CompletedTask;
    }

    // Matches of responses that differ and are as long: no triplet, and not identical.
    private static int Ties(GrainCluster cluster) => cluster.Streamed.Items.Sum(b => b.Verdicts.Count(v => v.Winner == 0));

    private static IRunGrain Run(GrainCluster cluster, string id) => cluster.Grains.GetGrain<IRunGrain>(id);

    private async Task<RunStatus> Complete(GrainCluster cluster, string id, Recipe recipe)
    {
        await Run(cluster, id).Start(TestRuns.Request(recipe, _folder.In(id)));
        return await End(cluster, id);
    }

    // A run writes its state down when it ends.
    private static async Task<RunStatus> End(GrainCluster cluster, string id)
    {
        RunStatus? status = null;
        await cluster.Calls.Answered.Until(async _ =>
            (status = await Run(cluster, id).GetStatus()).State is RunState.Completed or RunState.Cancelled or RunState.Failed);
        return status!;
    }

    private async Task AssertSameEnd(GrainCluster cluster, Recipe recipe, RunFolder folder)
    {
        var whole = new RunFolder(_folder.In("whole"));
        var end = await Complete(cluster, "run", recipe);
        Assert.Equal((RunState.Completed, null), (end.State, end.Message));
        Assert.Equal(cluster.Host.WeightsOf("whole/Self-Judge"), cluster.Host.WeightsOf("run/Self-Judge"));
        Assert.Equal(MetricsLog.Read(whole.Metrics).Select(r => (r.RunStep, r.Values["loss"])),
            MetricsLog.Read(folder.Metrics).Select(r => (r.RunStep, r.Values["loss"])));
        Assert.Equal((await Triplets(whole)).Select(t => (t.Step, t.PromptIndex, t.Match, t.ChosenSeed)),
            (await Triplets(folder)).Select(t => (t.Step, t.PromptIndex, t.Match, t.ChosenSeed)));
    }

    private string Start()
    {
        Directory.CreateDirectory(_folder.In("start"));
        File.WriteAllText(Path.Combine(_folder.In("start"), "fake-model.txt"), "1");
        return _folder.In("start");
    }

    private static async Task<IEnumerable<TripletRow>> Triplets(RunFolder folder) =>
        (await ParquetSerializer.DeserializeAsync<TripletRow>(folder.Triplets)).Data;
}
