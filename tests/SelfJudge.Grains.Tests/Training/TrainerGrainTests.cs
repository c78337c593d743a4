using SelfJudge.Abstractions;
using SelfJudge.Grains.Prompts;
using SelfJudge.Grains.Tests.Cluster;
using SelfJudge.Grains.Training;
using SelfJudge.Modeling.Checkpoints;
using SelfJudge.Preferences.Methods;
using SelfJudge.Preferences.Recipes;
using SelfJudge.Runs.Folders;
using SelfJudge.Runs.Logs;
using SelfJudge.Tests.Shared;

namespace SelfJudge.Grains.Tests.Training;

public sealed partial class TrainerGrainTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Trains_in_the_order_of_prompts_and_matches_whatever_the_order_of_arrival()
    {
        await using var cluster = await GrainCluster.Start();
        await Open(cluster);
        await cluster.Publish(TestRuns.Batch("run", 1, prompt: 2, matches: [1, 0]));
        await cluster.Publish(TestRuns.Batch("run", 1, prompt: 0, matches: [2, 0, 1]));
        await cluster.Publish(TestRuns.Batch("run", 1, prompt: 1, matches: [0]));
        var outcome = await Trainer(cluster).TrainOnTriplets(1, 3, default);
        Assert.Equal((1, 1L), (outcome.Step, outcome.PolicyVersion));
        var pairs = Assert.Single(cluster.Host.Trained.Items);
        Assert.Equal([(0, 0), (0, 1), (0, 2), (1, 0), (2, 0), (2, 1)], pairs.Select(p => (p.Prompt[0], p.Prompt[1])));
        Assert.Equal([100, 101, 102, 100, 100, 101], pairs.Select(p => p.Chosen[0]));
        Assert.Equal([200, 201, 202, 200, 200, 201], pairs.Select(p => p.Rejected[0]));
        Assert.Equal(new TripletCounts(6, 6, 0, 3, 0), outcome.Triplets);
    }

    [Fact]
    public async Task What_is_staler_than_the_stage_allows_is_refused_and_counted()
    {
        await using var cluster = await GrainCluster.Start();
        await Open(cluster, TestRuns.SelfJudge(maxStaleness: 1));
        for (var step = 1; step <= 2; step++)
        {
            await cluster.Publish(TestRuns.Batch("run", step, 0, version: step - 1, matches: [0]));
            await Trainer(cluster).TrainOnTriplets(step, 1, default);
        }
        // The policy is at version 2: version 1 is allowed, version 0 is not.
        await cluster.Publish(TestRuns.Batch("run", 3, 0, version: 1, matches: [0, 1]));
        await cluster.Publish(TestRuns.Batch("run", 3, 1, version: 0, matches: [0, 1, 2]));
        var outcome = await Trainer(cluster).TrainOnTriplets(3, 2, default);
        Assert.Equal([(0, 0), (0, 1)], cluster.Host.Trained.Items[^1].Select(p => (p.Prompt[0], p.Prompt[1])));
        Assert.Equal(new TripletCounts(7, 4, 3, 4, 0), outcome.Triplets);
        Assert.Equal(1, outcome.Metrics["policy/staleness"]);
        // The log is of triplets that were trained on.
        Assert.Equal(4, (await File.ReadAllLinesAsync(new RunFolder(_folder.Path).TripletJournal)).Length);
    }

    [Fact]
    public async Task A_step_of_nothing_but_stale_triplets_changes_nothing_but_counts()
    {
        await using var cluster = await GrainCluster.Start();
        await Open(cluster);
        await cluster.Publish(TestRuns.Batch("run", 1, 0, version: -1, matches: [0, 1]));
        var outcome = await Trainer(cluster).TrainOnTriplets(1, 1, default);
        Assert.Empty(cluster.Host.Trained.Items);
        Assert.Equal((1, 0L), (outcome.Step, outcome.PolicyVersion));
        Assert.Equal(new TripletCounts(2, 0, 2, 1, 0), outcome.Triplets);
        Assert.DoesNotContain("loss", outcome.Metrics.Keys);
    }

    [Fact]
    public async Task The_same_batch_twice_is_trained_once_and_counted_as_a_duplicate()
    {
        await using var cluster = await GrainCluster.Start();
        await Open(cluster);
        await cluster.Publish(TestRuns.Batch("run", 1, 0, matches: [0, 1]));
        await cluster.Publish(TestRuns.Batch("run", 1, 0, matches: [0, 1]));
        await cluster.Publish(TestRuns.Batch("run", 1, 1, matches: [0]));
        var outcome = await Trainer(cluster).TrainOnTriplets(1, 2, default);
        Assert.Equal([(0, 0), (0, 1), (1, 0)], Assert.Single(cluster.Host.Trained.Items).Select(p => (p.Prompt[0], p.Prompt[1])));
        Assert.Equal(new TripletCounts(3, 3, 0, 2, 2), outcome.Triplets);
    }

    [Fact]
    public async Task A_duplicate_after_its_step_is_acknowledged_again_and_counted_with_the_next_step_or_the_stages_end()
    {
        await using var cluster = await GrainCluster.Start();
        await Open(cluster, TestRuns.SelfJudge(steps: 2));
        for (var step = 1; step <= 2; step++)
        {
            var batch = TestRuns.Batch("run", step, 0, version: step - 1, matches: [0, 1, 2]);
            await cluster.Publish(batch);
            var outcome = await Trainer(cluster).TrainOnTriplets(step, 1, default);
            Assert.Equal(3 * (step - 1), outcome.Triplets.DuplicatesDropped);
            await Acknowledged(cluster, batch, times: 2 * step - 1); // one grain has the place in all steps
            await cluster.Publish(batch);
            await Acknowledged(cluster, batch, times: 2 * step);
        }
        var summary = await Trainer(cluster).FinishStage();
        Assert.Equal(new TripletCounts(6, 6, 0, 2, 6), summary.Triplets);
    }

    [Fact]
    public async Task Another_stages_triplets_are_of_no_use_any_more_and_their_prompt_is_told_so()
    {
        await using var cluster = await GrainCluster.Start();
        await Open(cluster);
        var left = TestRuns.Batch("run", 1, 0, stage: "an earlier stage", matches: [0]);
        await cluster.Publish(left);
        await Acknowledged(cluster, left, times: 1);
        await cluster.Publish(TestRuns.Batch("run", 1, 0, matches: [1]));
        var outcome = await Trainer(cluster).TrainOnTriplets(1, 1, default);
        Assert.Equal(new TripletCounts(1, 1, 0, 1, 0), outcome.Triplets);
    }

    [Fact]
    public async Task Another_epochs_triplets_are_not_learned_from_and_only_an_earlier_ones_are_acknowledged()
    {
        await using var cluster = await GrainCluster.Start();
        Assert.Equal(2, (await Open(cluster)).Epoch);
        Assert.Equal(3, (await Open(cluster)).Epoch);
        var (left, ahead) = (TestRuns.Batch("run", 1, 0, epoch: 2, matches: [0, 1]),
            TestRuns.Batch("run", 1, 2, epoch: 4, matches: [2, 3]));
        await cluster.Publish(ahead);
        await cluster.Publish(left);
        await Acknowledged(cluster, left, times: 1);
        await cluster.Publish(TestRuns.Batch("run", 1, 0, epoch: 3, matches: [1]));
        var outcome = await Trainer(cluster).TrainOnTriplets(1, 1, default);
        Assert.Equal([(0, 1)], Assert.Single(cluster.Host.Trained.Items).Select(p => (p.Prompt[0], p.Prompt[1])));
        Assert.Equal(new TripletCounts(1, 1, 0, 1, 0), outcome.Triplets);
        Assert.Equal(0, cluster.Calls.Count(nameof(IPromptGrain.Acknowledge), ahead.PromptGrain));
    }

    [Fact]
    public async Task An_epoch_is_higher_than_all_before_whatever_becomes_of_the_files_that_say_so()
    {
        await using var cluster = await GrainCluster.Start();
        var checkpoints = new RunFolder(_folder.Path).Checkpoints;
        new CheckpointStore(checkpoints, 2).TakeOver(atLeast: 49);
        Assert.Equal(51, (await Open(cluster)).Epoch);
        Directory.Delete(checkpoints, recursive: true);
        Assert.Equal(52, (await Open(cluster)).Epoch);
    }

    [Fact]
    public async Task Prompts_keep_sending_until_the_trainer_is_open_and_has_acknowledged()
    {
        await using var cluster = await GrainCluster.Start(new PromptGrainOptions { ResendAfter = TimeSpan.FromMilliseconds(20) });
        cluster.Host.Load("policy");
        var prompt = cluster.Grains.GetGrain<IPromptGrain>("p");
        await prompt.Play(TestRequests.Prompt(training: TestRequests.Training()), default);
        await cluster.Streamed.Until(b => b.Count >= 3);
        Assert.Equal(0, cluster.Calls.Count(nameof(IPromptGrain.Acknowledge), "p"));
        await Open(cluster);
        var outcome = await Trainer(cluster).TrainOnTriplets(1, 1, default);
        await cluster.Calls.Answered.Until(_ => cluster.Calls.Count(nameof(IPromptGrain.Acknowledge), "p") > 0);
        Assert.Equal(outcome.Triplets.Made, outcome.Triplets.Trained);
        Assert.Single(cluster.Host.Trained.Items);
    }

    [Fact]
    public async Task A_lost_acknowledgement_is_given_again_and_fails_nothing()
    {
        await using var cluster = await GrainCluster.Start(new PromptGrainOptions { ResendAfter = TimeSpan.FromMilliseconds(20) });
        cluster.Host.Load("policy");
        var losses = 3;
        cluster.Calls.IsLost = (method, _) => method == nameof(IPromptGrain.Acknowledge) && Interlocked.Decrement(ref losses) >= 0;
        await Open(cluster, TestRuns.SelfJudge(steps: 1));
        var prompt = cluster.Grains.GetGrain<IPromptGrain>("p");
        await prompt.Play(TestRequests.Prompt(training: TestRequests.Training()), default);
        var outcome = await Trainer(cluster).TrainOnTriplets(1, 1, default);
        await cluster.Calls.Answered.Until(_ => cluster.Calls.Count(nameof(IPromptGrain.Acknowledge), "p") > 0);
        Assert.Equal(3, cluster.Calls.Answered.Items.Count(c => c.Method == nameof(IPromptGrain.Acknowledge) && c.IsLost));
        var summary = await Trainer(cluster).FinishStage();
        Assert.Single(cluster.Host.Trained.Items);
        Assert.Equal(outcome.Triplets.Made, summary.Triplets.Trained);
        Assert.True(summary.Triplets.DuplicatesDropped >= 3 * summary.Triplets.Made);
    }

    [Fact]
    public async Task A_trainer_that_another_has_replaced_cannot_write_and_acknowledges_nothing()
    {
        await using var cluster = await GrainCluster.Start();
        await Open(cluster, TestRuns.SelfJudge(steps: 1));
        new CheckpointStore(new RunFolder(_folder.Path).Checkpoints, 2).TakeOver(atLeast: 6);
        await cluster.Publish(TestRuns.Batch("run", 1, 0, matches: [0]));
        await Trainer(cluster).TrainOnTriplets(1, 1, default);
        var problem = await Assert.ThrowsAsync<FencedException>(() => Trainer(cluster).FinishStage());
        Assert.Contains("epoch 7 has taken over the run", problem.Message);
        Assert.Empty(Directory.GetFileSystemEntries(new RunFolder(_folder.Path).Checkpoints, "step-*"));
        Assert.Equal(0, cluster.Calls.Count(nameof(IPromptGrain.Acknowledge), "run/Self-Judge/0"));
    }

    [Fact]
    public async Task A_step_out_of_turn_is_refused()
    {
        await using var cluster = await GrainCluster.Start();
        await Open(cluster);
        var problem = await Assert.ThrowsAsync<InvalidOperationException>(() => Trainer(cluster).TrainOnTriplets(2, 1, default));
        Assert.Equal("step 2 was asked for, but the stage is at step 0", problem.Message);
    }

    [Fact]
    public async Task Without_an_open_stage_there_is_nothing_to_train()
    {
        await using var cluster = await GrainCluster.Start();
        var problem = await Assert.ThrowsAsync<InvalidOperationException>(() => Trainer(cluster).TrainOnTriplets(1, 1, default));
        Assert.Equal("run run has no open stage", problem.Message);
    }

    [Fact]
    public async Task A_stage_opened_again_goes_on_from_its_checkpoint()
    {
        await using var cluster = await GrainCluster.Start();
        await Open(cluster);
        for (var step = 1; step <= 2; step++)
        {
            await cluster.Publish(TestRuns.Batch("run", step, 0, version: step - 1, matches: [0]));
            await Trainer(cluster).TrainOnTriplets(step, 1, default);
        }
        var weights = cluster.Host.WeightsOf("run/Self-Judge");
        var opening = await Open(cluster);
        Assert.Equal((2, 2L), (opening.StepsDone, opening.PolicyVersion));
        Assert.Equal(new TripletCounts(2, 2, 0, 2, 0), opening.Triplets);
        Assert.Equal(weights, cluster.Host.WeightsOf("run/Self-Judge"));
        Assert.Equal(1, cluster.Host.OpenTrainings);
    }

    [Fact]
    public async Task Steps_behind_the_last_checkpoint_leave_nothing_in_the_logs()
    {
        await using var cluster = await GrainCluster.Start();
        await Open(cluster, TestRuns.SelfJudge(checkpointEvery: 2));
        for (var step = 1; step <= 3; step++)
        {
            await cluster.Publish(TestRuns.Batch("run", step, 0, version: step - 1, matches: [0]));
            await Trainer(cluster).TrainOnTriplets(step, 1, default);
        }
        await Trainer(cluster).Release();
        var folder = new RunFolder(_folder.Path);
        Assert.Equal([1L, 2, 3], MetricsLog.Read(folder.Metrics).Select(r => r.RunStep));
        Assert.Equal(2, (await Open(cluster, TestRuns.SelfJudge(checkpointEvery: 2))).StepsDone);
        Assert.Equal([1L, 2], MetricsLog.Read(folder.Metrics).Select(r => r.RunStep));
        Assert.Equal(2, (await File.ReadAllLinesAsync(folder.TripletJournal)).Length);
    }

    [Fact]
    public async Task A_checkpoint_that_cannot_be_put_back_leaves_no_training_open()
    {
        await using var cluster = await GrainCluster.Start();
        await Open(cluster);
        await cluster.Publish(TestRuns.Batch("run", 1, 0, matches: [0]));
        await Trainer(cluster).TrainOnTriplets(1, 1, default);
        cluster.Host.OnRestore = () => throw new InvalidDataException("another shape");
        await Assert.ThrowsAsync<InvalidDataException>(() => Open(cluster));
        Assert.Equal(0, cluster.Host.OpenTrainings);
    }

    [Fact]
    public async Task A_finished_stage_leaves_what_it_trained_on_last_with_its_log_probabilities()
    {
        await using var cluster = await GrainCluster.Start();
        await Open(cluster, TestRuns.SelfJudge(steps: 3));
        await cluster.Publish(TestRuns.Batch("run", 1, 0, matches: [0]));
        await Trainer(cluster).TrainOnTriplets(1, 1, default);
        await cluster.Publish(TestRuns.Batch("run", 2, 4, version: 1, matches: [1, 0]));
        await Trainer(cluster).TrainOnTriplets(2, 1, default);
        // The last step has nothing to learn from; the stage is opened anew before it.
        await Open(cluster, TestRuns.SelfJudge(steps: 3));
        await cluster.Publish(TestRuns.Batch("run", 3, 0, version: 2, epoch: TestRuns.Epoch + 1));
        await Trainer(cluster).TrainOnTriplets(3, 1, default);
        await Trainer(cluster).FinishStage();
        string Line(int match) =>
            $$"""{"run_step":2,"stage":"Self-Judge","step":2,"prompt":"what is the opposite of hot ?","chosen":"answer 10{{match}}","rejected":"answer 20{{match}}","prompt_ids":[4,{{match}}],"chosen_ids":[10{{match}},0],"rejected_ids":[20{{match}},0],"policy_chosen_logp":-1,"policy_rejected_logp":-1,"ref_chosen_logp":-1,"ref_rejected_logp":-1}""";
        Assert.Equal([Line(0), Line(1)], await File.ReadAllLinesAsync(Path.Combine(_folder.Path, "last-step.jsonl")));
    }

    [Fact]
    public async Task A_supervised_stage_trains_on_its_data_step_by_step()
    {
        await using var cluster = await GrainCluster.Start();
        var recipe = TestRuns.SelfJudge() with
        {
            Stages =
            [new StageRecipe { Name = "SFT", Method = StageMethod.Sft, Steps = 3, LearningRate = 1e-3, PolicyExamples = 2 }]
        };
        await Trainer(cluster).OpenStage(new StageAssignment(TestRuns.Request(recipe, _folder.Path), "SFT"));
        for (var step = 1; step <= 3; step++)
            Assert.Equal(step, (await Trainer(cluster).TrainOnData()).Step);
        var summary = await Trainer(cluster).FinishStage();
        Assert.Empty(summary.Judge);
        Assert.Equal(Path.Combine(_folder.Path, "final"), summary.Output);
        Assert.True(Directory.Exists(summary.Output));
        Assert.Equal(TripletCounts.None, summary.Triplets);
    }

    private static ITrainerGrain Trainer(GrainCluster cluster) => cluster.Grains.GetGrain<ITrainerGrain>("run");

    private static async Task Acknowledged(GrainCluster cluster, TripletBatch batch, int times) =>
        await cluster.Calls.Answered.Until(_ => cluster.Calls.Count(nameof(IPromptGrain.Acknowledge), batch.PromptGrain) == times);

    private Task<StageOpening> Open(GrainCluster cluster, Recipe? recipe = null) =>
        Trainer(cluster).OpenStage(new StageAssignment(TestRuns.Request(recipe ?? TestRuns.SelfJudge(), _folder.Path), TestRuns.Stage));
}
