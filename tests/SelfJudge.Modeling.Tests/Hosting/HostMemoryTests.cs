using System.Runtime.InteropServices;
using SelfJudge.Modeling.Decoders;
using SelfJudge.Modeling.Hosting;
using SelfJudge.Modeling.Kernels;
using SelfJudge.Modeling.Learning;
using SelfJudge.Modeling.Learning.Objectives;
using SelfJudge.Modeling.Sampling;
using SelfJudge.Modeling.Tokenizers;
using SelfJudge.Preferences.Learning;
using SelfJudge.Preferences.Sampling;
using SelfJudge.World;

namespace SelfJudge.Modeling.Tests.Hosting;

/// <summary>Where memory runs out, the work that needed it fails and says what to lower; the host goes on.</summary>
public sealed class HostMemoryTests : IAsyncLifetime
{
    private const string Plan = "; 'plan' says what a recipe takes";

    private static readonly DecoderConfig Config = TestModels.Config(vocab: Vocabulary.Words.Count) with { HiddenSize = 16, HeadDim = 4 };

    private readonly ScarceKernels _kernels = new();
    private readonly ModelHost _host;

    public HostMemoryTests() => _host = new ModelHost(new ModelHostOptions { Workers = 2, Kernels = _kernels });

    public async ValueTask InitializeAsync() =>
        await _host.LoadAsync("base", new ModelSource(null, new InitialModel(Config, 3, WorldTokenizer.Create()), null, "world"), default);

    public ValueTask DisposeAsync()
    {
        _host.Dispose();
        return ValueTask.CompletedTask;
    }

    public static TheoryData<string, string?> Exhausted => new()
    {
        { nameof(IKernels.Prepare), null },
        { nameof(IKernels.AttendCached), null },
        { nameof(IKernels.AttendCached),
            "[enforce fail at alloc_cpu.cpp:119] . DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes." },
        { nameof(IKernels.AttendCached), "CUDA out of memory. Tried to allocate 2.00 GiB" },
    };

    [Theory]
    [MemberData(nameof(Exhausted))]
    public async Task Sampling_that_has_no_room_fails_and_the_next_samples(string kernel, string? native)
    {
        var before = await Sample();
        await _host.LogProbsAsync("base", [new ResponseSequence([1, 2], [3])], default); // what was ready for generation is given back
        _kernels.Fail(kernel, native);
        Assert.Equal($"model host host-0 ran out of memory while it sampled from 'base': lower model.max_active_sequences or "
            + $"sampling.max_new_tokens{Plan}",
            (await Assert.ThrowsAsync<HostMemoryException>(Sample)).Message);
        _kernels.Recover();
        Assert.Equal(before, await Sample());
    }

    [Fact]
    public async Task Judging_that_has_no_room_fails_and_the_next_judges()
    {
        Task<SelfJudge.Preferences.Judging.JudgeProbabilities[]> Judge() =>
            _host.JudgeAsync("base", [new EncodedJudgePrompt([1, 2, 3], 4, 5)], null, default);
        var before = await Judge();
        _kernels.Fail(nameof(IKernels.Attend));
        Assert.Equal($"model host host-0 ran out of memory while it judged with 'base': lower model.max_length{Plan}",
            (await Assert.ThrowsAsync<HostMemoryException>(Judge)).Message);
        _kernels.Recover();
        Assert.Equal(before, await Judge());
    }

    [Fact]
    public async Task Training_that_has_no_room_fails_and_says_what_to_lower()
    {
        await using var training = await _host.OpenTrainingAsync(new TrainingSpec("policy", "base", null, null, 1, new OptimizerOptions()),
            default);
        Task<StepReport> Step() =>
            training.StepAsync(new SupervisedObjective(
                [new SupervisedExample([1, 2, 3], [TokenPart.Context, TokenPart.Response, TokenPart.Response])], new PartWeights()), 1e-3);
        _kernels.Fail(nameof(IKernels.AttendBackward));
        var failure = await Assert.ThrowsAsync<HostMemoryException>(Step);
        Assert.Equal($"model host host-0 ran out of memory while it trained 'policy': lower optimizer.max_tokens_per_batch, set "
            + $"optimizer.gradient_checkpointing, or train an adapter{Plan}", failure.Message);
        _kernels.Recover();
        Assert.True(double.IsFinite((await Step()).Loss));
    }

    [Fact]
    public async Task What_fails_for_another_reason_stays_what_it_is()
    {
        _kernels.Fail(nameof(IKernels.AttendCached), "mat1 and mat2 shapes cannot be multiplied");
        Assert.Equal("mat1 and mat2 shapes cannot be multiplied", (await Assert.ThrowsAsync<ExternalException>(Sample)).Message);
    }

    private async Task<IEnumerable<string>> Sample()
    {
        var sampled = await _host.SampleAsync("base", new SamplePrompt([5, 6, 7], [1, 2], new SamplingOptions { MaxNewTokens = 6 }), null,
            default);
        return [.. sampled.Select(s => string.Join(' ', s.Ids))];
    }
}
