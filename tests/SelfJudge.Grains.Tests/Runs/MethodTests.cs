using System.Text.Json.Nodes;
using SelfJudge.Abstractions;
using SelfJudge.Grains.Tests.Cluster;
using SelfJudge.Preferences.Evaluation;
using SelfJudge.Preferences.Learning;
using SelfJudge.Preferences.Methods;
using SelfJudge.Preferences.Recipes;
using SelfJudge.Preferences.Templates;
using SelfJudge.Runs.Folders;
using SelfJudge.Tests.Shared;

namespace SelfJudge.Grains.Tests.Runs;

/// <summary>What each method of the paper asks of replicas and trainer.</summary>
public sealed class MethodTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private static readonly StageRecipe RewardModel =
        new() { Name = "RM", Method = StageMethod.Rm, Steps = 1, LearningRate = 1e-3, Prompts = 2 };

    [Fact]
    public async Task Rso_trains_on_one_accepted_sample_of_each_prompt_and_one_that_was_not()
    {
        await using var cluster = await GrainCluster.Start();
        await Complete(cluster, new StageRecipe
        {
            Name = "RSO",
            Method = StageMethod.Rso,
            Steps = 2,
            LearningRate = 1e-3,
            Prompts = 3,
            Samples = 8,
            AcceptanceBeta = 1e-3
        });
        // Each prompt: seven samples against the eighth, in both orders, less those that equal it.
        Assert.All(cluster.Host.Judged.Items.Where(j => j.Cohort is not null), j => Assert.InRange(j.Prompts, 2, 14));
        Assert.All(cluster.Host.Sampled.Items, s => Assert.EndsWith("/start", s.Model)); // off-policy: the initial model
        var triplets = cluster.Streamed.Items.SelectMany(b => b.Triplets).ToList();
        Assert.InRange(triplets.Count, 1, 6);
        // The fake judge prefers the longer, and so small a β accepts a best one.
        Assert.All(triplets, t => Assert.True(t.ChosenScore >= t.RejectedScore));
        Assert.Contains(triplets, t => t.ChosenScore > t.RejectedScore);
        Assert.Equal(triplets.Count, cluster.Host.Trained.Items.Sum(p => p.Count));
        // What its last step was trained on is left beside the model, as any preference stage leaves it.
        var last = cluster.Host.Trained.Items[^1].Select(p => string.Join(' ', p.Chosen)).ToList();
        var left = File.ReadLines(_folder.In("run/last-step.jsonl"))
            .Select(l => JsonNode.Parse(l)!["chosen_ids"]!.AsArray().Select(id => (int)id!));
        Assert.Equal(last, left.Select(ids => string.Join(' ', ids)));
    }

    [Fact]
    public async Task Raft_learns_the_best_rewarded_sample_of_each_prompt()
    {
        await using var cluster = await GrainCluster.Start();
        await Complete(cluster, RewardModel, new StageRecipe
        {
            Name = "RAFT",
            Method = StageMethod.Raft,
            Steps = 2,
            LearningRate = 1e-3,
            Prompts = 3,
            Samples = 8,
            Reward = "RM"
        });
        var batches = cluster.Streamed.Items.DistinctBy(b => (b.Step, b.PromptIndex)).OrderBy(b => b.Step).ThenBy(b => b.PromptIndex)
            .ToList();
        Assert.Equal(6, batches.Count);
        Assert.All(batches, b => Assert.Equal(8, b.Rewarded.Count));
        var learned = cluster.Host.Supervised.Items.SelectMany(e => e).ToList();
        Assert.Equal(batches.Select(b => b.Rewarded.Max(r => r.Reward)),
            learned.Select(e => 0.1 * e.Parts.Count(p => p == TokenPart.Response)));
        // Its lineage is on disk: every sample with its reward.
        Assert.Equal(48, File.ReadAllLines(new RunFolder(_folder.In("run")).Samples).Length);
    }

    [Fact]
    public async Task Rest_gathers_first_and_then_learns_what_is_above_rising_quantiles()
    {
        await using var cluster = await GrainCluster.Start();
        await Complete(cluster, RewardModel, new StageRecipe
        {
            Name = "ReST",
            Method = StageMethod.Rest,
            GrowSteps = 2,
            Steps = 8,
            LearningRate = 1e-3,
            Prompts = 3,
            Samples = 8,
            PolicyExamples = 5,
            Reward = "RM",
            CheckpointEvery = 3
        });
        var rewards = cluster.Streamed.Items.DistinctBy(b => (b.Step, b.PromptIndex)).SelectMany(b => b.Rewarded.Select(r => r.Reward))
            .ToList();
        Assert.Equal(48, rewards.Count);
        Assert.Equal(6, cluster.Host.Supervised.Items.Count); // three, two and one steps of 0.7, 0.8 and 0.9
        double[] thresholds = [0.7, 0.7, 0.7, 0.8, 0.8, 0.9];
        foreach (var (examples, q) in cluster.Host.Supervised.Items.Zip(thresholds))
        {
            Assert.Equal(5, examples.Count);
            var threshold = RewardThreshold.Quantile(rewards, q);
            Assert.All(examples, e => Assert.True(0.1 * e.Parts.Count(p => p == TokenPart.Response) >= threshold - 1e-9));
        }
    }

    [Fact]
    public async Task Rest_that_is_stopped_between_gathering_and_learning_ends_with_the_same_weights()
    {
        StageRecipe rest = new()
        {
            Name = "ReST",
            Method = StageMethod.Rest,
            GrowSteps = 2,
            Steps = 5,
            LearningRate = 1e-3,
            Prompts = 3,
            Samples = 8,
            PolicyExamples = 5,
            Reward = "RM"
        };
        await using var cluster = await GrainCluster.Start();
        await Complete(cluster, "whole", RewardModel, rest);
        var gate = new Gate();
        cluster.Host.OnStep = version => version == 1 && cluster.Host.Supervised.Items.Count == 5 ? gate.Pass() : Task.CompletedTask;
        var run = cluster.Grains.GetGrain<IRunGrain>("run");
        await run.Start(TestRuns.Request(Recipe(RewardModel, rest), _folder.In("run")));
        await gate.Reached;
        await run.Cancel();
        gate.Open();
        await End(cluster, run);
        await run.Start(TestRuns.Request(Recipe(RewardModel, rest), _folder.In("run")));
        Assert.Equal(RunState.Completed, (await End(cluster, run)).State);
        Assert.Equal(cluster.Host.WeightsOf("whole/ReST"), cluster.Host.WeightsOf("run/ReST"));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Ppo_samples_the_policy_as_it_is_and_carries_the_penalty_on(bool rewardModel)
    {
        await using var cluster = await GrainCluster.Start();
        await Complete(cluster, rewardModel ? RewardModel
            : new StageRecipe { Name = "SFT", Method = StageMethod.Sft, Steps = 1, LearningRate = 1e-3, PolicyExamples = 2 },
            new StageRecipe
            {
                Name = "PPO",
                Method = StageMethod.Ppo,
                Steps = 3,
                LearningRate = 1e-3,
                Prompts = 4,
                Samples = 1,
                Reward = rewardModel ? "RM" : "SFT",
                Ppo = new PpoOptions { KlHorizon = 10 }
            });
        Assert.All(cluster.Host.Sampled.Items, s => Assert.EndsWith("/PPO", s.Model));
        // Twice the target, clipped to 0.2, over 4 of 10 samples of the horizon: 1.08 a step.
        Assert.Equal([0.2, 0.216, 0.23328], cluster.Host.Ppo.Items.Select(p => Math.Round(p.KlCoefficient, 9)));
        Assert.All(cluster.Host.Ppo.Items, p => Assert.Equal(4, p.Responses.Count));
        var rewarded = cluster.Streamed.Items.SelectMany(b => b.Rewarded).ToList();
        // By the reward model a tenth for each token; by the judge what it says against a blank response.
        Assert.All(rewarded, r => Assert.Equal(rewardModel ? 0.1 * r.Completion.Ids.Length : 0.7, r.Reward, 9));
        Assert.Equal([0L, 1L, 2L], cluster.Streamed.Items.GroupBy(b => b.Step).OrderBy(g => g.Key)
            .Select(g => g.First().Rewarded[0].Completion.PolicyVersion));
    }

    [Theory]
    [InlineData(null, "/start")]
    [InlineData("policy", "/Self-Judge")]
    public async Task Self_judge_asks_the_judge_that_its_stage_names(string? judge, string model)
    {
        await using var cluster = await GrainCluster.Start();
        await Complete(cluster, TestRuns.SelfJudge(steps: 2).Stages[0] with { Judge = judge });
        Assert.All(cluster.Host.Judged.Items.Where(j => j.Cohort is not null), j => Assert.EndsWith(model, j.Model));
    }

    [Fact]
    public async Task The_oracle_judges_in_place_of_a_model()
    {
        await using var cluster = await GrainCluster.Start();
        await Complete(cluster, TestRuns.SelfJudge(steps: 2).Stages[0] with { Judge = "oracle" });
        Assert.DoesNotContain(cluster.Host.Judged.Items, j => j.Cohort is not null);
        var turns = new[] { new Turn(Role.User, "what is the opposite of hot ?") };
        var verdicts = await cluster.Grains.GetGrain<IJudgeReplicaGrain>("fake")
            .Judge(new JudgeRequest("oracle", turns,
            [new("the opposite of hot is cold .", "the opposite of hot is dog ."), new("dog dog", "the opposite of hot is cold .")],
            ["world"], null), TestContext.Current.CancellationToken);
        Assert.Equal([1, 2], verdicts.Select(v => v.Winner));
    }

    [Theory]
    [InlineData(StageMethod.SelfJudge)]
    [InlineData(StageMethod.OffPolicy)]
    [InlineData(StageMethod.Rso)]
    public async Task What_a_judge_prefers_in_one_order_only_makes_no_triplet_where_agreement_is_required(StageMethod method)
    {
        await using var cluster = await GrainCluster.Start();
        cluster.Host.Says = FakeModelHost.AlwaysA;
        var stage = TestRuns.SelfJudge(steps: 2).Stages[0] with { Method = method };
        var plain = (await Result(cluster, "plain", Recipe(stage))).Triplets;
        Assert.True(plain is { Made: > 0, InconsistentSkipped: 0 });
        var recipe = Recipe(stage);
        var agreed = (await Result(cluster, "agreed", recipe with { Judge = recipe.Judge with { RequireAgreement = true } })).Triplets;
        // The same samples: what was a triplet is none, and an exact tie is counted with it.
        Assert.Equal((0, 0), (agreed.Made, agreed.Trained));
        Assert.True(agreed.InconsistentSkipped >= plain.Made, $"{agreed}, {plain}");
        Assert.Equal(plain.IdenticalSkipped, agreed.IdenticalSkipped);
        Assert.Contains($"{agreed.InconsistentSkipped} comparisons whose orders disagree skipped",
            File.ReadAllText(new RunFolder(_folder.In("agreed")).Report));
    }

    [Fact]
    public async Task Where_agreement_is_required_a_judge_that_agrees_with_itself_teaches_the_same()
    {
        await using var cluster = await GrainCluster.Start();
        var recipe = Recipe(TestRuns.SelfJudge(steps: 2).Stages[0]);
        await Result(cluster, "plain", recipe);
        Assert.Equal(0, (await Result(cluster, "agreed",
            recipe with { Judge = recipe.Judge with { RequireAgreement = true } })).Triplets.InconsistentSkipped);
        Assert.Equal(cluster.Host.WeightsOf("plain/Self-Judge"), cluster.Host.WeightsOf("agreed/Self-Judge"));
    }

    private async Task<RunResult> Result(GrainCluster cluster, string name, Recipe recipe)
    {
        var run = cluster.Grains.GetGrain<IRunGrain>(name);
        await run.Start(TestRuns.Request(recipe, _folder.In(name)));
        Assert.Equal(RunState.Completed, (await End(cluster, run)).State);
        return RunResult.FromJson((await run.GetResult())!);
    }

    private static Recipe Recipe(params StageRecipe[] stages) => TestRuns.SelfJudge() with { Stages = stages };

    private Task Complete(GrainCluster cluster, params StageRecipe[] stages) => Complete(cluster, "run", stages);

    private async Task Complete(GrainCluster cluster, string name, params StageRecipe[] stages)
    {
        var run = cluster.Grains.GetGrain<IRunGrain>(name);
        await run.Start(TestRuns.Request(Recipe(stages), _folder.In(name)));
        var status = await End(cluster, run);
        Assert.Equal((RunState.Completed, null), (status.State, status.Message));
    }

    private static async Task<RunStatus> End(GrainCluster cluster, IRunGrain run)
    {
        RunStatus? status = null;
        await cluster.Calls.Answered.Until(async _ =>
            (status = await run.GetStatus()).State is RunState.Completed or RunState.Cancelled or RunState.Failed);
        return status!;
    }
}
