using System.Text.Json;
using SelfJudge.Modeling.Checkpoints;
using SelfJudge.Modeling.Decoders;
using SelfJudge.Modeling.Hosting;
using SelfJudge.Modeling.Learning;
using SelfJudge.Modeling.Sampling;
using SelfJudge.Modeling.Tensors;
using SelfJudge.Modeling.Tokenizers;
using SelfJudge.Preferences.Sampling;
using SelfJudge.Tests.Shared;
using SelfJudge.World;

namespace SelfJudge.Modeling.Tests.Hosting;

public sealed class LogProbsTests : IDisposable
{
    private readonly ModelHost _host = new(new ModelHostOptions { Workers = 2, MaxForwardTokens = 600 });

    public void Dispose() => _host.Dispose();

    /// <summary>Figures of other computations in float64: see <c>tests/data/make</c> for our own.</summary>
    [Theory]
    [InlineData("llama", null)]
    [InlineData("llama", "adapter")]
    [InlineData("shared/stories260k", null)]
    public async Task Log_probabilities_of_a_trained_checkpoint_are_golden(string folder, string? adapter)
    {
        await _host.LoadAsync("base", new ModelSource(TestData.Path(folder), null, null, "plain"), default);
        if (adapter is not null)
            await _host.LoadAsync("adapted", new ModelSource(TestData.Path(adapter), null, "base", "plain"), default);
        using var golden = JsonDocument.Parse(File.ReadAllText(TestData.Path($"{adapter ?? folder}/golden.json")));
        int[] ids = [.. golden.RootElement.GetProperty("ids").EnumerateArray().Select(e => e.GetInt32())];
        double[] each = [.. golden.RootElement.GetProperty("token_logps").EnumerateArray().Select(e => e.GetDouble())];
        var sums = await _host.LogProbsAsync(adapter is null ? "base" : "adapted",
            [.. Enumerable.Range(1, 63).Select(n => new ResponseSequence(ids[..n], ids[n..]))], default);
        for (var n = 1; n <= 63; n++)
            Assert.Equal(each[(n - 1)..].Sum(), sums[n - 1], 1e-4);
    }

    [Fact]
    public async Task Sequences_beyond_the_models_positions_are_those_of_a_direct_computation()
    {
        await Load();
        int[] longer = [1, .. TestModels.Tokens(699, 7, 512)], shorter = [1, .. TestModels.Tokens(40, 8, 512)];
        var sums = await _host.LogProbsAsync("m",
            [new ResponseSequence(longer[..650], longer[650..]), new ResponseSequence(shorter[..30], shorter[30..]),
            new ResponseSequence(shorter, [])], default);
        var direct = new DirectDecoder(TestData.Path("llama"));
        Assert.Equal(direct.LogProb(longer, 650), sums[0], 2e-3); // of some -700
        Assert.Equal(direct.LogProb(shorter, 30), sums[1], 2e-4);
        Assert.Equal(0, sums[2]);
    }

    [Fact]
    public async Task What_cannot_be_computed_is_named()
    {
        await Load();
        Assert.Contains("sequence 1: the token 512 is not in the vocabulary of 512",
            (await Assert.ThrowsAsync<ArgumentException>(() =>
            _host.LogProbsAsync("m", [new([1], [2]), new([1], [512])], default))).Message);
        Assert.Contains("sequence 0: the token -1 is",
            (await Assert.ThrowsAsync<ArgumentException>(() => _host.LogProbsAsync("m", [new([-1], [2])], default))).Message);
        Assert.Contains("sequence 0: a response needs a prompt",
            (await Assert.ThrowsAsync<ArgumentException>(() => _host.LogProbsAsync("m", [new([], [2])], default))).Message);
    }

    /// <summary>One request that cannot be computed does not fail those that it would have been batched with.</summary>
    [Fact]
    public async Task What_cannot_be_sampled_judged_or_rewarded_is_named_before_it_joins_a_batch()
    {
        await Load();
        var options = new SamplingOptions { MaxNewTokens = 3 };
        async Task Refused(string message, Func<Task> ask) =>
            Assert.Contains(message, (await Assert.ThrowsAsync<ArgumentException>(ask)).Message, StringComparison.Ordinal);
        await Refused("the prompt: the token 512 is not in the vocabulary of 512", () =>
            _host.SampleAsync("m", new SamplePrompt([1, 512], [1], options), null, default));
        await Refused("the prompt: the token -7 is", () => _host.SampleAsync("m", new SamplePrompt([-7], [1], options), null, default));
        await Refused("the prompt has 512 tokens", () =>
            _host.SampleAsync("m", new SamplePrompt(new int[512], [1], options), null, default));
        await Refused("no sample is asked for", () => _host.SampleAsync("m", new SamplePrompt([1], [], options), null, default));
        await Refused("judge prompt 1: the token 300000 is not", () =>
            _host.JudgeAsync("m", [new EncodedJudgePrompt([1], 2, 3), new EncodedJudgePrompt([300000], 2, 3)], null, default));
        await Refused("judge prompt 0: the token 600 is not", () =>
            _host.JudgeAsync("m", [new EncodedJudgePrompt([1], 2, 600)], null, default));
        await Refused("judge prompt 0 has 0 tokens; model 'm' takes 1 to 512", () =>
            _host.JudgeAsync("m", [new EncodedJudgePrompt([], 2, 3)], null, default));
        await Refused("judge prompt 0 has 513 tokens", () =>
            _host.JudgeAsync("m", [new EncodedJudgePrompt(new int[513], 2, 3)], null, default));
        await Refused("is no reward model", () => _host.RewardsAsync("m", [new([1], [2])], null, default));
        Assert.Equal(3, (await _host.SampleAsync("m", new SamplePrompt([1], [1], options), null, default))[0].Ids.Length);
    }

    [Fact]
    public async Task A_model_whose_tokenizer_knows_more_tokens_than_it_is_not_loaded()
    {
        var folder = Path.Combine(Path.GetTempPath(), "selfjudge-host-" + Guid.NewGuid().ToString("N"));
        using var weights = DecoderWeights.Random(TestModels.Config(), 1);
        ModelFolder.Write(folder, weights.Config, weights.Buffer.ToArrays(), WorldTokenizer.Create());
        var problem = await Assert.ThrowsAsync<InvalidDataException>(() =>
            _host.LoadAsync("m", new ModelSource(folder, null, null, "world"), default));
        Directory.Delete(folder, recursive: true);
        Assert.Contains($"the token '{Vocabulary.Words[37]}' has the id 37, but the model knows the ids 0 to 36 only (vocab_size 37 in "
            + $"config.json)", problem.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_sequence_without_a_token_is_read_from_no_other() =>
        Assert.Contains("sequence 1 has no token",
            Assert.Throws<ArgumentException>(() => SelfJudge.Modeling.Learning.ScalarReadings.LastRows(TestModels.Batch(3, 0, 2))).Message,
            StringComparison.Ordinal);

    [Fact]
    public async Task A_stream_gives_the_tokens_that_a_sample_has_and_can_be_left()
    {
        await Load();
        var prompt = new SamplePrompt([1], [5], new SamplingOptions { MaxNewTokens = 30 });
        var streamed = new List<int>();
        await foreach (var token in _host.StreamAsync("m", prompt, default))
            streamed.Add(token);
        Assert.Equal((await _host.SampleAsync("m", prompt, null, default))[0].Ids, streamed);
        await foreach (var _ in _host.StreamAsync("m", prompt with { Options = new SamplingOptions { MaxNewTokens = 500 } }, default))
            break;
        Assert.Single(await _host.SampleAsync("m", prompt, null, default)); // the host goes on
    }

    [Theory]
    [InlineData("llama3")]
    [InlineData("shared/tiny-llama3")]
    public async Task A_scaled_bf16_checkpoint_converts_to_the_same_numbers(string checkpoint)
    {
        var (model, folder) = (TestData.Path(checkpoint),
            Path.Combine(Path.GetTempPath(), "selfjudge-convert-" + Guid.NewGuid().ToString("N")));
        try
        {
            ModelConversion.Convert(model, null, merge: false, bf16: true, folder);
            DecoderConfig before = ModelFolder.ReadConfig(model), after = ModelFolder.ReadConfig(folder);
            Assert.Equivalent(before, after);
            using var first = ModelFolder.ReadWeights(model, before, Ops.Cpu);
            using var second = ModelFolder.ReadWeights(folder, after, Ops.Cpu);
            Assert.Equal(Ops.ToArray(first.Buffer.Flat), Ops.ToArray(second.Buffer.Flat)); // BF16 to BF16 rounds nothing
            Assert.Contains("\"torch_dtype\": \"bfloat16\"", File.ReadAllText(Path.Combine(folder, "config.json")));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private Task Load() => _host.LoadAsync("m", new ModelSource(TestData.Path("llama"), null, null, "plain"), default);
}
