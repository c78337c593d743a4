using System.Reflection;
using SelfJudge.Abstractions;
using SelfJudge.Preferences.Judging;
using SelfJudge.Preferences.Sampling;
using SelfJudge.Preferences.Templates;
using SelfJudge.Preferences.Tournaments;
using SelfJudge.Tests.Shared;

namespace SelfJudge.Client.Tests;

/// <summary>What a submission asks of a cluster, by grains that only note it down.</summary>
public sealed class SubmissionTests : IDisposable
{
    private static readonly IReadOnlyList<IReadOnlyList<Turn>> Prompts =
        [[new Turn(Role.User, "one ?")], [new Turn(Role.User, "two ?")], [new Turn(Role.User, "three ?")]];

    private static readonly SubmittedModel Model = new("m",
        [new ModelReference("base", "/base", null, null, "paper"), new ModelReference("adapter", "/adapter", null, "base", "paper")],
        ["hh-helpful"], new SamplingOptions());

    private readonly TemporaryFolder _folder = new();
    private readonly Cluster _cluster = new("h0", "h1");

    public void Dispose() => _folder.Dispose();

    private string File => _folder.In("answers.jsonl");

    private Submission Of(
        ulong seed = 1, int samples = 2, IReadOnlyList<IReadOnlyList<Turn>>? prompts = null, SubmittedModel? model = null,
        MatchPrior? prior = null) =>
        new(prompts ?? Prompts, model ?? Model, new SamplingOptions(0.7), samples, seed, prior ?? new(), File);

    [Fact]
    public async Task A_prior_goes_with_every_prompt_and_is_part_of_the_job()
    {
        await Of(prior: new MatchPrior { Weight = 0.5 }).Run(_cluster.Grains, 0, _ => { }, CancellationToken.None);
        Assert.All(_cluster.Asked, r => Assert.Equal(new PriorRequest(0.5, PriorUnit.Sequence, null), r.Prior));
        Assert.Equal(4, _cluster.Loaded.Count);
        Assert.Throws<UserError>(() => Of().ReadDone());
        Assert.Throws<UserError>(() => Of(prior: new MatchPrior { Weight = 0.4 }).ReadDone());
        Assert.Equal(3, Of(prior: new MatchPrior { Weight = 0.5 }).ReadDone().Count);
        Assert.Equal(Of().Job, Of(prior: new MatchPrior { Per = PriorUnit.Token }).Job); // of no weight
    }

    [Fact]
    public async Task The_reference_of_a_prior_is_loaded_after_the_model()
    {
        var model = Model with { Reference = [new ModelReference("start", "/start", null, null, "world")] };
        var prior = new MatchPrior { Weight = 10, Of = PriorModel.Reference, Per = PriorUnit.Token };
        await Of(model: model, prior: prior).Run(_cluster.Grains, 0, _ => { }, CancellationToken.None);
        Assert.Equal(["h0 base", "h0 adapter", "h0 start", "h1 base", "h1 adapter", "h1 start"], _cluster.Loaded);
        Assert.All(_cluster.Asked, r => Assert.Equal(new PriorRequest(10, PriorUnit.Token, "start"), r.Prior));
    }

    [Fact]
    public async Task The_model_is_loaded_everywhere_base_first_and_prompts_go_round_the_hosts()
    {
        await Of().Run(_cluster.Grains, 0, _ => { }, CancellationToken.None);
        Assert.Equal(["h0 base", "h0 adapter", "h1 base", "h1 adapter"], _cluster.Loaded);
        Assert.Equal([("h0", 0), ("h1", 1), ("h0", 2)], _cluster.Asked.Select(r => (r.PolicyHost, r.Index)));
        Assert.All(_cluster.Asked, r => Assert.Equal(
            (r.PolicyHost, "adapter", "adapter", 2, 0.7, (Cohort?)null, (TripletRequest?)null),
            (r.JudgeHost, r.PolicyModel, r.JudgeModel, r.Samples, r.Sampling.Temperature, r.Cohort, r.Training)));
        Assert.Equal(3, _cluster.Asked.Select(r => r.Seed).Distinct().Count());
    }

    [Fact]
    public async Task Each_prompts_seed_depends_on_the_submissions_seed_and_its_place_alone()
    {
        await Of().Run(_cluster.Grains, 0, _ => { }, CancellationToken.None);
        var whole = _cluster.Asked.Select(r => r.Seed).ToList();
        _cluster.Asked.Clear();
        await Of().Run(_cluster.Grains, 2, _ => { }, CancellationToken.None);
        Assert.Equal(whole[2], Assert.Single(_cluster.Asked).Seed);
        _cluster.Asked.Clear();
        await Of(seed: 2).Run(_cluster.Grains, 0, _ => { }, CancellationToken.None);
        Assert.Empty(whole.Intersect(_cluster.Asked.Select(r => r.Seed)));
    }

    [Fact]
    public async Task Results_are_lines_of_the_winner_and_are_read_back()
    {
        var finished = new List<PromptResult>();
        await Of().Run(_cluster.Grains, 0, finished.Add, CancellationToken.None);
        Assert.Equal(finished.Select(f => f.ToJson()), System.IO.File.ReadAllLines(File));
        var read = Of().ReadDone();
        Assert.Equal([0, 1, 2], read.Select(r => r.Index));
        var first = read[0];
        Assert.Equal(("completion 1", 1, 2), (first.Answer, first.Winner, first.Completions.Count));
        Assert.Equal((3, -1.5, FinishReason.Stop),
            (first.Completions[1].Tokens, first.Completions[1].LogProb, first.Completions[1].Finish));
        var match = Assert.Single(first.Matches);
        Assert.Equal((1, true), (match.Winner, match.OrdersAgree));
        Assert.Equal(0.8, match.Verdict.Judgments[0].Forward.A + match.Verdict.Judgments[0].Forward.B, 12);
    }

    [Fact]
    public async Task A_file_of_another_submission_is_not_gone_on_with()
    {
        await Of().Run(_cluster.Grains, 0, _ => { }, CancellationToken.None);
        var other = $"{File}:1: made with another model, template, sampling, number of samples, prior or seed; "
            + "name another file with --out";
        Assert.Equal(other, Refusal(Of(seed: 2)));
        Assert.Equal(other, Refusal(Of(samples: 3)));
        Assert.Equal($"{File}:3: belongs to other prompts than those submitted; name another file with --out",
            Refusal(Of(prompts: [.. Prompts.Take(2)])));
        System.IO.File.WriteAllText(File, "{\"index\":0}\n");
        Assert.StartsWith($"{File}:1: not a result of 'submit'", Refusal(Of()));

        static string Refusal(Submission submission) => Assert.Throws<UserError>(() => submission.ReadDone()).Message;
    }

    [Fact]
    public async Task A_prompt_that_fails_is_said_with_what_is_done_before_it()
    {
        _cluster.Fails = 1;
        var error = await Assert.ThrowsAsync<UserError>(() => Of().Run(_cluster.Grains, 0, _ => { }, CancellationToken.None));
        Assert.Equal($"prompt 1 failed: no room\nthe 1 before it are in {File}; the same command goes on from there", error.Message);
        Assert.Single(Of().ReadDone());
    }

    [Fact]
    public async Task A_cluster_without_a_model_host_is_refused() =>
        Assert.Equal("the cluster has no model host: start a silo with one",
            (await Assert.ThrowsAsync<UserError>(() => Of().Run(new Cluster().Grains, 0, _ => { }, CancellationToken.None))).Message);

    private sealed class Cluster(params IReadOnlyList<string> hosts)
    {
        public IGrainFactory Grains => GrainFactory.Of(this);
        public List<string> Loaded { get; } = [];
        public List<PromptRequest> Asked { get; } = [];
        public int? Fails { get; set; }

        public Task Call(string key, string method, object?[] arguments) => (method, arguments[0]) switch
        {
            ("Load", ModelReference model) => Noted(() => Loaded.Add($"{key} {model.Id}")),
            ("Play", PromptRequest request) => Play(request),
            _ => throw new NotSupportedException(method),
        };

        public IReadOnlyList<string> Hosts => hosts;

        private static Task Noted(Action note)
        {
            note();
            return Task.CompletedTask;
        }

        // Of two completions the one of index 1 wins.
        private Task<PromptOutcome> Play(PromptRequest request)
        {
            Asked.Add(request);
            if (request.Index == Fails)
                return Task.FromException<PromptOutcome>(new InvalidOperationException("no room"));
            var bracket = new Bracket([1, 0], [1, 0], [], 0).Play([Verdict.Of([new TemplateJudgment(null, new(0.7, 0.1), new(0.1, 0.7))])]);
            Completion[] completions = [.. Enumerable.Range(0, 2)
                .Select(i => new Completion([1, 2, 3], [-0.5f, -0.5f, -0.5f], FinishReason.Stop, (ulong)i, 0, $"completion {i}"))];
            return Task.FromResult(new PromptOutcome(request.Index, completions, bracket));
        }
    }

    /// <summary>Gives grains of any kind, which hand their calls to the cluster.</summary>
    public class GrainFactory : DispatchProxy
    {
        private Cluster _cluster = null!;

        internal static IGrainFactory Of(object cluster)
        {
            var factory = Create<IGrainFactory, GrainFactory>();
            ((GrainFactory)(object)factory)._cluster = (Cluster)cluster;
            return factory;
        }

        protected override object? Invoke(MethodInfo? targetMethod, object?[]? args)
        {
            var kind = targetMethod!.GetGenericArguments()[0];
            if (kind == typeof(IModelHostsGrain))
                return new ModelHosts(_cluster.Hosts);
            var grain = (Grain)typeof(DispatchProxy).GetMethod(nameof(Create), 2, [])!.MakeGenericMethod(kind, typeof(Grain))
                .Invoke(null, null)!;
            grain.Call = (method, arguments) => _cluster.Call((string)args![0]!, method, arguments);
            return grain;
        }
    }

    public class Grain : DispatchProxy
    {
        internal Func<string, object?[], Task> Call { get; set; } = null!;

        protected override object? Invoke(MethodInfo? targetMethod, object?[]? args) => Call(targetMethod!.Name, args!);
    }

    private sealed class ModelHosts(IReadOnlyList<string> names) : IModelHostsGrain
    {
        public Task<IReadOnlyList<string>> List() => Task.FromResult(names);
    }
}
