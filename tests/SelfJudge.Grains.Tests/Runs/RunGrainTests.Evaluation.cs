using SelfJudge.Abstractions;
using SelfJudge.Grains.Tests.Cluster;
using SelfJudge.Preferences.Evaluation;
using SelfJudge.Preferences.Judging;
using SelfJudge.Preferences.Methods;
using SelfJudge.Preferences.Recipes;
using SelfJudge.Runs.Folders;
using SelfJudge.Runs.Logs;
using SelfJudge.Tests.Shared;

namespace SelfJudge.Grains.Tests.Runs;

public sealed partial class RunGrainTests
{
    [Fact]
    public async Task On_file_data_a_stage_of_the_run_judges_held_out_prompts()
    {
        await using var cluster = await GrainCluster.Start();
        var pairs = _folder.In("pairs.jsonl");
        Directory.CreateDirectory(Path.GetDirectoryName(pairs)!);
        File.WriteAllLines(pairs, Enumerable.Range(0, 60)
            .Select(i => $$"""{"prompt": "say {{i}}", "chosen": "cat cat", "rejected": "dog"}"""));
        var recipe = TestRuns.SelfJudge(steps: 1) with
        {
            Data = new DataRecipe { Pairs = pairs },
            Model = new ModelRecipe { Path = _folder.In("start") },
            Stages =
            [
                new StageRecipe { Name = "JSFT", Method = StageMethod.Jsft, Steps = 1, LearningRate = 1e-3, PolicyExamples = 2,
                    JudgePairs = 1 },
                TestRuns.SelfJudge(steps: 1).Stages[0] with { From = "JSFT" },
            ],
            Evaluation = new EvaluationRecipe { Baseline = "JSFT", Rejection = [TestRuns.Stage], RejectionSamples = [4] },
        };
        Directory.CreateDirectory(_folder.In("start"));
        File.WriteAllText(Path.Combine(_folder.In("start"), "fake-model.txt"), "1");
        var status = await Complete(cluster, "run", recipe);
        Assert.Equal((RunState.Completed, null), (status.State, status.Message));
        var result = RunResult.FromJson((await Run(cluster, "run").GetResult())!);
        Assert.Equal(("fake:0", 1), (result.Environment.Device, result.Environment.Workers));
        Assert.Equal(("JSFT", "JSFT, the model's own judge; not independent", false),
            (result.EvaluationJudge!.Name, result.EvaluationJudge.Description, result.EvaluationJudge.IsIndependent));
        Assert.Equal(["JSFT", TestRuns.Stage, $"{TestRuns.Stage} + rejection N=4"], result.Policies.Select(p => p.Name));
        Assert.All(result.Policies, p => Assert.Equal((null, 0, 6), (p.GoldMean, p.GoldByPrinciple.Count, p.NPrompts)));
        // One prompt in ten is held out, and all six are shown; of two answers the judge takes the longer.
        Assert.Equal(6, result.Examples.Count);
        int Words(ExampleResult example, int policy) => example.Answers[policy].Answer.Split(' ').Length;
        for (var i = 0; i < 3; i++)
            Assert.Equal(result.Examples.Average(e => Words(e, i) > Words(e, 0) ? 1 : Words(e, i) < Words(e, 0) ? 0 : 0.5),
                result.Policies[i].WinRate, 12);
        Assert.True(result.Policies[2].WinRate > 0.5); // its tournament's judge prefers the longer, too
        Assert.Equal(result.Policies[2].WinRate, result.Rejection.Single(r => r.N == 4).WinRate);
        Assert.Equal((1.0, 0.8), (result.EvaluationJudge.SwapConsistency!.Value, Math.Round(result.EvaluationJudge.JudgeMass!.Value, 12)));
        Assert.Equal([1.0, 1.0], result.Judges.Select(j => j.Accuracy));
        Assert.All(result.Examples.SelectMany(e => e.Answers), a => Assert.Null(a.Gold));
        Assert.Contains("judged by JSFT, the model&#39;s own judge; not independent",
            File.ReadAllText(new RunFolder(_folder.In("run")).Report));
    }

    [Fact]
    public async Task On_file_data_a_run_shows_what_became_of_the_model_that_it_starts_from()
    {
        await using var cluster = await GrainCluster.Start();
        var pairs = _folder.In("pairs.jsonl");
        // 120 prompts are held out, of which a run that does not say how many answers a hundred.
        File.WriteAllLines(pairs, Enumerable.Range(0, 1200)
            .Select(i => $$"""{"prompt": "say {{i}}", "chosen": "cat cat", "rejected": "dog"}"""));
        var recipe = TestRuns.SelfJudge(steps: 5) with
        {
            Data = new DataRecipe { Pairs = pairs },
            Model = new ModelRecipe { Path = Start() },
            Stages =
            [
                new StageRecipe { Name = "JSFT", Method = StageMethod.Jsft, Steps = 1, LearningRate = 1e-3, PolicyExamples = 2,
                    JudgePairs = 1 },
                TestRuns.SelfJudge(steps: 5).Stages[0] with { From = "JSFT" },
            ],
        };
        var status = await Complete(cluster, "run", recipe);
        Assert.Equal((RunState.Completed, null), (status.State, status.Message));
        var result = RunResult.FromJson((await Run(cluster, "run").GetResult())!);
        Assert.Equal([("start", 100), ("JSFT", 100), (TestRuns.Stage, 100)], result.Policies.Select(p => (p.Name, p.NPrompts)));
        Assert.Equal((0.5, "JSFT", true), (result.Policies[0].WinRate, result.EvaluationJudge!.Name, result.IsHeldOut));
        // the fake model answers as before, whatever it learned
        Assert.Equal((0, null), (result.EvaluationJudge.Judged, result.EvaluationJudge.InconsistentRate));
        Assert.All(result.Examples, e => Assert.Equal(["start", "JSFT", TestRuns.Stage], e.Answers.Select(a => a.Policy)));
        Assert.Equal((TestRuns.Stage, 8, 7), (result.Bracket!.Policy, result.Bracket.Responses.Count,
            result.Bracket.Bracket.Matches.Count));
        Assert.Equal([1, 3, 5], result.SampledTriplets.Select(t => t.Step));
        Assert.All(result.SampledTriplets, t =>
            Assert.True(t.Chosen.Length > 0 && t.Chosen != t.Rejected && t.ChosenScore > t.RejectedScore && t.OrdersAgree));
        var report = File.ReadAllText(new RunFolder(_folder.In("run")).Report);
        Assert.Contains("Answers to 100 held-out prompts, judged by JSFT, the model&#39;s own judge; not independent. Win rate against "
            + "the model that the run starts from, ties as half", report);
        Assert.Contains("<h2>Sampled triplets</h2>", report);
    }

    [Theory]
    [InlineData(PriorModel.Policy)]
    [InlineData(PriorModel.Reference)]
    public async Task Likelihood_counts_in_training_and_in_the_tournaments_of_the_evaluation(PriorModel of)
    {
        await using var cluster = await GrainCluster.Start();
        // A token costs two nats: the shorter of two wins wherever likelihood counts, the longer where the judge decides alone.
        var prior = new MatchPrior { Weight = 4, Of = of };
        var recipe = TestRuns.SelfJudge(steps: 2) with
        {
            Evaluation = new EvaluationRecipe
            {
                Baseline = "start",
                Prompts = 10,
                Rejection = ["start", TestRuns.Stage],
                RejectionSamples = [4, 8],
                Prior = prior
            },
        };
        recipe = recipe with { Stages = [recipe.Stages[0] with { Prior = prior }] };
        Assert.Equal(RunState.Completed, (await Complete(cluster, "run", recipe)).State);
        Assert.All(cluster.Streamed.Items.SelectMany(b => b.Triplets), t => Assert.True(t.Chosen.Ids.Length < t.Rejected.Ids.Length
            && t.ChosenScore < t.RejectedScore && t.Prior == 2.0 * (t.Rejected.Ids.Length - t.Chosen.Ids.Length)));
        var result = RunResult.FromJson((await Run(cluster, "run").GetResult())!);
        foreach (var name in new[] { "start", TestRuns.Stage })
            Assert.True(result.Rejection.Where(r => r.Policy == name).Zip(result.Rejection.Where(r => r.Policy == name).Skip(1))
                .All(r => r.Second.MeanLength < r.First.MeanLength));
        // Of the reference's own tournament its likelihood is the policy's, which is known.
        var scored = cluster.Host.Scored.Items.Where(s => s.Responses.Count is 4 or 8).ToList();
        Assert.Equal(of == PriorModel.Policy ? [] : new[] { "run//start" }, scored.Select(s => s.Model[^"run//start".Length..]).Distinct());
        var logged = (await TripletLog.ReadAll(new RunFolder(_folder.In("run")))).ToList();
        Assert.NotEmpty(logged);
        Assert.All(logged, t => Assert.Equal(2.0 * (t.RejectedIds.Count - t.ChosenIds.Count), t.Prior));
        Assert.All(result.SampledTriplets, t => Assert.True(t.Prior > 0));
    }

    [Fact]
    public async Task A_judge_that_always_says_A_gives_one_half_to_every_policy()
    {
        await using var cluster = await GrainCluster.Start();
        cluster.Host.Says = FakeModelHost.AlwaysA;
        var recipe = TestRuns.SelfJudge(steps: 1) with
        {
            Evaluation = new EvaluationRecipe
            {
                Baseline = "start",
                Judge = "start",
                Prompts = 20,
                Rejection = [TestRuns.Stage],
                RejectionSamples = [2]
            }
        };
        Assert.Equal(RunState.Completed, (await Complete(cluster, "tie", recipe)).State);
        var tie = RunResult.FromJson((await Run(cluster, "tie").GetResult())!);
        Assert.Equal(["start", TestRuns.Stage, $"{TestRuns.Stage} + rejection N=2"], tie.Policies.Select(p => p.Name));
        Assert.All(tie.Policies, p => Assert.Equal(0.5, p.WinRate));
        Assert.Equal((1.0, 0.0), (tie.EvaluationJudge!.InconsistentRate!.Value, tie.EvaluationJudge.SwapConsistency!.Value));
        // By the mean over both orders it would win and lose by nothing but how sure it happens to be.
        await Complete(cluster, "mean", recipe with { Evaluation = recipe.Evaluation with { Inconsistent = InconsistentPairs.Mean } });
        var mean = RunResult.FromJson((await Run(cluster, "mean").GetResult())!);
        Assert.Contains(mean.Policies, p => p.WinRate != 0.5);
        Assert.Equal((1.0, InconsistentPairs.Mean),
            (mean.EvaluationJudge!.InconsistentRate!.Value, mean.EvaluationJudge.InconsistentPairs!.Value));
    }

    [Fact]
    public async Task Prompts_alone_hold_none_out_and_what_became_of_some_is_shown()
    {
        await using var cluster = await GrainCluster.Start();
        var prompts = _folder.In("prompts.jsonl");
        File.WriteAllLines(prompts, Enumerable.Range(0, 4).Select(i => $$"""{"prompt": "say {{i}}"}"""));
        var recipe = TestRuns.SelfJudge(steps: 1) with
        {
            Data = new DataRecipe { Prompts = prompts },
            Model = new ModelRecipe { Path = Start() }
        };
        Assert.Equal(RunState.Completed, (await Complete(cluster, "run", recipe)).State);
        var result = RunResult.FromJson((await Run(cluster, "run").GetResult())!);
        Assert.Empty(result.Policies);
        Assert.Null(result.EvaluationJudge);
        Assert.Equal((false, 4), (result.IsHeldOut, result.Examples.Select(e => e.Prompt).Distinct().Count()));
        Assert.All(result.Examples, e => Assert.Equal(["start", TestRuns.Stage], e.Answers.Select(a => a.Policy)));
        Assert.Equal(8, result.Bracket!.Responses.Count);
        Assert.Single(result.SampledTriplets);
        Assert.Contains("The data holds no prompts out: these are some that the run was trained on.",
            File.ReadAllText(new RunFolder(_folder.In("run")).Report));
    }

    [Fact]
    public async Task A_stage_that_is_not_evaluated_answers_nothing()
    {
        await using var cluster = await GrainCluster.Start();
        var pairs = _folder.In("pairs.jsonl");
        File.WriteAllLines(pairs, Enumerable.Range(0, 60)
            .Select(i => $$"""{"prompt": "say {{i}}", "chosen": "cat cat", "rejected": "dog"}"""));
        var recipe = TestRuns.SelfJudge(steps: 1) with
        {
            Data = new DataRecipe { Pairs = pairs },
            Model = new ModelRecipe { Path = Start() },
            Stages = [TestRuns.SelfJudge(steps: 1).Stages[0] with { Evaluate = false }]
        };
        Assert.Equal(RunState.Completed, (await Complete(cluster, "run", recipe)).State);
        var result = RunResult.FromJson((await Run(cluster, "run").GetResult())!);
        Assert.True(result.Policies.Count == 0 && result.Examples.Count == 0 && result.Bracket is null);
        Assert.Single(result.SampledTriplets);
    }
}
