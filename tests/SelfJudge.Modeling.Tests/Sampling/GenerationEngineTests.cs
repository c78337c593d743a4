using SelfJudge.Modeling.Decoders;
using SelfJudge.Modeling.Learning;
using SelfJudge.Modeling.Sampling;
using SelfJudge.Modeling.Tensors;
using SelfJudge.Preferences.Sampling;

namespace SelfJudge.Modeling.Tests.Sampling;

public sealed class GenerationEngineTests : IDisposable
{
    private readonly DecoderWeights _weights = DecoderWeights.Random(TestModels.Config(), 5);
    private readonly SamplingOptions _options = new() { TopP = 0.95, MaxNewTokens = 24 };

    public void Dispose() => _weights.Dispose();

    private static readonly SamplePrompt[] Prompts = [.. Enumerable.Range(0, 6)
        .Select(i =>
        new SamplePrompt(TestModels.Tokens(2 + 5 * i, (ulong)i), [(ulong)(100 + i), (ulong)(200 + i), (ulong)(300 + i)],
        new SamplingOptions { TopP = 0.95, MaxNewTokens = 24 }))];

    [Fact]
    public void Ragged_prompts_in_one_batch_draw_what_each_draws_alone()
    {
        var together = Run(8192, Prompts);
        foreach (var (i, prompt) in Prompts.Index())
            foreach (var (k, seed) in prompt.Seeds.Index())
            {
                var alone = Run(8192, prompt with { Seeds = [seed] })[0][0];
                Assert.Equal(alone.Ids, together[i][k].Ids);
                Assert.Equal(alone.Finish, together[i][k].Finish);
            }
    }

    [Fact]
    public void Prompts_that_join_later_draw_the_same()
    {
        using var engine = new GenerationEngine(TestModels.Model(_weights), 8192);
        var jobs = Prompts.Select(p => new GenerationJob(p, default)).ToList();
        engine.Admit(jobs[..2], 7);
        for (var i = 0; i < 5; i++)
            engine.Step();
        engine.Admit(jobs[2..], 8);
        while (engine.Active > 0)
            engine.Step();
        var expected = Run(8192, Prompts);
        for (var i = 0; i < jobs.Count; i++)
        {
            Assert.Equal(expected[i].Select(s => string.Join(' ', s.Ids)), Done(jobs[i]).Select(s => string.Join(' ', s.Ids)));
            Assert.All(Done(jobs[i]), s => Assert.Equal(i < 2 ? 7 : 8, s.PolicyVersion));
        }
    }

    [Fact]
    public void Prefill_in_small_chunks_draws_the_same() =>
        Assert.Equal(Run(8192, Prompts).SelectMany(s => s).Select(s => string.Join(' ', s.Ids)),
            Run(10, Prompts).SelectMany(s => s).Select(s => string.Join(' ', s.Ids)));

    [Fact]
    public void The_end_token_belongs_to_a_completion_only_if_it_was_emitted()
    {
        var all = Run(8192, [.. Enumerable.Range(0, 40)
            .Select(i => new SamplePrompt(TestModels.Tokens(4, (ulong)i), [(ulong)i], _options))]).SelectMany(s => s).ToList();
        Assert.Contains(all, s => s.Finish == FinishReason.Stop);
        Assert.Contains(all, s => s.Finish == FinishReason.Length);
        foreach (var s in all)
        {
            Assert.Equal(s.Finish == FinishReason.Stop, s.Ids[^1] == 0);
            Assert.DoesNotContain(0, s.Ids[..^1]);
            Assert.Equal(s.Ids.Length, s.LogProbs.Length);
            Assert.True(s.Finish == FinishReason.Stop || s.Ids.Length == 24);
        }
    }

    [Fact]
    public void Log_probabilities_are_those_of_the_untruncated_model()
    {
        var sample = Run(8192, Prompts[3])[0][0];
        using var scope = Ops.Scope();
        var model = TestModels.Model(_weights);
        var batch = new ResponseBatch([(Prompts[3].Prompt, sample.Ids)]);
        TestModels.AssertClose(TokenLogProbs.Forward(model, model.Hidden(batch.Batch), batch.Rows, batch.Targets), sample.LogProbs, 1e-4f);
    }

    [Fact]
    public void A_prompt_near_the_models_limit_is_cut_short_not_refused()
    {
        var prompt = new SamplePrompt(TestModels.Tokens(120, 1), [1], new SamplingOptions { MaxNewTokens = 100, TopP = 1 });
        var sample = Run(8192, prompt)[0][0];
        Assert.True(sample.Ids.Length <= 8);
    }

    [Theory]
    [InlineData(int.MaxValue)]
    [InlineData(1_000_000_000)]
    public void A_limit_of_more_tokens_than_there_are_positions_costs_no_memory_and_ends_at_the_last_position(int maxNewTokens)
    {
        using var longer = DecoderWeights.Random(TestModels.Config() with { MaxPositionEmbeddings = 3000, EosTokenIds = [] }, 5);
        using var engine = new GenerationEngine(TestModels.Model(longer), 8192);
        var job = new GenerationJob(new SamplePrompt(TestModels.Tokens(7, 1), [1],
            new SamplingOptions { MaxNewTokens = maxNewTokens, TopP = 1 }), default);
        engine.Admit([job], 0);
        while (engine.Active > 0)
            engine.Step();
        var sample = Done(job)[0];
        Assert.Equal((2993, FinishReason.Length), (sample.Ids.Length, sample.Finish));
        // The cache grew three times on the way: the numbers are those of one pass over all.
        using var scope = Ops.Scope();
        var model = TestModels.Model(longer);
        var batch = new ResponseBatch([(job.Request.Prompt, sample.Ids)]);
        TestModels.AssertClose(TokenLogProbs.Forward(model, model.Hidden(batch.Batch), batch.Rows, batch.Targets), sample.LogProbs, 2e-4f);
    }

    [Fact]
    public void A_job_that_nobody_waits_for_frees_its_place()
    {
        using var engine = new GenerationEngine(TestModels.Model(_weights), 8192);
        using var cancellation = new CancellationTokenSource();
        var kept = new GenerationJob(Prompts[0], default);
        var dropped = new GenerationJob(Prompts[1], cancellation.Token);
        engine.Admit([kept, dropped], 0);
        cancellation.Cancel();
        engine.Step();
        Assert.True(dropped.Result.IsCanceled);
        while (engine.Active > 0)
            engine.Step();
        Assert.Equal(Run(8192, Prompts[0])[0].Select(s => string.Join(' ', s.Ids)), Done(kept).Select(s => string.Join(' ', s.Ids)));
    }

    [Fact]
    public void An_adapter_samples_from_the_adapted_policy()
    {
        using var adapter = TestModels.Adapter(_weights.Config);
        using var engine = new GenerationEngine(TestModels.Model(_weights, adapter), 8192);
        var job = new GenerationJob(Prompts[4], default);
        engine.Admit([job], 0);
        while (engine.Active > 0)
            engine.Step();
        using var scope = Ops.Scope();
        var model = TestModels.Model(_weights, adapter);
        var batch = new ResponseBatch([(Prompts[4].Prompt, Done(job)[0].Ids)]);
        TestModels.AssertClose(TokenLogProbs.Forward(model, model.Hidden(batch.Batch), batch.Rows, batch.Targets), Done(job)[0].LogProbs,
            1e-4f);
    }

    private SampledSequence[][] Run(int maxPrefillTokens, params SamplePrompt[] prompts)
    {
        using var engine = new GenerationEngine(TestModels.Model(_weights), maxPrefillTokens);
        var jobs = prompts.Select(p => new GenerationJob(p, default)).ToList();
        engine.Admit(jobs, 0);
        while (engine.Active > 0)
            engine.Step();
        return [.. jobs.Select(Done)];
    }

    private static SampledSequence[] Done(GenerationJob job) =>
        job.Result.IsCompletedSuccessfully ? job.Result.Result : throw new InvalidOperationException("the job is not done");
}
