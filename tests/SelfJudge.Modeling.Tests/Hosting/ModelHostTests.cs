using SelfJudge.Modeling.Decoders;
using SelfJudge.Modeling.Hosting;
using SelfJudge.Modeling.Learning;
using SelfJudge.Modeling.Learning.Objectives;
using SelfJudge.Modeling.Sampling;
using SelfJudge.Modeling.Tokenizers;
using SelfJudge.Preferences.Losses;
using SelfJudge.Preferences.Sampling;
using SelfJudge.Preferences.Templates;
using SelfJudge.World;

namespace SelfJudge.Modeling.Tests.Hosting;

public sealed class ModelHostTests : IAsyncLifetime
{
    private static readonly DecoderConfig Config = new()
    {
        VocabSize = Vocabulary.Words.Count,
        HiddenSize = 16,
        IntermediateSize = 24,
        NumHiddenLayers = 2,
        NumAttentionHeads = 2,
        NumKeyValueHeads = 2,
        HeadDim = 8,
        MaxPositionEmbeddings = 96,
        TieWordEmbeddings = true,
        EosTokenIds = [0],
        InitializerRange = 0.3f,
    };

    private static readonly SamplingOptions Options = new() { MaxNewTokens = 20 };
    private readonly ModelHost _host = new(new ModelHostOptions { Workers = 2 });

    public async ValueTask InitializeAsync() =>
        await _host.LoadAsync("base", new ModelSource(null, new InitialModel(Config, 3, WorldTokenizer.Create()), null, "world"), default);

    public ValueTask DisposeAsync()
    {
        _host.Dispose();
        return ValueTask.CompletedTask;
    }

    [Fact]
    public async Task Requests_that_come_together_form_one_batch_and_each_gets_its_own()
    {
        var prompts = Enumerable.Range(0, 30).Select(i => Prompt(i)).ToList();
        var together = await Task.WhenAll(prompts.Select(p => _host.SampleAsync("base", p, null, default)));
        for (var i = 0; i < prompts.Count; i += 7)
            Assert.Equal((await _host.SampleAsync("base", prompts[i], null, default)).Select(s => string.Join(' ', s.Ids)),
                together[i].Select(s => string.Join(' ', s.Ids)));
        Assert.All(together.SelectMany(s => s), s => Assert.Equal(0, s.PolicyVersion));
    }

    [Fact]
    public async Task Sampling_stops_at_the_end_tokens_of_configuration_generation_and_template()
    {
        using var small = new Tokenizers.SmallTokenizer();
        small.Add(912, "<|eot_id|>");
        using var weights = DecoderWeights.Random(Config with { VocabSize = 913, EosTokenIds = [901] }, 1);
        SelfJudge.Modeling.Checkpoints.ModelFolder.Write(Path.Combine(small.Folder, "model"), weights.Config, weights.Buffer.ToArrays(),
            small.Load());
        File.WriteAllText(Path.Combine(small.Folder, "model", "generation_config.json"), """{"eos_token_id": [901, 908]}""");
        await _host.LoadAsync("chat", new ModelSource(Path.Combine(small.Folder, "model"), null, null, "llama-3"), default);
        Assert.Equal([901, 908, 912], _host.DescriptionOf("chat").Config.EosTokenIds);
    }

    [Theory]
    [InlineData(32, 32)]
    [InlineData(null, 96)]
    [InlineData(500, 96)] // the model knows no more positions
    public async Task A_model_and_what_is_trained_from_it_keep_to_the_length_they_are_loaded_with(int? asked, int expected)
    {
        await _host.LoadAsync("short", new ModelSource(null, new InitialModel(Config, 3, WorldTokenizer.Create()), null, "world", asked),
            default);
        await using var training = await _host.OpenTrainingAsync(
            new TrainingSpec("short/policy", "short", "short", new LoraConfig(2, 4, ["q_proj"]), 1, new OptimizerOptions()), default);
        Assert.Equal((expected, expected), (_host.EncoderOf("short").MaxLength, _host.EncoderOf("short/policy").MaxLength));
    }

    [Theory]
    [InlineData(4, 4)]
    [InlineData(1, 2)] // the samples of one prompt belong together
    [InlineData(null, 20)]
    public async Task So_many_sequences_are_generated_at_once_and_no_more(int? asked, int expected)
    {
        using var host = new ModelHost(new ModelHostOptions { Workers = 1, SliceTokens = 1 });
        await host.LoadAsync("base", new ModelSource(null, new InitialModel(Config with { EosTokenIds = [] }, 3, WorldTokenizer.Create()),
            null, "world", null, asked), default);
        using var gate = new ManualResetEventSlim();
        var gated = host.RunExclusive("gate", () => gate.Wait(TimeSpan.FromMinutes(1)));
        var sampling = Task.WhenAll(Enumerable.Range(0, 10)
            .Select(i =>
            host.SampleAsync("base", new SamplePrompt(host.EncoderOf("base").EncodePrompt([new Turn(Role.User, "cat")]), [1, 2], Options),
            new Cohort("c", 10, i), default)));
        // One look after each token.
        var looks = Enumerable.Range(0, 40).Select(_ => host.RunExclusive("another", () => host.Find("base").Lanes[0].Active)).ToList();
        gate.Set();
        Assert.True(await gated);
        Assert.Equal(expected, (await Task.WhenAll(looks)).Max());
        // Who else is generated meanwhile changes nothing.
        Assert.Single((await sampling).Select(s => string.Join('|', s.Select(x => string.Join(' ', x.Ids)))).Distinct());
    }

    [Fact]
    public async Task Sampling_judging_and_training_interleave()
    {
        await using var training = await Train("policy");
        var sampling = Enumerable.Range(0, 20).Select(i => _host.SampleAsync("base", Prompt(i), null, default)).ToList();
        var judging = Enumerable.Range(0, 20).Select(i => _host.JudgeAsync("base", [Judge("cat", "dog")], null, default)).ToList();
        var stepping = Enumerable.Range(0, 5).Select(_ => training.StepAsync(new PreferenceObjective(Pairs(), new PreferenceLoss()), 1e-3))
            .ToList();
        await Task.WhenAll([.. sampling, .. judging, .. stepping]);
        Assert.Equal(5, _host.VersionOf("policy"));
        Assert.Equal(0, _host.VersionOf("base"));
    }

    [Fact]
    public async Task A_completion_carries_the_version_that_made_it_and_a_step_waits_for_those_in_generation()
    {
        await using var training = await Train("policy");
        var before = _host.SampleAsync("policy", Prompt(1), null, default);
        var step = training.StepAsync(new PreferenceObjective(Pairs(), new PreferenceLoss()), 1e-2);
        var after = _host.SampleAsync("policy", Prompt(1), null, default);
        Assert.All(await before, s => Assert.Equal(0, s.PolicyVersion));
        await step;
        Assert.All(await after, s => Assert.Equal(1, s.PolicyVersion));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Once_its_training_has_ended_a_model_samples_under_the_version_that_it_would_have_if_it_were_loaded(bool byAdapter)
    {
        await using (var training = await Train("policy", byAdapter ? new LoraConfig(2, 4, ["q_proj"]) : null))
            await training.StepAsync(new PreferenceObjective(Pairs(), new PreferenceLoss()), 1e-2);
        Assert.All(await _host.SampleAsync("policy", Prompt(1), null, default), s => Assert.Equal(0, s.PolicyVersion));
    }

    [Fact]
    public async Task A_cohort_waits_for_all_its_members_and_the_order_of_arrival_does_not_matter()
    {
        async Task<string[]> Run(IEnumerable<int> order, string key)
        {
            var requests = new Dictionary<int, Task<SampledSequence[]>>();
            foreach (var i in order)
            {
                requests[i] = _host.SampleAsync("base", Prompt(i), new Cohort(key, 8, i), default);
                await Task.Delay(3);
            }
            var results = await Task.WhenAll(requests.OrderBy(r => r.Key).Select(r => r.Value));
            return [.. results.SelectMany(r => r).Select(s => string.Join(' ', s.Ids) + string.Join(' ', s.LogProbs))];
        }
        // log-probabilities bit for bit
        Assert.Equal(await Run(Enumerable.Range(0, 8), "a"), await Run(Enumerable.Range(0, 8).Reverse(), "b"));
    }

    [Fact]
    public async Task A_cohort_that_stays_incomplete_fails_with_the_count()
    {
        using var impatient = new ModelHost(new ModelHostOptions { Workers = 1, CohortTimeout = TimeSpan.FromSeconds(2) });
        await impatient.LoadAsync("base", new ModelSource(null, new InitialModel(Config, 3, WorldTokenizer.Create()), null, "world"),
            default);
        var problem = await Assert.ThrowsAsync<CohortIncompleteException>(() =>
            impatient.SampleAsync("base", Prompt(1), new Cohort("lonely", 3, 0), default));
        Assert.Contains("only 1 of the 3 requests of batch 'lonely' arrived within 2 s", problem.Message);
    }

    [Fact]
    public async Task A_batch_asked_for_anew_does_not_mix_with_what_was_abandoned_of_its_first_time()
    {
        using var abandon = new CancellationTokenSource();
        var left = Enumerable.Range(1, 2).Select(i => _host.SampleAsync("base", Prompt(i), new Cohort("again", 3, i), abandon.Token))
            .ToList();
        await abandon.CancelAsync();
        // With the two that were left this would be a whole batch, and the two that follow would wait for it in vain.
        var again = Enumerable.Range(0, 3).Select(i => _host.SampleAsync("base", Prompt(i), new Cohort("again", 3, i), default)).ToList();
        Assert.All(await Task.WhenAll(again), Assert.NotEmpty);
        foreach (var task in left)
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => task);
    }

    [Fact]
    public async Task A_cohort_of_judgments_counts_members_that_have_nothing_to_judge()
    {
        var first = _host.JudgeAsync("base", [Judge("cat", "dog"), Judge("dog", "cat")], new Cohort("judge", 2, 1), default);
        var second = _host.JudgeAsync("base", [], new Cohort("judge", 2, 0), default);
        Assert.Equal(2, (await first).Length);
        Assert.Empty(await second);
    }

    [Fact]
    public async Task Judge_probabilities_are_over_the_whole_vocabulary()
    {
        var p = Assert.Single(await _host.JudgeAsync("base", [Judge("cat", "dog")], null, default));
        Assert.InRange(p.A, 0, 1);
        Assert.InRange(p.A + p.B, 0, 0.999); // a model of random weights puts most mass elsewhere
    }

    [Fact]
    public async Task A_full_queue_refuses_at_once()
    {
        using var small = new ModelHost(new ModelHostOptions { Workers = 1, QueueCapacity = 4 });
        await small.LoadAsync("base", new ModelSource(null, new InitialModel(Config, 3, WorldTokenizer.Create()), null, "world"), default);
        using var blocked = new ManualResetEventSlim();
        var blocker = small.RunExclusive("base", () => { blocked.Wait(); return 0; });
        while (small.Status.QueueLength > 0)
            await Task.Delay(1);
        var waiting = Enumerable.Range(0, 4).Select(i => small.SampleAsync("base", Prompt(i), null, default)).ToList();
        Assert.Contains("has 4 requests waiting and takes no more",
            (await Assert.ThrowsAsync<HostBusyException>(() => small.SampleAsync("base", Prompt(9), null, default))).Message);
        blocked.Set();
        await Task.WhenAll(waiting);
        await blocker;
    }

    [Fact]
    public async Task A_cancelled_request_ends_and_the_others_go_on()
    {
        using var cancellation = new CancellationTokenSource();
        var dropped = _host.SampleAsync("base",
            Prompt(1) with { Options = Options with { MaxNewTokens = 80 }, Seeds = [.. Enumerable.Range(0, 50).Select(i => (ulong)i)] },
            null, cancellation.Token);
        var kept = _host.SampleAsync("base", Prompt(2), null, default);
        await cancellation.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => dropped);
        Assert.NotEmpty(await kept);
    }

    [Fact]
    public async Task An_unknown_model_and_impossible_requests_say_what_is_wrong()
    {
        Assert.Contains("has no model 'other'; load it first",
            (await Assert.ThrowsAsync<UnknownModelException>(() => _host.SampleAsync("other", Prompt(1), null, default))).Message);
        Assert.Contains("the prompt has 200 tokens; model 'base' takes 1 to 95",
            (await Assert.ThrowsAsync<ArgumentException>(() =>
            _host.SampleAsync("base", new SamplePrompt(new int[200], [1], Options), null, default))).Message);
        Assert.Contains("top_p must be more than 0 and at most 1",
            (await Assert.ThrowsAsync<ArgumentException>(() =>
            _host.SampleAsync("base", Prompt(1) with { Options = Options with { TopP = 0 } }, null, default))).Message);
    }

    [Fact]
    public async Task A_failed_load_is_the_callers_error_and_the_host_goes_on()
    {
        await Assert.ThrowsAsync<InvalidDataException>(() =>
            _host.LoadAsync("broken", new ModelSource("/no/such/folder", null, null, "world"), default));
        Assert.NotEmpty(await _host.SampleAsync("base", Prompt(1), null, default));
    }

    [Fact]
    public async Task A_snapshot_put_back_restores_weights_optimizer_and_version()
    {
        await using var training = await Train("policy", new LoraConfig(2, 4, ["q_proj"]));
        await training.StepAsync(new PreferenceObjective(Pairs(), new PreferenceLoss()), 1e-2);
        var snapshot = await training.SnapshotAsync();
        var onward = await training.StepAsync(new PreferenceObjective(Pairs(), new PreferenceLoss()), 1e-2);
        var reached = await training.SnapshotAsync();
        await training.RestoreAsync(snapshot);
        Assert.Equal(1, _host.VersionOf("policy"));
        Assert.Equal(onward, await training.StepAsync(new PreferenceObjective(Pairs(), new PreferenceLoss()), 1e-2), (a, b) =>
            a.Loss == b.Loss && a.GradientNorm == b.GradientNorm);
        var again = await training.SnapshotAsync();
        foreach (var (a, b) in reached.Weights.Concat(reached.Mean).Zip(again.Weights.Concat(again.Mean)))
            Assert.Equal(a.Values, b.Values);
    }

    [Fact]
    public async Task An_adapter_stands_on_its_base_and_outlives_the_bases_name()
    {
        var folder = Path.Combine(Path.GetTempPath(), "selfjudge-" + Guid.NewGuid().ToString("N"));
        await using (var training = await Train("policy", new LoraConfig(2, 4, Projection.Modules)))
        {
            await training.StepAsync(new PreferenceObjective(Pairs(), new PreferenceLoss()), 1e-2);
            await _host.SaveAsync("policy", folder, "base");
        }
        var expected = await _host.SampleAsync("policy", Prompt(5), null, default);
        await _host.LoadAsync("again", new ModelSource(folder, null, "base", "world"), default);
        var prompt = Prompt(5);
        await _host.UnloadAsync("base");
        Assert.Equal(expected.Select(s => string.Join(' ', s.Ids)),
            (await _host.SampleAsync("again", prompt, null, default)).Select(s => string.Join(' ', s.Ids)));
        Assert.Throws<UnknownModelException>(() => _host.EncoderOf("base"));
        Directory.Delete(folder, recursive: true);
    }

    [Fact]
    public async Task Health_tells_when_the_last_batch_ended_and_what_was_done()
    {
        await _host.SampleAsync("base", Prompt(1), null, default);
        await _host.JudgeAsync("base", [Judge("cat", "dog")], null, default);
        await _host.RunExclusive("base", () => 0); // the batches before this one have been counted
        var status = _host.Status;
        Assert.NotNull(status.LastBatchFinished);
        Assert.True(status.Totals.SampledTokens > 0);
        Assert.Equal(1, status.Totals.JudgedPrompts);
        Assert.Equal(["base"], status.Models);
    }

    [Fact]
    public async Task A_stopped_host_fails_what_waits_and_refuses_the_rest()
    {
        var host = new ModelHost(new ModelHostOptions { Workers = 1 });
        await host.LoadAsync("base", new ModelSource(null, new InitialModel(Config, 3, WorldTokenizer.Create()), null, "world"), default);
        var waiting = host.SampleAsync("base", Prompt(1), new Cohort("never", 2, 0), default);
        await Task.Delay(20);
        host.Dispose();
        await Assert.ThrowsAsync<ObjectDisposedException>(() => waiting);
    }

    private async Task<IPolicyTraining> Train(string policy, LoraConfig? lora = null) =>
        await _host.OpenTrainingAsync(new TrainingSpec(policy, "base", "base", lora, 1, new OptimizerOptions()), default);

    private SamplePrompt Prompt(int i) =>
        new(_host.EncoderOf("base").EncodePrompt([new Turn(Role.User, WorldPrompts.Instance.Test[i].Text)]), [(ulong)i, (ulong)(i + 1000)],
            Options);

    private EncodedJudgePrompt Judge(string a, string b) => _host.EncoderOf("base").EncodeJudge(JudgeTemplate.World, "what is it ?", a, b);

    private PreferencePair[] Pairs() =>
        [.. Enumerable.Range(0, 4)
            .Select(i => new PreferencePair(Prompt(i).Prompt, TestModels.Tokens(5, (ulong)i), TestModels.Tokens(7, (ulong)i + 50)))];
}
