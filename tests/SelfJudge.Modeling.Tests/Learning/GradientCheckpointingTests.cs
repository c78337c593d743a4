using System.Reflection;
using SelfJudge.Modeling.Decoders;
using SelfJudge.Modeling.Kernels;
using SelfJudge.Modeling.Kernels.Cpu;
using SelfJudge.Modeling.Learning;
using SelfJudge.Modeling.Learning.Objectives;
using SelfJudge.Modeling.Planning;
using SelfJudge.Modeling.Tensors;
using SelfJudge.Modeling.Workers;
using SelfJudge.Preferences.Learning;
using SelfJudge.Preferences.Losses;
using static TorchSharp.torch;

namespace SelfJudge.Modeling.Tests.Learning;

/// <summary>Gradient checkpointing holds for every objective, and keeps what <c>plan</c> counts.</summary>
public sealed class GradientCheckpointingTests : IDisposable
{
    private readonly TorchSharp.DisposeScope _scope = Ops.Scope();
    private readonly DecoderWeights _reference = DecoderWeights.Random(TestModels.Config(), 5);

    public void Dispose()
    {
        _reference.Dispose();
        _scope.Dispose();
    }

    private static readonly PreferencePair[] Pairs =
        [new(TestModels.Tokens(4, 1), TestModels.Tokens(6, 2), TestModels.Tokens(3, 3)),
            new(TestModels.Tokens(5, 4), TestModels.Tokens(2, 5), TestModels.Tokens(7, 6))];

    /// <summary>Each objective, and the tokens that it passes through the policy at once.</summary>
    public static TheoryData<string, Objective, int> Objectives => new()
    {
        { "supervised", new SupervisedObjective([new(TestModels.Tokens(9, 1), [.. Enumerable.Repeat(TokenPart.Response, 9)])],
            new PartWeights(1)), 9 },
        { "preference", new PreferenceObjective(Pairs, new PreferenceLoss()), 36 },
        { "reward", new BradleyTerryObjective(Pairs), 36 },
        { "ppo", new PpoObjective([.. Pairs.Select((p, i) => new RewardedResponse(p.Prompt, p.Chosen, i))], new PpoOptions(), 0.2), 17 },
    };

    [Theory]
    [MemberData(nameof(Objectives))]
    public void The_tape_keeps_what_plan_counts_and_the_gradients_have_the_same_bits(string name, Objective objective, int tokens)
    {
        foreach (var lora in new[] { null, new LoraConfig(3, 6, Projection.Modules, ScalarHead: true) })
        {
            var config = _reference.Config;
            var (kept, gradient) = Step(objective, lora, checkpointing: false);
            var (keptInputs, recomputed) = Step(objective, lora, checkpointing: true);
            // Beside the tape live the last layer's output and its norm.
            long counted = tokens * (config.NumHiddenLayers * ModelMemory.TapeFloats(config, lora) + 2L * config.HiddenSize);
            long countedInputs = tokens * (config.NumHiddenLayers + 2L) * config.HiddenSize;
            Assert.Equal((name, counted, countedInputs), (name, kept, keptInputs));
            Assert.Equal(gradient, recomputed);
            Assert.Contains(gradient, g => g != 0);
        }
    }

    private (long Kept, float[] Gradient) Step(Objective objective, LoraConfig? lora, bool checkpointing)
    {
        var kernels = DispatchProxy.Create<IKernels, KeptActivations>();
        using var weights = lora is null ? _reference.CloneWithScalarHead() : null;
        using var adapter = lora is null ? null : LoraAdapter.Random(_reference.Config, lora, Ops.Cpu, 1);
        var head = weights?.Score ?? adapter!.Score!;
        TestModels.Randoms((int)head.NumberOfElements, 7).CopyTo(Ops.Floats(head)); // one of zeros passes no gradient on
        using var workers = new WorkerPool(1);
        using var trainer = new PolicyTrainer(TestModels.Model(weights ?? _reference, adapter, kernels), TestModels.Model(_reference),
            workers,
            new OptimizerOptions(GradientCheckpointing: checkpointing));
        trainer.Step(objective, 0);
        return (((KeptActivations)kernels).AtTheTurn, Ops.ToArray(trainer.Mean.Flat));
    }

    /// <summary>Kernels that count the floats of all that they made and that is still there when the way back begins.</summary>
    public class KeptActivations : DispatchProxy
    {
        private readonly List<Tensor> _made = [];

        public long AtTheTurn { get; private set; }

        protected override object? Invoke(MethodInfo? targetMethod, object?[]? args)
        {
            if (AtTheTurn == 0 && targetMethod!.Name == nameof(IKernels.RmsNormBackward))
                AtTheTurn = _made.Where(t => !t.IsInvalid).Sum(t => t.NumberOfElements);
            var result = targetMethod!.Invoke(CpuKernels.Instance, args);
            if (result is Tensor tensor && targetMethod.Name != nameof(IKernels.TimesBackward))
                _made.Add(tensor);
            else if (result is (Tensor attended, Tensor logSumExp))
                _made.AddRange([attended, logSumExp]);
            return result;
        }
    }
}
