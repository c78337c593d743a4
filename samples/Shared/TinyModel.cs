using SelfJudge.Modeling.Decoders;
using SelfJudge.Modeling.Hosting;
using SelfJudge.Modeling.Learning;
using SelfJudge.Modeling.Learning.Objectives;
using SelfJudge.Preferences.Data;
using SelfJudge.Preferences.Learning;
using SelfJudge.World;

namespace SelfJudge.Samples;

/// <summary>A model small enough to be made in seconds, which answers the built-in world's questions after a fashion.</summary>
internal static class TinyModel
{
    /// <summary>The id under which the host has it.</summary>
    public const string Id = "tiny";

    private const string Untrained = "untrained";
    private const int Steps = 150, BatchSize = 32;

    /// <summary>Makes it on the host: random weights, then a little supervised fine-tuning on the data's chosen answers.</summary>
    public static async Task Make(IModelHost host, TrainingData data, ulong seed)
    {
        var config = new DecoderConfig
        {
            VocabSize = Vocabulary.Words.Count,
            HiddenSize = 64,
            IntermediateSize = 176,
            NumHiddenLayers = 2,
            NumAttentionHeads = 8,
            NumKeyValueHeads = 8,
            HeadDim = 8,
            MaxPositionEmbeddings = 256,
            TieWordEmbeddings = true,
            InitializerRange = 0.07f,
            EosTokenIds = [0],
        };
        var weights = new InitialModel(config, seed, WorldTokenizer.Create());
        await host.LoadAsync(Untrained, new ModelSource(null, weights, null, "world"), CancellationToken.None);
        var encoder = host.EncoderOf(Untrained);
        var spec = new TrainingSpec(Id, Untrained, null, null, seed, new OptimizerOptions());
        await using var training = await host.OpenTrainingAsync(spec, CancellationToken.None);
        for (var step = 0; step < Steps; step++)
        {
            var batch = Enumerable.Range(step * BatchSize, BatchSize).Select(i => data.Pairs[i % data.Pairs.Count]);
            var objective = new SupervisedObjective([.. batch.Select(pair => ExampleBuilder.Policy(encoder, pair))], new PartWeights());
            await training.StepAsync(objective, learningRate: 3e-3);
        }
    }
}
