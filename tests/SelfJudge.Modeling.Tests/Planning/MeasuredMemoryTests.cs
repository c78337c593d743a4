using System.Runtime.InteropServices;
using SelfJudge.Modeling.Hosting;
using SelfJudge.Modeling.Learning;
using SelfJudge.Modeling.Planning;
using SelfJudge.Preferences.Learning;

namespace SelfJudge.Modeling.Tests.Planning;

/// <summary>Tests that measure the process have it to themselves.</summary>
[CollectionDefinition(nameof(MeasuredMemoryTests), DisableParallelization = true)]
public sealed class MeasuredMemoryCollection;

[Collection(nameof(MeasuredMemoryTests))]
public sealed class MeasuredMemoryTests
{
    /// <summary>The process grows by what is counted: within a tenth, and ten megabytes for what the allocator and the runtime hold beside it.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_training_step_takes_what_is_counted(bool adapted)
    {
        var lora = adapted ? ModelMemoryTests.Lora : null;
        var config = ModelMemoryTests.Llama7B with { HiddenSize = 192, IntermediateSize = 512, NumHiddenLayers = 6, NumAttentionHeads = 6, NumKeyValueHeads = 6, HeadDim = 32, VocabSize = 8000, MaxPositionEmbeddings = 4096 };
        using var host = new ModelHost(new ModelHostOptions { Workers = 1 });
        await host.LoadAsync("base", new ModelSource(null, new InitialModel(config, 1), null, "world"), default);
        await using var training = await host.OpenTrainingAsync(new TrainingSpec("policy", "base", null, lora, 1, new OptimizerOptions(MaxTokensPerBatch: 3000)), default);
        SupervisedExample Example(int tokens) => new(TestModels.Tokens(tokens, 5, 8000), [.. Enumerable.Repeat(TokenPart.Response, tokens)]);
        await training.SupervisedStepAsync([Example(8)], new PartWeights(), 0); // what the first step makes once: pages of gradient and moments, code
        GC.Collect();
        GC.WaitForPendingFinalizers();
        _ = Trim(0); // what other tests freed would be taken again unseen
        if (!ProcessMemory.ResetPeak() || ProcessMemory.Resident is not { } before)
            throw new InvalidOperationException("this system does not count resident memory");
        await training.SupervisedStepAsync([.. Enumerable.Range(0, 6).Select(_ => Example(500))], new PartWeights(), 0);
        var (grown, counted) = (ProcessMemory.Peak!.Value - before, ModelMemory.Training(config, lora, 3000, checkpointing: false));
        TestContext.Current.SendDiagnosticMessage($"grown {grown / 1e6:0.0} MB, counted {counted / 1e6:0.0} MB");
        Assert.InRange(grown, 0.9 * counted - 10e6, 1.1 * counted + 10e6);
    }

    [DllImport("libc", EntryPoint = "malloc_trim")]
    private static extern int Trim(nuint kept);
}
