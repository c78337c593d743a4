using SelfJudge.Modeling.Decoders;
using SelfJudge.Modeling.Hosting;
using SelfJudge.Modeling.Learning;
using SelfJudge.Modeling.Learning.Objectives;
using SelfJudge.Modeling.Sampling;
using SelfJudge.Preferences.Losses;
using SelfJudge.Preferences.Sampling;

namespace SelfJudge.Bench.Benchmarks;

/// <summary>
/// The weights of policy, reference and judge against those of one model of 15 million parameters: as bytes of the
/// tensors behind the three, each counted once, and as what the process's resident memory grows by when they are made.
/// The latter holds the trainer's gradients and moments too. Activations and key-value caches come on top; they depend
/// on the work, not on the roles.
/// </summary>
internal static class RoleMemory
{
    private const int RoundCount = 5;
    private const string Base = "base";
    private const string Policy = "policy";

    private static readonly LoraConfig Adapter = new(8, 16, ["q_proj", "v_proj"]);

    public static async Task<IReadOnlyList<Figure>> Measure(Workbench bench)
    {
        List<double> tensors = [], adapterTensors = [], fullTensors = [];
        var resident = await Rounds.Alternate(RoundCount,
            () => Resident(tensors, isTrained: false),
            () => Resident(adapterTensors, isTrained: true, Adapter),
            () => Resident(fullTensors, isTrained: true));
        var (packed, afterwards) = await Packed();
        const string ofOne = "of one model";
        return
        [
            new Figure("one model, tensors", tensors[0], "MB"),
            new Figure("policy, reference, judge by adapter, tensors", adapterTensors[0], "MB", adapterTensors[0] / tensors[0], ofOne,
                Target.AtMost(1.1)),
            new Figure("policy, reference, judge by full weights, tensors", fullTensors[0], "MB", fullTensors[0] / tensors[0], ofOne),
            new Figure("packed copies while two models generate in turn", packed, "MB", packed / tensors[0], ofOne, Target.AtMost(1.1)),
            new Figure("packed copies once a step is made", afterwards, "MB", afterwards / tensors[0], ofOne, Target.AtMost(0)),
            new Figure("one model, resident", Rounds.Median(resident[0]), "MB"),
            Figure.OfRounds("the three by adapter, trainer too, resident", resident[1], "MB", Rounds.Ratios(resident[1], resident[0]),
                ofOne, Target.AtMost(1.1)),
            Figure.OfRounds("the three by full weights, trainer too, resident", resident[2], "MB", Rounds.Ratios(resident[2], resident[0]),
                ofOne),
        ];
    }

    // Megabytes by which the process grows; those of the roles' tensors are added to the list.
    private static async Task<double> Resident(List<double> tensors, bool isTrained, LoraConfig? lora = null)
    {
        using var host = new ModelHost(new ModelHostOptions { Name = "bench-memory" });
        GC.Collect();
        var before = Environment.WorkingSet;
        await host.LoadAsync(Base, Workbench.Llama15M(), CancellationToken.None);
        await using var training = isTrained
            ? await host.OpenTrainingAsync(new TrainingSpec(Policy, Base, Base, lora, 1, new OptimizerOptions()), CancellationToken.None)
            : null;
        GC.Collect();
        var grown = Environment.WorkingSet - before;
        var (policy, reference, judge) = (isTrained ? Policy : Base, Base, Base);
        tensors.Add(await host.RunExclusive(policy, () => Megabytes(TensorBytes(host, policy, reference, judge))));
        return Megabytes(grown);
    }

    // Megabytes of the copies that a CPU packs for generation: the most that are held while two models generate, and what a training step
    // leaves.
    private static async Task<(double Most, double Afterwards)> Packed()
    {
        using var host = new ModelHost(new ModelHostOptions { Name = "bench-memory" });
        await host.LoadAsync(Base, Workbench.Llama15M(), CancellationToken.None);
        await using var training = await host.OpenTrainingAsync(new TrainingSpec(Policy, Base, Base, null, 1, new OptimizerOptions()),
            CancellationToken.None);
        double Held() => Megabytes(host.Find(Base).Model.PreparedBytes + host.Find(Policy).Model.PreparedBytes);
        var most = 0.0;
        foreach (var model in new[] { Base, Policy, Base })
        {
            await host.SampleAsync(model, new SamplePrompt([1, 2, 3], [1], new SamplingOptions { MaxNewTokens = 4 }), null,
                CancellationToken.None);
            most = Math.Max(most, Held());
        }
        await training.StepAsync(new PreferenceObjective([new PreferencePair([1, 2], [3], [4])], new PreferenceLoss()), 0);
        return (most, Held());
    }

    private static long TensorBytes(ModelHost host, params string[] roles) => roles.Select(r => host.Find(r).Model)
        .SelectMany(m => new[] { m.Weights.Buffer, m.Adapter?.Buffer }).OfType<FlatBuffer>().Distinct()
            .Sum(b => b.Flat.NumberOfElements * b.Flat.ElementSize);

    private static double Megabytes(long bytes) => bytes / 1e6;
}
